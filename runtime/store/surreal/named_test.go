package surreal

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// office is a database in which references go and clear, and texts that write.
type office struct {
	*testing.T
	people, tasks *query.Table
	texts         map[string]*query.Named
	store         store.Store
	view          store.View
}

func resultColumn(name string, kind query.Kind) *query.Column {
	return &query.Column{Name: name, Type: query.Type{Kind: kind}}
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, store: openEmpty(t), texts: map[string]*query.Named{}}
	key := func(kind query.Kind) *query.Column {
		return &query.Column{Name: "id", Type: query.Type{Kind: kind}, Required: true}
	}
	name := resultColumn("name", query.KindText)
	name.Required = true
	email := resultColumn("email", query.KindText)
	o.people = query.NewTable("people", []*query.Column{key(query.KindText), name, email}, nil)
	o.people.Indexes = []*query.Index{{Name: "email", Columns: []*query.Column{email}, Unique: true}}
	owner := resultColumn("owner", query.KindText)
	owner.Ref = &query.Ref{Table: "people", OnDelete: query.Cascade}
	title := resultColumn("title", query.KindText)
	o.tasks = query.NewTable("tasks", []*query.Column{key(query.KindInt), owner, title, resultColumn("n", query.KindInt)}, nil)
	o.tasks.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: []*query.Column{title}}}
	schema := query.NewSchema([]*query.Table{o.people, o.tasks})
	x := query.Parameter{Name: "x", Type: query.Type{Kind: query.KindInt}}
	s := query.Parameter{Name: "s", Type: query.Type{Kind: query.KindText}}
	who := query.Parameter{Name: "who", Type: query.Type{Kind: query.KindText}, Ref: &query.Ref{Table: "people"}}
	tasks, people, both := []*query.Table{o.tasks}, []*query.Table{o.people}, []*query.Table{o.people, o.tasks}
	for _, n := range []*query.Named{
		{Name: "above", Text: "SELECT id, n, owner FROM tasks WHERE n > $x ORDER BY n", Reads: tasks, Params: []query.Parameter{x}},
		{Name: "of", Text: "SELECT id, n, owner FROM tasks WHERE owner = $who ORDER BY n", Reads: tasks, Params: []query.Parameter{who}},
		{Name: "caller", Text: "RETURN {uid: $auth_uid, role: $auth_role}"},
		{Name: "raise", Text: "UPDATE tasks SET n += $x RETURN id, n", Write: true, Reads: tasks, Params: []query.Parameter{x}},
		{Name: "retitle", Text: "UPDATE tasks SET title = $s WHERE n = 1 RETURN NONE", Write: true, Reads: tasks, Params: []query.Parameter{s}},
		{Name: "fire", Text: "DELETE people WHERE name = $s RETURN BEFORE", Write: true, Reads: people, Params: []query.Parameter{s}},
		{Name: "hire", Text: "INSERT INTO people [{id: $s, name: 'new', email: $s}] RETURN id", Write: true, Reads: people, Params: []query.Parameter{s}},
		{Name: "same", Text: "UPDATE people SET email = 'same' RETURN NONE", Write: true, Reads: people},
		{Name: "unname", Text: "UPDATE people SET name = NONE RETURN NONE", Write: true, Reads: people},
		{Name: "dangle", Text: "UPDATE tasks SET owner = type::record('people', $s) RETURN NONE", Write: true, Reads: both, Params: []query.Parameter{s}},
	} {
		var columns []*query.Column
		switch n.Name {
		case "above", "of":
			columns = []*query.Column{resultColumn("id", query.KindInt), resultColumn("n", query.KindInt), resultColumn("owner", query.KindText)}
		case "caller":
			columns = []*query.Column{resultColumn("uid", query.KindText), resultColumn("role", query.KindText)}
		case "raise":
			columns = []*query.Column{resultColumn("id", query.KindInt), resultColumn("n", query.KindInt)}
		case "fire", "hire":
			columns = []*query.Column{resultColumn("id", query.KindText)}
		}
		n.Result = query.NewTable(n.Name, columns, nil)
		o.texts[n.Name] = n
		schema.Queries = append(schema.Queries, n)
	}
	if err := o.store.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.view, err = o.store.Open(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(o.view.Close(), o.store.Close()) })
	o.put(o.people, query.Row{query.Text("ann"), query.Text("a"), query.Text("e1")}, query.Row{query.Text("bob"), query.Text("b"), query.Text("e2")})
	o.put(o.tasks, query.Row{query.Int(1), query.Text("ann"), query.Text("mice"), query.Int(1)}, query.Row{query.Int(2), query.Text("bob"), query.Text("mice"), query.Int(2)})
	return o
}

