package surreal

import (
	"fmt"
	"testing"

	surrealdb "github.com/surrealdb/surrealdb.go"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

const benchRows = 2000

// benchNotes is a table with rows, as a view and as the library sees it.
func benchNotes(b *testing.B) (*query.Table, store.View, *surrealdb.DB) {
	b.Helper()
	number := &query.Column{Name: "number", Type: query.Type{Kind: query.KindInt}, Required: true}
	t := query.NewTable("notes", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "title", Type: query.Type{Kind: query.KindText}},
		number,
	}, nil)
	schema := query.NewSchema([]*query.Table{t})
	server := surrealtest.Shared(b)
	namespace := fmt.Sprintf("b%d", namespaces.Add(1))
	s, err := Open(b.Context(), Options{URL: server.URL, Namespace: namespace, Database: "main", User: "root", Password: "root"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(b.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		b.Fatal(err)
	}
	v, err := s.Open(b.Context(), schema)
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < benchRows; from += 500 {
		rows := make([]query.Row, 500)
		for i := range rows {
			n := int64(from + i)
			rows[i] = query.Row{query.Int(n), query.Text(fmt.Sprint("title ", n)), query.Int(n * 7919 % benchRows)}
		}
		if _, err := v.Apply(b.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: t, Rows: rows}}}); err != nil {
			b.Fatal(err)
		}
	}
	db, err := surrealdb.FromEndpointURLString(b.Context(), server.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close(b.Context()) })
	if _, err := db.SignIn(b.Context(), &surrealdb.Auth{Username: "root", Password: "root"}); err != nil {
		b.Fatal(err)
	}
	if err := db.Use(b.Context(), namespace, "main"); err != nil {
		b.Fatal(err)
	}
	return t, v, db
}

// BenchmarkSelect holds a view's selects against the bare library's of the same
// rows: one by its key, and the first twenty of those that a filter picks.
func BenchmarkSelect(b *testing.B) {
	t, v, db := benchNotes(b)
	var outputs []query.Output
	for _, c := range t.Columns {
		outputs = append(outputs, query.Output{Name: c.Name, Expr: t.Ref(c)})
	}
	number := t.Ref(t.Column("number"))
	for _, bench := range []struct {
		name, text string
		vars       map[string]any
		sel        query.Select
	}{
		{
			"by key", "SELECT id, title, number FROM type::record('notes', $key)",
			map[string]any{"key": 77},
			query.Select{Where: &query.Compare{Left: t.Ref(t.Key()), Right: query.NewLiteral(query.Int(77))}, Limit: 1},
		},
		{
			"twenty in order", "SELECT id, title, number FROM notes WHERE number >= $least ORDER BY number DESC, id LIMIT 20",
			map[string]any{"least": 1000},
			query.Select{
				Where: &query.Compare{Op: query.GreaterEqual, Left: number, Right: query.NewLiteral(query.Int(1000))},
				Order: []query.Order{{Expr: number, Descending: true}}, Limit: 20,
			},
		},
	} {
		bench.sel.Table, bench.sel.Columns = t, outputs
		b.Run(bench.name+"/store", func(b *testing.B) {
			shape := query.NewJSONShape(outputs)
			w := query.NewJSONWriter(nil, shape)
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				w.Reset(buf[:0], shape)
				if _, err := v.Select(b.Context(), bench.sel, w); err != nil {
					b.Fatal(err)
				}
				buf = w.Bytes()
			}
		})
		b.Run(bench.name+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := surrealdb.Query[[]map[string]any](b.Context(), db, bench.text, bench.vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
