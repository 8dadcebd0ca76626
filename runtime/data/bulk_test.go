package data_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// exported is an export as text, or the code of its fault.
func (b *backend) exported(t testing.TB, caller *auth.Caller, table, url string, form data.Form) string {
	t.Helper()
	r, err := b.Parse(caller, table, url)
	if err != nil {
		return code(t, err)
	}
	var out bytes.Buffer
	rows, err := b.Export(t.Context(), caller, data.Export{Table: table, Request: r, Form: form}, &out)
	if err != nil {
		return code(t, err)
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); form != data.CSV && lines != rows {
		t.Errorf("%d rows in %d lines", rows, lines)
	}
	return out.String()
}

// load imports as a caller.
func (b *backend) load(t testing.TB, caller *auth.Caller, i data.Import, text string) (data.Imported, error) {
	t.Helper()
	i.Source = strings.NewReader(text)
	return b.Import(t.Context(), caller, i)
}

func TestExport(t *testing.T) {
	b := shelved(t)
	for _, test := range []struct {
		name       string
		caller     *auth.Caller
		table, url string
		form       data.Form
		want       string
	}{
		{"rows", ann, "genres", "", data.JSON, `{"id":"novel","label":"Novel"}` + "\n" + `{"id":"short","label":"Short"}` + "\n"},
		{"hidden rows", ann, "books", "select=id", data.JSON, "{\"id\":1}\n{\"id\":2}\n{\"id\":4}\n{\"id\":5}\n"},
		{"all rows", service, "books", "select=id&order=id.desc&limit=2&offset=1", data.JSON, "{\"id\":4}\n{\"id\":3}\n"},
		{"hidden columns", ann, "authors", "id=eq.1", data.JSON, `{"id":1,"name":"Austen"}` + "\n"},
		{"a hidden column", ann, "authors", "select=secret", data.JSON, "42703 column authors.secret does not exist"},
		{"a hidden column in a filter", ann, "authors", "secret=eq.a", data.JSON, "42703 column authors.secret does not exist"},
		{"a hidden column in the order", ann, "authors", "order=secret", data.JSON, "42703 column authors.secret does not exist"},
		{"a table of nobody's", ann, "vault", "", data.JSON, "42501 permission denied for table vault"},
		{"embeds", ann, "authors", "select=id,books!author(title)&id=eq.1", data.JSON, `{"id":1,"books":[{"title":"Emma"},{"title":"Persuasion"}]}` + "\n"},
		{"without nulls", ann, "books", "select=id,author&id=eq.5", data.Stripped, "{\"id\":5}\n"},
		{"csv", ann, "books", "select=id,title,author&id=gt.3", data.CSV, "id,title,author\n4,Ficciones,2\n5,Atlas,\n"},
		{"csv of none", ann, "books", "select=id&id=eq.0", data.CSV, "id\n"},
		{"none", ann, "books", "id=eq.0", data.JSON, ""},
		{"a walk", ann, "genres", "_from=books/1&_via=book_genres&select=id,_hops", data.JSON, `{"id":"novel","_hops":1}` + "\n"},
		{"pages", ann, "books", "_page=", data.JSON, "PGRST100 an export has no pages"},
	} {
		if got := b.exported(t, test.caller, test.table, test.url, test.form); got != test.want {
			t.Errorf("%s: got  %s\nwant %s", test.name, got, test.want)
		}
	}
}

// failing is a client that has gone after so many bytes.
type failing struct{ left int }

var errGone = errors.New("gone")

func (w *failing) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errGone
	}
	return len(p), nil
}

