package query_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

func BenchmarkParseRequest(b *testing.B) {
	table := querytest.Things()
	limits := query.DefaultLimits()
	for name, rawQuery := range map[string]string{
		"key":  "select=id,title&id=eq.5",
		"list": "select=id,title,n&flag=is.true&n=gte.10&order=made.desc&limit=20",
		"tree": "or=(n.eq.1,and(m.gt.2,name.not.is.null))&name=ilike.*a*",
		"in":   "id=in.(1,2,3,4,5,6,7,8,9,10)",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, f := query.ParseRequest(nil, table, rawQuery, limits); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}

// ruleAndFilter is a rule and a filter as the gate joins them.
func ruleAndFilter(b *testing.B, table *query.Table) query.Expr {
	b.Helper()
	r, f := query.ParseRequest(nil, table, "n=gte.0&name=ilike.*a*", query.DefaultLimits())
	if f != nil {
		b.Fatal(f)
	}
	rule := &query.Or{Terms: []query.Expr{
		&query.Compare{Op: query.Equal, Left: table.Ref(table.Column("owner")), Right: &query.Auth{}},
		&query.Compare{Op: query.Equal, Left: table.Ref(table.Column("flag")), Right: query.TrueExpr()},
	}}
	return query.Conjunction(rule, r.Where)
}

func BenchmarkHolds(b *testing.B) {
	g := querytest.New(1)
	uid := "018f3a5e-0000-7000-8000-000000000001"
	e := query.Bind(ruleAndFilter(b, g.Table), query.Binding{UID: &uid, Role: "authenticated"})
	rows := g.Rows(64)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		query.Holds(e, rows[i&63], nil)
		i++
	}
}

func BenchmarkBind(b *testing.B) {
	table := querytest.Things()
	e := ruleAndFilter(b, table)
	uid := "018f3a5e-0000-7000-8000-000000000001"
	binding := query.Binding{UID: &uid, Role: "authenticated"}
	b.ReportAllocs()
	for b.Loop() {
		query.Bind(e, binding)
	}
}

func BenchmarkAppendSelect(b *testing.B) {
	table := querytest.Things()
	uid := "018f3a5e-0000-7000-8000-000000000001"
	s := query.Select{
		Table: table, Limit: 20,
		Columns: []query.Output{{Name: "id", Expr: table.Ref(table.Key())}, {Name: "title", Expr: table.Ref(table.Column("title"))}},
		Where:   query.Bind(ruleAndFilter(b, table), query.Binding{UID: &uid, Role: "authenticated"}),
		Order:   []query.Order{{Expr: table.Ref(table.Column("made")), Descending: true}},
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = query.AppendSelect(buf[:0], &s)
	}
}

func BenchmarkJSONWriter(b *testing.B) {
	g := querytest.New(1)
	outputs := make([]query.Output, len(g.Table.Columns))
	for i, c := range g.Table.Columns {
		outputs[i] = query.Output{Name: c.Name, Expr: g.Table.Ref(c)}
	}
	shape := query.NewJSONShape(outputs)
	title := []byte("The Mystery of the Missing Semicolon")
	var w query.JSONWriter
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		w.Reset(buf[:0], shape)
		for n := range int64(20) {
			w.BeginRow()
			w.Int(n)
			w.Text(title)
			w.Timestamp(1_769_862_896_789_012)
			w.Decimal(1250, 2)
			w.Bool(true)
			w.Null()
			if err := w.EndRow(); err != nil {
				b.Fatal(err)
			}
		}
		buf = w.Bytes()
	}
}

func BenchmarkDecodeRow(b *testing.B) {
	g := querytest.New(1)
	raw := query.AppendRow(nil, g.Table, g.Rows(1)[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := query.DecodeRow(g.Table, raw); err != nil {
			b.Fatal(err)
		}
	}
}
