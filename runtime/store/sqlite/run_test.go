package sqlite_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// office is a database in which references go, clear and forbid.
type office struct {
	*testing.T
	path                        string
	people, tasks, badges, logs *query.Table
	texts                       map[string]*query.Named
	store                       *sqlite.Store
	view                        store.View
}

func textColumn(name string) *query.Column { return result(name, query.KindText) }

func keyColumn(kind query.Kind) *query.Column {
	return &query.Column{Name: "id", Type: query.Type{Kind: kind}, Required: true}
}

func refColumn(name, table string, action query.OnDelete) *query.Column {
	return &query.Column{Name: name, Type: query.Type{Kind: query.KindText}, Ref: &query.Ref{Table: table, OnDelete: action}}
}

// officeTexts are the queries, by their names.
var officeTexts = []struct {
	name, text string
	columns    []*query.Column
}{
	{"raise", "UPDATE tasks SET n = n + :x WHERE n < 100 RETURNING id, n", []*query.Column{result("id", query.KindInt), result("n", query.KindInt)}},
	{"set", "UPDATE tasks SET n = :x, title = 'cats ' || :x WHERE n >= :from", nil},
	{"retitle", "UPDATE tasks SET title = :s WHERE n >= :from", nil},
	{"fire", "DELETE FROM people WHERE name >= :s RETURNING id", []*query.Column{textColumn("id")}},
	{"everybody", "DELETE FROM people", nil},
	{"hire", "INSERT INTO people (id, name, boss) VALUES (:s || '1', 'x', :s || '2'), (:s || '2', 'y', NULL)", nil},
	{"assign", "INSERT INTO tasks (owner, title, n) SELECT id, 'dogs', :x FROM people WHERE true ORDER BY id RETURNING id, n", []*query.Column{result("id", query.KindInt), result("n", query.KindInt)}},
	{"upsert", "INSERT INTO people (id, name, email) VALUES (:s, 'new', 'e@' || :s) ON CONFLICT (email) DO UPDATE SET name = name || '+'", nil},
	{"replace", "REPLACE INTO people (id, name, email) VALUES (:s, 'again', 'e@' || :s)", nil},
	{"rename", "UPDATE people SET email = 'same'", nil},
	{"nullify", "UPDATE people SET name = NULL", nil},
	{"dangle", "UPDATE tasks SET owner = 'nobody' WHERE n >= :from", nil},
	{"log", "INSERT INTO logs (id, line) VALUES (:s, 'a'), (:s || '!', 'b')", nil},
	{"abandon", "INSERT OR ROLLBACK INTO people (id, name) VALUES (:s, 'x'), (:s, 'y')", nil},
	{"sleep", "UPDATE tasks SET n = (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT max(i) FROM c)", nil},
	{"nonsense", "UPDATE people SET flag = 7", nil},
	{"badge", "UPDATE badges SET vector = x'00000000'", nil},
}

func openOffice(t *testing.T, options sqlite.Options) *office {
	t.Helper()
	name := &query.Column{Name: "name", Type: query.Type{Kind: query.KindText}, Required: true}
	email := textColumn("email")
	o := &office{T: t, path: filepath.Join(t.TempDir(), "office.db"), texts: map[string]*query.Named{}}
	o.people = query.NewTable("people", []*query.Column{keyColumn(query.KindText), name, refColumn("boss", "people", query.SetNull), email, result("flag", query.KindBool)}, nil)
	o.people.Indexes = []*query.Index{{Name: "email", Columns: []*query.Column{email}, Unique: true}}
	title := textColumn("title")
	o.tasks = query.NewTable("tasks", []*query.Column{keyColumn(query.KindInt), refColumn("owner", "people", query.Cascade), title, result("n", query.KindInt)}, nil)
	o.tasks.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: []*query.Column{title}}}
	vector := &query.Column{Name: "vector", Type: query.Type{Kind: query.KindVector, Dimensions: 1}}
	o.badges = query.NewTable("badges", []*query.Column{keyColumn(query.KindText), refColumn("of", "people", query.Restrict), vector}, nil)
	o.logs = query.NewTable("logs", []*query.Column{keyColumn(query.KindText), textColumn("line")}, nil)
	o.logs.Quiet = true
	schema := query.NewSchema([]*query.Table{o.people, o.tasks, o.badges, o.logs})
	params := []query.Parameter{{Name: "x", Type: query.Type{Kind: query.KindInt}}, {Name: "from", Type: query.Type{Kind: query.KindInt}}, {Name: "s", Type: query.Type{Kind: query.KindText}}}
	for _, text := range officeTexts {
		n := named(text.name, text.text, schema.Tables, params, text.columns...)
		n.Write = true
		o.texts[text.name] = n
		schema.Queries = append(schema.Queries, n)
	}
	options.Path = o.path
	o.store = openStore(t, options)
	if err := o.store.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.view, err = o.store.Open(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(o.view.Close(), o.store.Close()) }) // a second close says so
	return o
}

