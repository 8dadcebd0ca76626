package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	annID = "0190a000-0000-7000-8000-00000000000a"
	bobID = "0190a000-0000-7000-8000-00000000000b"
)

var (
	service = &auth.Caller{Role: auth.Service, Claims: "{}"}
	all     = []string{"create", "update", "delete"}
)

// clubs is a backend where posts are for the members of their club.
func clubs() *manifest.Manifest {
	ref := func(name, table string) manifest.Column {
		return manifest.Column{Name: name, Type: "ref", Table: table}
	}
	condition := func(text string) manifest.Condition { return manifest.Condition{Declared: true, Text: text} }
	always := manifest.Condition{Declared: true, Always: true}
	return &manifest.Manifest{
		Name: "clubs",
		Tables: []manifest.Table{
			{Name: "users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "email", Type: "text", BuiltIn: true}}},
			{Name: "clubs", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "name", Type: "text"}}, Access: manifest.Access{Read: always}},
			{Name: "members", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{ref("club", "clubs"), ref("user", "users")}},
			{
				Name: "posts", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{ref("club", "clubs"), {Name: "text", Type: "text"}},
				Access: manifest.Access{Read: condition("member(club)")},
			},
		},
		Rules: []manifest.Rule{{Name: "member", Params: []string{"club"}, Text: "tables.members.exists(m, m.club == club && m.user == auth.uid)"}},
		Channels: []manifest.Channel{
			{Name: "posts", Table: "posts", Events: all},
			{Name: "chess", Table: "posts", Filter: "club.name == 'chess'", Events: all},
			{Name: "clubs", Table: "clubs", Events: all},
		},
	}
}

// watched is a gate that counts what it is asked to judge, and may fail at it.
type watched struct {
	*data.Gate
	store  *sqlite.Store
	asked  atomic.Int64
	fail   atomic.Int64 // so many times
	before func()       // runs in the first Judge
}

func (g *watched) Judge(ctx context.Context, conditions []query.Expr) ([]query.Truth, error) {
	if before := g.before; before != nil {
		g.before = nil
		before()
	}
	g.asked.Add(int64(len(conditions)))
	if g.fail.Add(-1) >= 0 {
		return nil, errors.New("the store does not answer")
	}
	return g.Gate.Judge(ctx, conditions)
}

func openClubs(t *testing.T) *watched {
	t.Helper()
	m := clubs()
	schema, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "data.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	have, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context(), plan.Diff(have, plan.FromManifest(m, schema), nil)); err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = view.Close() })
	g, err := data.New(data.Options{Manifest: m, Schema: schema, Rules: rules, View: view})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{Gate: g, store: s}
	w.put(t, "users", `[{"id":"`+annID+`"},{"id":"`+bobID+`"}]`)
	w.put(t, "clubs", `[{"id":1,"name":"chess"},{"id":2,"name":"rowing"}]`)
	return w
}

func (g *watched) put(t *testing.T, table, body string) {
	t.Helper()
	if _, err := g.Insert(t.Context(), service, data.Write{Table: table, Body: []byte(body)}); err != nil {
		t.Fatalf("insert into %s: %v", table, err)
	}
}

func (g *watched) join(t *testing.T, id int, club int, user string) {
	t.Helper()
	g.put(t, "members", fmt.Sprintf(`{"id":%d,"club":%d,"user":%q}`, id, club, user))
}

func (g *watched) remove(t *testing.T, table string, id int) {
	t.Helper()
	if _, err := g.Delete(t.Context(), service, data.Write{Table: table, Key: fmt.Sprint(id), HasKey: true}); err != nil {
		t.Fatal(err)
	}
}