func (o *office) put(t *query.Table, rows ...query.Row) {
	o.Helper()
	if _, err := o.view.Apply(o.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: t, Rows: rows}}}); err != nil {
		o.Fatal(err)
	}
}

func (o *office) run(name string, args ...query.Value) (query.WriteResult, error) {
	o.Helper()
	n := o.texts[name]
	did, err := o.view.Apply(o.Context(), query.Batch{Writes: []query.Write{{Op: query.Run, Table: n.Result, Invocation: &query.Invocation{Query: n, Args: args}}}})
	if err != nil {
		return query.WriteResult{}, err
	}
	return did.Writes[0], nil
}

func (o *office) ask(call query.Invocation) []query.Row {
	o.Helper()
	var rows []query.Row
	if err := o.view.Query(o.Context(), call, func(row query.Row) error { rows = append(rows, row); return nil }); err != nil {
		o.Fatal(err)
	}
	return rows
}

func (o *office) above(n int64) []query.Row {
	o.Helper()
	return o.ask(query.Invocation{Query: o.texts["above"], Args: []query.Value{query.Int(n)}})
}

func TestNamedQuery(t *testing.T) {
	o := openOffice(t)
	if rows := o.above(0); len(rows) != 2 || rows[0][0] != query.Int(1) || rows[1][2] != query.Text("bob") {
		t.Errorf("%v", rows)
	}
	if rows := o.ask(query.Invocation{Query: o.texts["of"], Args: []query.Value{query.Text("bob")}}); len(rows) != 1 || rows[0][1] != query.Int(2) {
		t.Errorf("a ref as a parameter finds %v", rows)
	}
	if rows := o.ask(query.Invocation{Query: o.texts["caller"], UID: query.Text("ann"), Role: "authenticated"}); len(rows) != 1 || rows[0][0] != query.Text("ann") || rows[0][1] != query.Text("authenticated") {
		t.Errorf("%v", rows)
	}
	if rows := o.ask(query.Invocation{Query: o.texts["caller"], Role: "anon"}); !rows[0][0].IsNull() {
		t.Errorf("nobody is %v", rows[0][0])
	}
	enough, seen := errors.New("enough"), 0
	err := o.view.Query(t.Context(), query.Invocation{Query: o.texts["above"], Args: []query.Value{query.Int(0)}}, func(query.Row) error { seen++; return enough })
	if !errors.Is(err, enough) || seen != 1 {
		t.Errorf("%d rows, %v", seen, err)
	}
}