// stock is Ann with her clerks Bob and Cyd, and tasks of all.
func (o *office) stock() *office {
	o.Helper()
	person := func(id, name, boss string) query.Row {
		row := query.Row{query.Text(id), query.Text(name), query.Null(), query.Text("e@" + id), query.Null()}
		if boss != "" {
			row[2] = query.Text(boss)
		}
		return row
	}
	put(o, o.view, o.people, person("ann", "m", ""), person("bob", "b", "ann"), person("cyd", "c", "ann"))
	for i, owner := range []string{"ann", "bob", "cyd", "bob"} {
		put(o, o.view, o.tasks, query.Row{query.Null(), query.Text(owner), query.Text("mice"), query.Int(int64(i))})
	}
	return o
}

func (o *office) write(name string, x, from int64, s string) query.Write {
	n := o.texts[name]
	return query.Write{Op: query.Run, Table: n.Result, Invocation: &query.Invocation{Query: n, Args: []query.Value{query.Int(x), query.Int(from), query.Text(s)}}}
}

func (o *office) apply(writes ...query.Write) (query.Result, error) {
	return o.view.Apply(o.Context(), query.Batch{Writes: writes})
}

// after are the changes of the last commits, in an order of their own.
func (o *office) after(from query.Cursor) string {
	o.Helper()
	commits, err := o.store.Changes(o.Context(), from, 1000)
	if err != nil {
		o.Fatal(err)
	}
	var all []string
	for _, c := range commits {
		var changes []string
		for _, change := range c.Changes {
			changes = append(changes, fmt.Sprintf("%s %d %s > %s", change.Table, change.Op, change.Before, change.After))
		}
		slices.Sort(changes)
		all = append(all, strings.Join(changes, "\n"))
	}
	return strings.Join(all, "\n--\n")
}

