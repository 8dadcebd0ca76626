package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

func TestErrorIsForTheLog(t *testing.T) {
	at := fault.Position{File: "edgehive.cue", Line: 3, Column: 7}
	base := fault.New("bad-value", "type is wrong")
	for _, test := range []struct {
		err  error
		want string
	}{
		{base, "type is wrong [bad-value]"},
		{base.WithCause(fs.ErrNotExist), "type is wrong [bad-value]: file does not exist"},
		{base.At("tables.a"), "tables.a: type is wrong [bad-value]"},
		{base.At("tables.a", at), "edgehive.cue:3:7: tables.a: type is wrong [bad-value]"},
		{base.At("tables.a", fault.Position{File: "edgehive.cue"}), "tables.a: type is wrong [bad-value]"},
		{fault.Newf("", "%d rows", 5), "5 rows"},
		{fault.List{base, base.At("b")}, "type is wrong [bad-value]\nb: type is wrong [bad-value]"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestWithCopies(t *testing.T) {
	shared := fault.New("c", "m")
	changed := shared.WithDetails("d").WithHint("h").WithCause(fs.ErrClosed).At("p", fault.Position{Line: 1})
	if shared.Details != "" || shared.Hint != "" || shared.Cause != nil || shared.Path != "" || shared.Positions != nil {
		t.Errorf("a shared fault was changed: %+v", *shared)
	}
	if changed.Details != "d" || changed.Hint != "h" || !errors.Is(changed, fs.ErrClosed) || changed.Path != "p" || len(changed.Positions) != 1 {
		t.Errorf("got %+v", *changed)
	}
}

func TestFrom(t *testing.T) {
	known := fault.New("23505", "taken")
	if fault.From(nil) != nil {
		t.Error("no error is a fault")
	}
	if got := fault.From(fmt.Errorf("insert: %w", known)); got != known {
		t.Errorf("got %v", got)
	}
	secret := errors.New("open /home/ann/private.db")
	got := fault.From(secret)
	if got.Code != fault.CodeInternal || !errors.Is(got, secret) {
		t.Errorf("got %v", got)
	}
	if public := got.Message + got.Details + got.Hint; strings.Contains(public, "ann") {
		t.Errorf("the public text tells the cause: %s", public)
	}
}

func TestIs(t *testing.T) {
	err := fmt.Errorf("read: %w", fault.New("42501", "denied"))
	if !fault.Is(err, "42501") || fault.Is(err, "42703") || fault.Is(errors.New("42501"), "42501") || fault.Is(nil, "") {
		t.Error("the code is told wrongly")
	}
}

func TestErrOfList(t *testing.T) {
	if err := (fault.List{}).Err(); err != nil {
		t.Errorf("an empty list is %v", err)
	}
	if err := (fault.List{fault.New("c", "m")}).Err(); err == nil || err.Error() != "m [c]" {
		t.Errorf("got %v", err)
	}
}

func TestSort(t *testing.T) {
	place := func(message, path, file string, line, column int) *fault.Fault {
		return fault.New("c", message).At(path, fault.Position{File: file, Line: line, Column: column})
	}
	want := fault.List{
		place("1", "z", "a.cue", 1, 9),
		place("2", "z", "a.cue", 2, 1),
		place("3", "z", "a.cue", 2, 2),
		place("4", "z", "a.cue", 10, 1),
		place("5", "a", "b.cue", 1, 1),
		place("6", "b", "b.cue", 1, 1),
		place("7", "b", "b.cue", 1, 1),
		place("8", "a", "", 0, 0),
		fault.New("c", "9").At("b"),
	}
	for shift := range want {
		got := append(slices.Clone(want[shift:]), want[:shift]...)
		slices.Reverse(got)
		got.Sort()
		if !slices.Equal(got, want) {
			t.Errorf("sorted:\n%v", got)
		}
	}
	same := fault.List{place("same", "a", "a.cue", 1, 1), place("same", "a", "a.cue", 1, 1)}
	first := same[0]
	if same.Sort(); same[0] != first {
		t.Error("equal faults change places")
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct {
		name       string
		candidates string
		want       string
	}{
		{"title", "title author", "title"},
		{"titel", "author title", "title"},    // swapped neighbours
		{"itlte", "title", ""},                // two swaps are two mistakes, of five letters one may be
		{"autohr", "author", "author"},        // swapped near the end
		{"uathro", "author", "author"},        // two swaps of six letters
		{"TITLE", "status title", "title"},    // case alone
		{"Title", "titles title", "title"},    // case before a nearer spelling
		{"titles", "title", "title"},          // one too many
		{"tile", "title", "title"},            // one too few
		{"tytle", "title", "title"},           // another letter
		{"TITEL", "title", "title"},           // case and a swap
		{"satus", "title status", "status"},   // the nearest
		{"statsu", "statue status", "status"}, // a swap is one mistake, two other letters are two
		{"abcdef", "abcdxy", "abcdxy"},        // two of six
		{"abcde", "abcxy", ""},                // two of five
		{"id", "ix", ""},                      // short names have no mistakes to spare
		{"id", "ID", "ID"},
		{"ab", "ba", ""},
		{"abc", "acb", "acb"},
		{"a", "b", ""},
		{"", "a", ""},
		{"abc", "", ""},
		{"first", "firsta firstb", "firsta"}, // the first of equals
		{"aaaaaaaaaaaa", "bbbbbbbbbbbb aaaaaaaabbbb aaaaaaaaabbb", "aaaaaaaaabbb"},
		{"straße", "strasse", "strasse"},
	} {
		if got := fault.Nearest(test.name, strings.Fields(test.candidates)); got != test.want {
			t.Errorf("%q among %q: %q, want %q", test.name, test.candidates, got, test.want)
		}
	}
	if got := fault.NearestHint("titel", []string{"title"}, "no"); got != "did you mean title?" {
		t.Error(got)
	}
	if got := fault.NearestHint("x", []string{"title"}, "it has title"); got != "it has title" {
		t.Error(got)
	}
}

func TestClip(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc..."},
		{"日本", 6, "日本"},
		{"日本", 5, "日..."},
		{"日本", 4, "日..."},
		{"日本", 3, "日..."},
		{"日本", 2, "..."},
		{"\x80\x80\x80", 2, "..."},
	} {
		if got := fault.Clip(test.text, test.most); got != test.want {
			t.Errorf("%q at %d: %q, want %q", test.text, test.most, got, test.want)
		}
	}
}

func TestListed(t *testing.T) {
	names := strings.Split("abcdefghijklm", "")
	if got := fault.Listed(names[:12]); got != "a, b, c, d, e, f, g, h, i, j, k, l" {
		t.Error(got)
	}
	if got := fault.Listed(names); got != "a, b, c, d, e, f, g, h, i, j, k, l, ..." {
		t.Error(got)
	}
	if got := fault.Listed(nil); got != "" {
		t.Error(got)
	}
}

func TestRenderPlaces(t *testing.T) {
	at := fault.Position{File: "/p/sub/a.cue", Line: 1, Column: 1}
	f := fault.New("c", "m").At("", at, at, fault.Position{}, fault.Position{File: "/p/../q/b.cue", Line: 2, Column: 2}).WithCause(errors.New("private"))
	var b strings.Builder
	if err := fault.Render(&b, fault.List{f}, "/p"); err != nil {
		t.Fatal(err)
	}
	if want := "sub/a.cue:1:1: m\n    [c]\n    also /p/../q/b.cue:2:2\n"; b.String() != want {
		t.Errorf("got %q", b.String())
	}
	b.Reset()
	if err := fault.Render(&b, fault.List{f}, ""); err != nil || !strings.HasPrefix(b.String(), "/p/sub/a.cue:1:1: m\n") {
		t.Errorf("got %q, %v", b.String(), err)
	}
	r := fault.NewReport(fault.List{f}, "/p")
	if r.OK || len(r.Faults[0].Positions) != 4 || r.Faults[0].Positions[0].File != "sub/a.cue" {
		t.Errorf("got %+v", r)
	}
	for _, write := range []func() error{
		func() error { return fault.Render(broken{}, fault.List{f}, "") },
		func() error { return fault.RenderJSON(broken{}, fault.List{f}, "") },
	} {
		if err := write(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a writer's error is lost: %v", err)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, fs.ErrClosed }