// A view with a text that the server does not take does not open.
func TestNamedQueryThatDoesNotFit(t *testing.T) {
	s := openEmpty(t)
	defer func() { _ = s.Close() }()
	for text, want := range map[string]string{"SELECT (1 + FROM 2": "opened", "SELECT n +": "Parse error", "CREATE x": "no SELECT", "RETURN http::get('x')": "http::"} {
		schema := query.NewSchema(nil)
		schema.Queries = []*query.Named{{Name: "q", Text: text, Result: query.NewTable("q", []*query.Column{resultColumn("n", query.KindInt)}, nil)}}
		if _, err := s.Open(t.Context(), schema); err == nil || want != "opened" && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The server itself says how many statements a text is.
func TestNamedQueryOfSeveralStatements(t *testing.T) {
	s := openEmpty(t).(*Store)
	defer func() { _ = s.Close() }()
	for text, ok := range map[string]bool{
		"RETURN 1": true, "RETURN 1;": true, "RETURN 1 -- done": true, "RETURN { LET $n = 1; $n }": true,
		"RETURN 1; RETURN 2": false, "RETURN 1 -- \u2028 ; RETURN 2": false, "RETURN 1; COMMIT; RETURN 2": false, "RETURN 1; COMMIT; BEGIN; RETURN 2": false,
		"RETURN 1; CANCEL": false,
	} {
		call := query.Invocation{Query: &query.Named{Name: "q", Text: text}}
		if err := s.tryQuery(t.Context(), &call, text, 1); ok != (err == nil) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRunRefused has texts break what their tables demand: the fault names table
// and column as for any write, and no value.
func TestRunRefused(t *testing.T) {
	o := openOffice(t)
	before := o.above(0)
	for name, want := range map[string][3]string{
		"hire":   {"bob", "23505", `duplicate key value violates unique constraint "people_pkey"`},
		"same":   {"", "23505", `duplicate key value violates unique constraint "people_email_key"`},
		"unname": {"", "23502", `null value in column "name" of relation "people" violates not-null constraint`},
		"dangle": {"with record `tasks:9", "23503", `insert or update on table "tasks" violates foreign key constraint "tasks_owner_fkey"`},
	} {
		var args []query.Value
		if len(o.texts[name].Params) > 0 {
			args = append(args, query.Text(want[0]))
		}
		_, err := o.run(name, args...)
		if f := fault.From(err); f == nil || f.Code != want[1] || f.Message != want[2] {
			t.Errorf("%s: %v, want %s %s", name, err, want[1], want[2])
		}
	}
	if after := o.above(0); !reflect.DeepEqual(before, after) {
		t.Errorf("the tasks are %v, were %v", after, before)
	}
}

func TestRun(t *testing.T) {
	o := openOffice(t)
	did, err := o.run("raise", query.Int(10))
	if err != nil || did.Affected != 2 || len(did.Rows) != 2 {
		t.Fatalf("%+v, %v", did, err)
	}
	if rows := o.above(10); len(rows) != 2 || rows[0][1] != query.Int(11) {
		t.Errorf("%v", rows)
	}
	if _, err := o.run("raise", query.Int(-10)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.run("retitle", query.Text("cats")); err != nil {
		t.Fatal(err)
	}
	q, _ := query.ParseTextQuery(query.Simple, "wfts", "cats")
	where := &query.Search{Operands: []query.Expr{o.tasks.Ref(o.tasks.Column("title"))}, Query: q}
	outputs := []query.Output{{Name: "id", Expr: o.tasks.Ref(o.tasks.Key())}}
	w := query.NewJSONWriter(nil, query.NewJSONShape(outputs))
	if _, err := o.view.Select(t.Context(), query.Select{Table: o.tasks, Columns: outputs, Where: where, Limit: -1}, w); err != nil || w.Rows() != 1 {
		t.Errorf("what a text wrote is found %d times, %v", w.Rows(), err)
	}
	if did, err := o.run("hire", query.Text("cyd")); err != nil || did.Inserted != 1 || did.Rows[0][0] != query.Text("cyd") {
		t.Errorf("%+v, %v", did, err)
	}
	if _, err := o.run("same"); !fault.Is(err, "23505") {
		t.Errorf("a unique index: %v", err)
	}
	if _, err := o.run("dangle", query.Text("nobody")); !fault.Is(err, "23503") {
		t.Errorf("a reference to nobody: %v", err)
	}
	if did, err := o.run("fire", query.Text("a")); err != nil || did.Affected != 1 {
		t.Errorf("%+v, %v", did, err)
	}
	if rows := o.above(0); len(rows) != 1 || rows[0][2] != query.Text("bob") {
		t.Errorf("the tasks of who is gone: %v", rows)
	}
}