func TestExportStreams(t *testing.T) {
	b := open(t, shop())
	const rows = 5000 // the table answers 5, and a piece holds about 1000 of them
	if _, err := b.load(t, service, data.Import{Table: "books", Form: data.CSV}, "title,stock\n"+strings.Repeat("A,0\n", rows)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.exported(t, nobody, "books", "select=title", data.JSON), "\n"); got != rows {
		t.Errorf("%d rows", got)
	}
	opened := 0
	x := data.Export{Table: "books", Opened: func() { opened++ }}
	if _, err := b.Export(t.Context(), nobody, x, &failing{100 << 10}); !errors.Is(err, errGone) || opened != 1 {
		t.Errorf("got %v, opened %d times", err, opened)
	}
	for range 10 { // what was opened is closed
		if _, err := b.Export(t.Context(), nobody, data.Export{Table: "books"}, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExportsOfCallers: callers leave the service role room for its own, however
// slowly they read.
func TestExportsOfCallers(t *testing.T) {
	b := shelved(t)
	// running begins the exports one inside the other, so that all run at once,
	// and tells of each whether it did.
	var running func(callers ...*auth.Caller) string
	running = func(callers ...*auth.Caller) string {
		if len(callers) == 0 {
			return ""
		}
		inner := ""
		_, err := b.Export(t.Context(), callers[0], data.Export{Table: "genres", Opened: func() { inner = running(callers[1:]...) }}, io.Discard)
		if err != nil {
			return " " + code(t, err) + running(callers[1:]...)
		}
		return " ok" + inner
	}
	const full = " 53000 too many exports are running"
	for range 2 { // what has ended counts no more
		if got, want := running(ann, nobody, ann, service, nobody, service, service), " ok ok"+full+" ok"+full+" ok"+full; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestImport(t *testing.T) {
	const start = `[{"title":"Emma","stock":0}]`
	for _, test := range []struct {
		name   string
		caller *auth.Caller
		i      data.Import
		text   string
		want   string // the code and details of the fault, or what was done and is there
	}{
		{"lines", ann, data.Import{}, "{\"title\":\"A\",\"stock\":0}\n{\"stock\":0,\"title\":\"B\",\"price\":1.5}\n", `2 2 [{"title":"A","price":null},{"title":"B","price":1.50}]`},
		{"an array", ann, data.Import{}, `[{"title":"A","stock":0}]`, `1 1 [{"title":"A","price":null}]`},
		{"csv", ann, data.Import{Form: data.CSV}, "title,price,stock\nA,,0\n", `1 1 [{"title":"A","price":null}]`},
		{"nothing", ann, data.Import{}, "", "0 0 []"},
		{"nobody", nobody, data.Import{}, start, "42501 line 1"},
		{"a column rule", ann, data.Import{}, start + "\n" + `{"title":"B","stock":0,"cost":1}`, "428C9 line 2"},
		{"a column rule that holds", staff, data.Import{}, start + `{"title":"B","stock":0,"cost":1}`, `2 2 [{"title":"Emma","price":null},{"title":"B","price":null}]`},
		{"a check of the table", ann, data.Import{}, start + "\n\n" + `{"title":"B","price":0}`, "23514 line 3"},
		{"a check of a column", ann, data.Import{}, start + "\n" + `{"title":"B","stock":0,"genre":"x"}`, "23514 line 2"},
		{"a key twice", ann, data.Import{}, `{"id":"` + emmaID + `","title":"A","stock":0}` + "\n" + `{"id":"` + emmaID + `","title":"B","stock":0}`, "23505 line 2"},
		{"keys that differ", ann, data.Import{}, start + "\n" + `{"nope":1}`, "PGRST204 line 2"},
		{"broken", ann, data.Import{}, start + "\n{", "PGRST102 line 2"},
		{"an array that ends early", ann, data.Import{}, `[{"title":"A","stock":0}`, "PGRST102 line 1"},
		{"kept back", ann, data.Import{Rollback: true}, start, "1 1 []"},
		{"too deep", ann, data.Import{}, `{"title":"A","stock":0,"meta":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}", "PGRST102 line 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, shop())
			test.i.Table = "books"
			done, err := b.load(t, test.caller, test.i, test.text)
			got := fmt.Sprint(done.Rows, " ", done.Inserted, " ", b.read(t, service, "books", "select=title,price"))
			if err != nil {
				f := fault.From(err)
				if !strings.HasSuffix(got, "[]") {
					t.Errorf("an import that failed left %s", got)
				}
				got = strings.TrimSpace(f.Code + " " + f.Details)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestImportOverRowsThatAreThere(t *testing.T) {
	b := shelved(t)
	const rows = "id,label\nnovel,Roman\npoem,Poem\n"
	i := data.Import{Table: "genres", Form: data.CSV}
	if _, err := b.load(t, ann, i, rows); !fault.Is(err, "23505") || fault.From(err).Details != "line 2" {
		t.Errorf("got %v", err)
	}
	i.Resolution = data.Ignore
	if done, err := b.load(t, ann, i, rows); err != nil || done.Rows != 1 || done.Inserted != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	i.Resolution = data.Merge
	if done, err := b.load(t, ann, i, rows); err != nil || done.Rows != 2 || done.Inserted != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if got, want := b.read(t, ann, "genres", ""), `[{"id":"novel","label":"Roman"},{"id":"poem","label":"Poem"},{"id":"short","label":"Short"}]`; got != want {
		t.Errorf("got %s", got)
	}
	// A row that he may not read is not merged into, and a column that he may not
	// update is not taken.
	i = data.Import{Table: "books", Resolution: data.Merge}
	for text, want := range map[string]string{
		`{"id":3,"title":"Mine"}`: "42501",
		`{"id":1,"title":"fixed"}` + "\n" + `{"id":2,"shelf":"z","title":"x"}`: "428C9",
	} {
		if _, err := b.load(t, ann, i, text); !fault.Is(err, want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestImportInChunks(t *testing.T) {
	b := open(t, shop())
	text := strings.Repeat(`{"title":"A","stock":0}`+"\n", 25) + `{"title":"A","price":-1}` + "\n" + `{"title":"A","stock":0}`
	done, err := b.load(t, service, data.Import{Table: "books", Chunk: 10}, text)
	if !fault.Is(err, "23514") || fault.From(err).Details != "line 26" || done.Rows != 20 || done.Rest != 21 {
		t.Errorf("%+v, %v", done, err)
	}
	if got := strings.Count(b.exported(t, service, "books", "", data.JSON), "\n"); got != 20 {
		t.Errorf("%d rows are in", got)
	}
	// One that the database refuses takes its chunk along.
	text = `{"id":"` + emmaID + `","title":"A","stock":0}` + "\n" + strings.Repeat(`{"title":"A","stock":0}`+"\n", 3) + `{"id":"` + emmaID + `","title":"A","stock":0}`
	done, err = b.load(t, service, data.Import{Table: "books", Chunk: 2}, text)
	if !fault.Is(err, "23505") || fault.From(err).Details != "line 5" || done.Rows != 4 || done.Rest != 5 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestRoundTrip exports every table and imports it into an empty database.
func TestRoundTrip(t *testing.T) {
	b := stocked(t)
	const odd = `{"title":"\"é\"\n, \\","price":12345678901234.50,"stock":0,"tags":["a","","ü"],"meta":{"n":1.50,"l":[null,"x"]},"isbn":null,"added":"0900-02-28"}` +
		`{"title":"x","stock":0,"tags":[],"meta":"null"}`
	if _, err := b.load(t, service, data.Import{Table: "books"}, odd); err != nil {
		t.Fatal(err)
	}
	b.put(t, "notes", `[{"id":"empty","body":""},{"id":"null","body":null},{"id":"crlf","body":"a\r\nb"}]`)
	other := open(t, shop())
	for _, table := range []string{"users", "books", "orders", "notes", "counters", "profiles", "labels", "labeled", "mentions", "vault", "drop"} {
		text := b.exported(t, service, table, "", data.JSON)
		done, err := other.load(t, service, data.Import{Table: table, Chunk: 3}, text)
		if err != nil || done.Rows != strings.Count(text, "\n") || done.Inserted != done.Rows {
			t.Fatalf("%s: %+v, %v", table, done, err)
		}
		if got := other.exported(t, service, table, "", data.JSON); got != text {
			t.Errorf("%s: got %s\nwant %s", table, got, text)
		}
	}
	// CSV keeps all but what stands in the documentation: a null where there is a
	// default, an empty text, and a carriage return before a line feed.
	text := b.exported(t, service, "orders", "", data.CSV)
	if _, err := other.load(t, service, data.Import{Table: "orders", Form: data.CSV, Resolution: data.Merge}, text); err != nil {
		t.Fatal(err)
	}
	if got := other.exported(t, service, "orders", "", data.CSV); got != text {
		t.Errorf("got %s\nwant %s", got, text)
	}
}
