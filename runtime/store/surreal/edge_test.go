package surreal

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// TestEdgeMoves joins other rows by an edge, which SurrealDB has no word for, and
// deletes a row that edges join: nothing of them is left in an index.
func TestEdgeMoves(t *testing.T) {
	key := func(name string) *query.Column {
		return &query.Column{Name: name, Type: query.Type{Kind: query.KindText}, Required: true}
	}
	people := query.NewTable("people", []*query.Column{key("id")}, nil)
	from, to := key("from"), key("to")
	from.Ref, to.Ref = &query.Ref{Table: "people", OnDelete: query.Cascade}, &query.Ref{Table: "people", OnDelete: query.Cascade}
	follows := query.NewTable("follows", []*query.Column{key("id"), from, to}, nil)
	follows.Edge = &query.Edge{From: from, To: to}
	follows.Indexes = []*query.Index{{Name: "once", Columns: []*query.Column{from, to}, Unique: true}}
	opened := nodes(t, surrealtest.Shared(t).URL, query.NewSchema([]*query.Table{people, follows}))[0]
	apply := func(writes ...query.Write) {
		t.Helper()
		if _, err := opened.Apply(t.Context(), query.Batch{Writes: writes}); err != nil {
			t.Fatal(err)
		}
	}
	person := func(name string) query.Row { return query.Row{query.Text(name)} }
	edge := query.Write{Op: query.Insert, Table: follows, Rows: []query.Row{{query.Text("e"), query.Text("a"), query.Text("b")}}}
	apply(query.Write{Op: query.Insert, Table: people, Rows: []query.Row{person("a"), person("b"), person("c")}}, edge)
	apply(query.Write{
		Op: query.Update, Table: follows, Where: equals(follows, "id", query.Text("e")), Single: true,
		Set: []query.Assignment{{Column: to, Value: query.NewLiteral(query.Text("c"))}},
	})
	count := func(column, value string) int {
		t.Helper()
		n, err := opened.(*view).pointingAt(t, follows, column, query.Text(value))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if b, c := count("to", "b"), count("to", "c"); b != 0 || c != 1 {
		t.Errorf("%d edges to b and %d to c, want 0 and 1", b, c)
	}
	apply(query.Write{Op: query.Delete, Table: people, Where: equals(people, "id", query.Text("a")), Single: true})
	if n := count("to", "c"); n != 0 {
		t.Errorf("%d edges of a row that is gone", n)
	}
	edge.Rows[0][2] = query.Text("c")
	apply(query.Write{Op: query.Insert, Table: people, Rows: []query.Row{person("a")}}, edge)
	if n := count("to", "c"); n != 1 {
		t.Errorf("%d edges, want 1", n)
	}
}