func (o *office) position() query.Cursor {
	o.Helper()
	at, err := o.store.Position(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	return at
}

// rows is every row with its revision, as another program reads them.
func (o *office) rows() string {
	o.Helper()
	db, err := sqlite3.OpenFlags(o.path, sqlite3.OPEN_READONLY)
	if err != nil {
		o.Fatal(err)
	}
	defer db.Close()
	text := ""
	for _, sql := range []string{
		"SELECT 'people', id, name, boss, email, flag, _rev FROM people ORDER BY id", "SELECT 'tasks', id, owner, title, n, _rev FROM tasks ORDER BY id",
		"SELECT 'badges', id, of, _rev FROM badges ORDER BY id", "SELECT 'logs', id, line, _rev FROM logs ORDER BY id",
		"SELECT 'schema', sql FROM sqlite_schema WHERE name = 'people'",
	} {
		text += lines(o.T, db, sql)
	}
	return text
}

func (o *office) found(word string) int {
	o.Helper()
	q, f := query.ParseTextQuery(query.Simple, "wfts", word)
	if f != nil {
		o.Fatal(f)
	}
	return count(o, o.view, o.tasks, &query.Search{Operands: []query.Expr{o.tasks.Ref(o.tasks.Column("title"))}, Query: q})
}

// A text's changes are in the feed, raise revisions and versions, and are found
// by their words.
func TestRun(t *testing.T) {
	o := openOffice(t, sqlite.Options{}).stock()
	at, version := o.position(), o.view.Version(o.tasks)
	did, err := o.apply(o.write("raise", 10, 0, ""))
	if err != nil || did.Writes[0].Affected != 4 || len(did.Writes[0].Rows) != 4 || did.Writes[0].Rows[3][1].N != 13 || did.Cursor.Seq != at.Seq+1 {
		t.Fatalf("%+v, %v", did, err)
	}
	if o.view.Version(o.tasks) == version {
		t.Error("the table's version did not move")
	}
	if got := o.after(at); strings.Count(got, "\n") != 3 || !strings.Contains(got, `tasks 1 {"id":4,"owner":"bob","title":"mice","n":3} > {"id":4,"owner":"bob","title":"mice","n":13}`) {
		t.Errorf("the feed has %s", got)
	}
	if got := o.rows(); strings.Count(got, "mice") != 4 || !strings.Contains(got, "NOT NULL") {
		t.Error(got)
	}
	if _, err := o.apply(o.write("retitle", 0, 12, "cats")); err != nil {
		t.Fatal(err)
	}
	if o.found("cats") != 2 || o.found("mice") != 2 {
		t.Errorf("%d cats and %d mice", o.found("cats"), o.found("mice"))
	}
}

// What references carry to other tables is in the feed, too.
func TestRunCarries(t *testing.T) {
	o := openOffice(t, sqlite.Options{}).stock()
	at := o.position()
	did, err := o.apply(o.write("fire", 0, 0, "m"))
	if err != nil || len(did.Writes[0].Rows) != 1 || did.Writes[0].Affected != 1 {
		t.Fatalf("%+v, %v", did, err)
	}
	want := `people 1 {"id":"bob","name":"b","boss":"ann","email":"e@bob","flag":null} > {"id":"bob","name":"b","boss":null,"email":"e@bob","flag":null}
people 1 {"id":"cyd","name":"c","boss":"ann","email":"e@cyd","flag":null} > {"id":"cyd","name":"c","boss":null,"email":"e@cyd","flag":null}
people 2 {"id":"ann","name":"m","boss":null,"email":"e@ann","flag":null} > 
tasks 2 {"id":1,"owner":"ann","title":"mice","n":0} > `
	if got := o.after(at); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	put(t, o.view, o.badges, query.Row{query.Text("b"), query.Text("bob"), query.Null()})
	before := o.rows()
	if _, err := o.apply(o.write("everybody", 0, 0, "")); !fault.Is(err, "23503") {
		t.Errorf("a row that another holds: %v", err)
	}
	if got := o.rows(); got != before {
		t.Errorf("%s\nwas %s", got, before)
	}
	if _, err := o.apply(query.Write{Op: query.Delete, Table: o.badges}, o.write("everybody", 0, 0, "")); err != nil {
		t.Fatal(err)
	}
	if got := o.rows(); strings.Contains(got, "bob") {
		t.Error(got)
	}
}

func TestRunInserts(t *testing.T) {
	o := openOffice(t, sqlite.Options{}).stock()
	at := o.position()
	if _, err := o.apply(o.write("hire", 0, 0, "z")); err != nil {
		t.Fatal(err)
	}
	did, err := o.apply(o.write("assign", 7, 0, ""))
	if err != nil || did.Writes[0].Inserted != 5 || did.Writes[0].Rows[0][0].N != 5 {
		t.Fatalf("%+v, %v", did, err)
	}
	put(t, o.view, o.tasks, query.Row{query.Null(), query.Null(), query.Text("rats"), query.Int(1)})
	if got := o.after(at); !strings.Contains(got, `> {"id":10,"owner":null,"title":"rats","n":1}`) || o.found("dogs") != 5 {
		t.Errorf("%s\nand %d dogs", got, o.found("dogs"))
	}
	at = o.position()
	for _, s := range []string{"ann", "new", "new"} {
		if _, err := o.apply(o.write("upsert", 0, 0, s)); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.after(at); strings.Count(got, "people 1") != 2 || strings.Count(got, "people 0") != 1 || !strings.Contains(o.rows(), "new+") {
		t.Error(got)
	}
	at = o.position()
	if _, err := o.apply(o.write("replace", 0, 0, "ann")); err != nil {
		t.Fatal(err)
	}
	if got := o.after(at); !strings.Contains(got, "people 2") || !strings.Contains(got, "people 0") || strings.Count(got, "tasks 2") != 2 {
		t.Error(got)
	}
	at = o.position()
	if _, err := o.apply(o.write("log", 0, 0, "l")); err != nil {
		t.Fatal(err)
	}
	if got := o.after(at); got != "logs 1  > " {
		t.Errorf("of a quiet table: %s", got)
	}
}

// What fails leaves nothing, also of the writes around it and of those that
// share its commit.
func TestRunFails(t *testing.T) {
	refusal := fault.New("23514", "no")
	guard := func(o *office, name string, g query.Guard) query.Write {
		w := o.write(name, 500, 0, "q")
		w.Guards = []query.Guard{g}
		return w
	}
	few := 2
	for _, test := range []struct {
		name, code string
		write      func(*office) query.Write
	}{
		{"unique", "23505", func(o *office) query.Write { return o.write("rename", 0, 0, "") }},
		{"not null", "23502", func(o *office) query.Write { return o.write("nullify", 0, 0, "") }},
		{"a reference to nothing", "23503", func(o *office) query.Write { return o.write("dangle", 0, 0, "") }},
		{"time", "57014", func(o *office) query.Write { return o.write("sleep", 0, 0, "") }},
		{"a rollback of its own", "23505", func(o *office) query.Write { return o.write("abandon", 0, 0, "q") }},
		{"a value that is none", "", func(o *office) query.Write { return o.write("nonsense", 0, 0, "") }},
		{"a vector", "", func(o *office) query.Write { return o.write("badge", 0, 0, "") }},
		{"a check", "23514", func(o *office) query.Write {
			small := &query.Compare{Op: query.Less, Left: o.tasks.Ref(o.tasks.Column("n")), Right: &query.Literal{Value: query.Int(500), Of: query.Type{Kind: query.KindInt}}}
			return guard(o, "raise", query.Guard{Table: o.tasks, Checks: []query.Check{{Cond: small, Fault: refusal}}})
		}},
		{"a bound", "23514", func(o *office) query.Write {
			return guard(o, "hire", query.Guard{Table: o.people, Fit: func(before, after query.Row) error {
				if before == nil && after[0].S == "q1" {
					return refusal
				}
				return nil
			}})
		}},
		{"its answer", "23514", func(o *office) query.Write {
			w := o.write("raise", 1, 0, "")
			w.Accept = func(rows []query.Row) error {
				if len(rows) == 4 {
					return refusal
				}
				return nil
			}
			return w
		}},
		{"too many", "", func(o *office) query.Write {
			w := o.write("raise", 1, 0, "")
			w.AtMost = &few
			return w
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := openOffice(t, sqlite.Options{}).stock()
			put(t, o.view, o.badges, query.Row{query.Text("b"), query.Text("bob"), query.Null()})
			before, at := o.rows(), o.position()
			if test.name == "time" {
				sqlite.LimitStatements(o.store, 300*time.Millisecond)
			}
			did, err := o.apply(o.write("log", 0, 0, "l"), test.write(o))
			sqlite.LimitStatements(o.store, 0)
			if err == nil || test.code != "" && !fault.Is(err, test.code) {
				t.Errorf("%+v, %v", did, err)
			}
			if got := o.rows(); got != before || o.position() != at {
				t.Errorf("%s\nwas %s", got, before)
			}
			if _, err := o.apply(o.write("raise", 1, 0, "")); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

// What is not kept is answered; what is named is done once.
func TestRunOnce(t *testing.T) {
	o := openOffice(t, sqlite.Options{}).stock()
	before := o.rows()
	did, err := o.view.Apply(t.Context(), query.Batch{Writes: []query.Write{o.write("raise", 1, 0, "")}, Rollback: true})
	if err != nil || len(did.Writes[0].Rows) != 4 || o.rows() != before {
		t.Fatalf("%+v, %v", did, err)
	}
	asked := 0
	for i := range 2 {
		w := o.write("assign", 1, 0, "")
		w.Accept = func([]query.Row) error { asked++; return nil }
		did, err := o.view.Apply(t.Context(), query.Batch{Writes: []query.Write{w}, Once: &query.Once{Key: "k"}})
		if err != nil || did.Replayed != (i == 1) || len(did.Writes[0].Rows) != 3 || did.Writes[0].Rows[2][0].N != 7 {
			t.Errorf("%+v, %v", did, err)
		}
	}
	if got := o.rows(); asked != 1 || strings.Count(got, "dogs") != 3 {
		t.Errorf("asked %d times: %s", asked, got)
	}
}

// Guards set what every update sets, unless the text did.
func TestRunGuardSets(t *testing.T) {
	o := openOffice(t, sqlite.Options{}).stock()
	set := func(name string) {
		w := o.write(name, 1, 2, "cats")
		n, title := o.tasks.Column("n"), o.tasks.Column("title")
		w.Guards = []query.Guard{{Table: o.tasks, Set: []query.Assignment{
			{Column: n, Value: &query.Literal{Value: query.Int(90), Of: n.Type}},
			{Column: title, Value: o.tasks.Ref(o.tasks.Column("owner"))},
		}}}
		if _, err := o.apply(w); err != nil {
			t.Fatal(err)
		}
	}
	set("retitle")
	if got := o.rows(); strings.Count(got, "cats") != 2 || strings.Count(got, "90") != 2 {
		t.Error(got)
	}
	set("raise")
	if got := o.rows(); strings.Contains(got, "cats") || !strings.Contains(got, "91") || o.found("cyd") != 1 {
		t.Error(got)
	}
}

// A text does to rows, revisions and feed what the same write does that is none.
func TestRunIsAWrite(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 10 {
		texts, writes := openOffice(t, sqlite.Options{}).stock(), openOffice(t, sqlite.Options{}).stock()
		from, since := texts.position(), writes.position()
		for range 30 {
			x, least, s := r.Int64N(9), r.Int64N(9), fmt.Sprintf("%c%c", 'a'+r.IntN(26), 'a'+r.IntN(26))
			name := []string{"set", "retitle", "fire", "hire", "assign", "log", "everybody"}[r.IntN(7)]
			if name == "everybody" && r.IntN(4) > 0 {
				name = "set"
			}
			_, err := texts.apply(texts.write(name, x, least, s))
			_, same := writes.apply(writes.plain(name, x, least, s))
			if (err == nil) != (same == nil) {
				t.Fatalf("round %d: %s: %v, and %v", round, name, err, same)
			}
		}
		if got, want := texts.rows(), writes.rows(); got != want {
			t.Fatalf("round %d: %s\nwant %s", round, got, want)
		}
		if got, want := texts.after(from), writes.after(since); got != want {
			t.Fatalf("round %d: %s\nwant %s", round, got, want)
		}
		for _, word := range []string{"cats", "mice", "dogs", "aa"} {
			if texts.found(word) != writes.found(word) {
				t.Errorf("round %d: %s", round, word)
			}
		}
	}
}

// plain is what a text does, as a write of this table.
func (o *office) plain(name string, x, least int64, s string) query.Write {
	atLeast := func(t *query.Table, column string, v query.Value) query.Expr {
		c := t.Column(column)
		return &query.Compare{Op: query.GreaterEqual, Left: t.Ref(c), Right: &query.Literal{Value: v, Of: c.Type}}
	}
	assign := func(column string, v query.Value) query.Assignment {
		c := o.tasks.Column(column)
		return query.Assignment{Column: c, Value: &query.Literal{Value: v, Of: c.Type}}
	}
	switch name {
	case "set":
		return query.Write{Op: query.Update, Table: o.tasks, Where: atLeast(o.tasks, "n", query.Int(least)), Set: []query.Assignment{assign("n", query.Int(x)), assign("title", query.Text(fmt.Sprint("cats ", x)))}}
	case "retitle":
		return query.Write{Op: query.Update, Table: o.tasks, Where: atLeast(o.tasks, "n", query.Int(least)), Set: []query.Assignment{assign("title", query.Text(s))}}
	case "fire":
		return query.Write{Op: query.Delete, Table: o.people, Where: atLeast(o.people, "name", query.Text(s))}
	case "everybody":
		return query.Write{Op: query.Delete, Table: o.people}
	case "log":
		return query.Write{Op: query.Insert, Table: o.logs, Rows: []query.Row{{query.Text(s), query.Text("a")}, {query.Text(s + "!"), query.Text("b")}}}
	case "hire":
		return query.Write{Op: query.Insert, Table: o.people, Rows: []query.Row{
			{query.Text(s + "1"), query.Text("x"), query.Text(s + "2"), query.Null(), query.Null()},
			{query.Text(s + "2"), query.Text("y"), query.Null(), query.Null(), query.Null()},
		}}
	}
	w := query.Write{Op: query.Insert, Table: o.tasks}
	for line := range strings.Lines(o.rows()) {
		if fields := strings.FieldsFunc(line, func(r rune) bool { return r == '|' || r == ' ' }); fields[0] == "people" {
			w.Rows = append(w.Rows, query.Row{query.Null(), query.Text(fields[1]), query.Text("dogs"), query.Int(x)})
		}
	}
	return w
}