func (g *watched) change(t *testing.T, table string, id int, body string) {
	t.Helper()
	if _, err := g.Update(t.Context(), service, data.Write{Table: table, Key: fmt.Sprint(id), HasKey: true, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

func (g *watched) hub(t *testing.T) *live.Hub {
	t.Helper()
	h, err := live.NewHub(t.Context(), live.Options{Feed: g.store, Gate: g})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// listener keeps what it is told as short texts: "create 1".
type listener struct {
	t      *testing.T
	sub    *live.Subscription
	wake   chan struct{}
	told   []string
	cursor live.Cursor
	ended  *live.End
}

func listen(t *testing.T, h *live.Hub, channel, uid string, after *live.Cursor) *listener {
	t.Helper()
	l := &listener{t: t, wake: make(chan struct{}, 1)}
	sub, err := h.Subscribe(live.Request{Channel: channel, Caller: caller(uid), After: after, Encoder: plain{}, Wake: func() {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Close)
	l.sub = sub
	return l
}

func (l *listener) take() {
	frames, end := l.sub.Take(nil, 1<<20)
	for _, raw := range frames {
		var f frame
		if err := json.Unmarshal(raw.Data, &f); err != nil {
			l.t.Fatal(err)
		}
		l.cursor = raw.Cursor
		switch raw.Type {
		case live.Snapshot:
			keys := make([]string, len(f.Rows))
			for i, row := range f.Rows {
				keys[i] = fmt.Sprint(row["id"])
			}
			l.told = append(l.told, strings.TrimSpace("snapshot "+strings.Join(keys, ",")))
		case live.Resumed, live.Truncated:
			l.told = append(l.told, f.Type)
		default:
			l.told = append(l.told, fmt.Sprintf("%s %d", f.Type, f.Key))
		}
	}
	if end != nil {
		l.ended = end
	}
}

// hears waits for exactly what is told next.
func (l *listener) hears(want ...string) {
	l.t.Helper()
	deadline := time.After(2 * time.Minute)
	for l.take(); len(l.told) < len(want); l.take() {
		select {
		case <-l.wake:
		case <-deadline:
			l.t.Fatalf("told %q, want %q; ended %v", l.told, want, l.ended)
		}
	}
	if !slices.Equal(l.told, want) {
		l.t.Fatalf("told %q, want %q", l.told, want)
	}
	l.told = nil
}

func TestMembersAloneAreTold(t *testing.T) {
	g := openClubs(t)
	g.join(t, 1, 1, annID)
	g.join(t, 2, 2, bobID)
	g.put(t, "posts", `[{"id":1,"club":1},{"id":2,"club":2}]`)
	h := g.hub(t)
	ann, bob, nobody := listen(t, h, "posts", annID, nil), listen(t, h, "posts", bobID, nil), listen(t, h, "posts", "", nil)
	ann.hears("snapshot 1")
	bob.hears("snapshot 2")
	nobody.hears("snapshot")

	g.put(t, "posts", `[{"id":3,"club":1},{"id":4,"club":2},{"id":5,"club":null}]`)
	ann.hears("create 3")
	bob.hears("create 4")
	g.change(t, "posts", 3, `{"text":"x"}`)
	ann.hears("update 3")
	g.change(t, "posts", 3, `{"club":2}`) // it moves from the one's club to the other's
	ann.hears("leave 3")
	bob.hears("enter 3")
	g.remove(t, "posts", 4)
	bob.hears("delete 4")

	// Who leaves is told of nothing that comes later, and who joins of that alone.
	g.remove(t, "members", 2)
	g.join(t, 3, 2, annID)
	g.put(t, "posts", `{"id":6,"club":2}`)
	ann.hears("create 6")
	g.change(t, "posts", 2, `{"text":"y"}`)
	ann.hears("update 2")
	g.join(t, 4, 1, bobID)
	g.put(t, "posts", `{"id":7,"club":1}`)
	bob.hears("create 7")
	ann.hears("create 7")

	// A snapshot of now says the same.
	listen(t, h, "posts", annID, nil).hears("snapshot 1,2,3,6,7")
	listen(t, h, "posts", bobID, nil).hears("snapshot 1,7")
	nobody.take()
	if len(nobody.told) > 0 {
		t.Errorf("nobody was told %q", nobody.told)
	}
}

func TestFilterLooksThroughReference(t *testing.T) {
	g := openClubs(t)
	g.join(t, 1, 1, annID)
	g.join(t, 2, 2, annID)
	h := g.hub(t)
	ann := listen(t, h, "chess", annID, nil)
	ann.hears("snapshot")
	g.put(t, "posts", `[{"id":1,"club":2},{"id":2,"club":1}]`)
	ann.hears("create 2")
	g.change(t, "clubs", 2, `{"name":"chess"}`) // nothing of the row itself changes
	g.change(t, "posts", 2, `{"text":"x"}`)
	ann.hears("update 2")
	g.put(t, "posts", `{"id":3,"club":2}`)
	ann.hears("create 3")
}

// TestOneQuestionForMany proves that rows and subscribers that ask the same
// ask once, and those who need not ask never.
func TestOneQuestionForMany(t *testing.T) {
	g := openClubs(t)
	g.join(t, 1, 1, annID)
	h := g.hub(t)
	plainly := listen(t, h, "clubs", annID, nil)
	plainly.hears("snapshot 1,2")
	g.put(t, "clubs", `{"id":3,"name":"darts"}`)
	plainly.hears("create 3")
	if n := g.asked.Load(); n != 0 {
		t.Errorf("%d questions for a rule that asks nothing", n)
	}
	one, two := listen(t, h, "posts", annID, nil), listen(t, h, "posts", annID, nil)
	one.hears("snapshot")
	two.hears("snapshot")
	eventually(t, "both are attached", func() bool { _, groups := h.Subscribers(); return groups == 2 })
	rows, want := make([]string, 600), make([]string, 600)
	for i := range rows {
		rows[i], want[i] = fmt.Sprintf(`{"id":%d,"club":1}`, i+1), fmt.Sprintf("create %d", i+1)
	}
	g.put(t, "posts", "["+strings.Join(rows, ",")+"]")
	one.hears(want...)
	two.hears(want...)
	if n := g.asked.Load(); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

func TestComingBackIsJudged(t *testing.T) {
	g := openClubs(t)
	g.join(t, 1, 1, annID)
	h := g.hub(t)
	ann := listen(t, h, "posts", annID, nil)
	ann.hears("snapshot")
	ann.sub.Close()
	rows := make([]string, 300) // more than is asked about at once
	var want []string
	for i := range rows {
		club := 1 + i%2
		rows[i] = fmt.Sprintf(`{"id":%d,"club":%d}`, i+1, club)
		if club == 1 {
			want = append(want, fmt.Sprintf("create %d", i+1))
		}
	}
	g.put(t, "posts", "["+strings.Join(rows, ",")+"]")
	again := listen(t, h, "posts", annID, &ann.cursor)
	again.hears(append([]string{"resumed"}, want...)...)
}

// TestStoreThatDoesNotAnswer proves that nothing is told on a guess and nothing
// is left out: subscribers wait for an answer, and are ended where none comes.
func TestStoreThatDoesNotAnswer(t *testing.T) {
	g := openClubs(t)
	g.join(t, 1, 1, annID)
	h := g.hub(t)
	ann, bob, other := listen(t, h, "posts", annID, nil), listen(t, h, "posts", bobID, nil), listen(t, h, "clubs", bobID, nil)
	ann.hears("snapshot")
	bob.hears("snapshot")
	other.hears("snapshot 1,2")
	eventually(t, "all are attached", func() bool { _, groups := h.Subscribers(); return groups == 3 })

	g.fail.Store(4)
	g.put(t, "posts", `{"id":1,"club":1}`)
	g.put(t, "posts", `{"id":2,"club":1}`)
	g.put(t, "clubs", `{"id":3}`)
	other.hears("create 3")
	ann.hears("create 1", "create 2")

	g.fail.Store(1 << 30)
	g.put(t, "posts", `{"id":3,"club":1}`)
	for _, l := range []*listener{ann, bob} {
		eventually(t, "it is ended", func() bool { l.take(); return l.ended != nil })
		if l.ended.Reason != live.Failed || len(l.told) > 0 {
			t.Errorf("ended with %v, told %q", l.ended, l.told)
		}
	}
	g.fail.Store(0)
	listen(t, h, "posts", annID, &ann.cursor).hears("resumed", "create 3")
}

// TestComingWhileTheStoreIsAsked proves that who attaches between the question
// and the answer misses nothing.
func TestComingWhileTheStoreIsAsked(t *testing.T) {
	g := openClubs(t)
	g.join(t, 1, 1, annID)
	g.join(t, 2, 1, bobID)
	h := g.hub(t)
	ann := listen(t, h, "posts", annID, nil)
	ann.hears("snapshot")
	eventually(t, "she is attached", func() bool { _, groups := h.Subscribers(); return groups == 1 })
	start := live.Cursor{Commit: h.Position()}
	var bob *listener
	g.before = func() {
		bob = listen(t, h, "posts", bobID, &start)
		eventually(t, "he is attached", func() bool { _, groups := h.Subscribers(); return groups == 2 })
	}
	g.put(t, "posts", `{"id":1,"club":1}`)
	ann.hears("create 1")
	bob.hears("resumed", "create 1")
	g.put(t, "posts", `{"id":2,"club":1}`)
	ann.hears("create 2")
	bob.hears("create 2")
}
