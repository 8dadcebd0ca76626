package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func testTypes(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{everything()}))
	uuid := "018f3a5e-0000-7000-8000-000000000001"
	rows := []query.Row{
		{
			query.Text("a"), query.Bool(true), query.Int(math.MaxInt64), query.Float(0.1), query.Decimal(-199, 2), query.Text("it's \"é\" 日本 \n\\"),
			query.Timestamp(1_700_000_000_000_001), query.Date(-719_162), query.UUID(uuid), query.JSON(`{"a":[1,2.5,null]}`), query.List(`["x","y"]`),
		},
		{
			query.Text("b"), query.Bool(false), query.Int(math.MinInt64), query.Float(-math.MaxFloat64), query.Decimal(math.MaxInt64, 2), query.Text(""),
			query.Timestamp(-62_135_596_800_000_000), query.Date(0), query.UUID(uuid), query.JSON(`"null"`), query.List(`[]`),
		},
		{
			query.Text("c"), query.Null(), query.Null(), query.Null(), query.Null(), query.Null(),
			query.Null(), query.Null(), query.Null(), query.Null(), query.Null(),
		},
		{
			query.Text("d"), query.Null(), query.Int(1<<53 + 1), query.Float(5e-324), query.Null(), query.Text("tab\tinside"),
			query.Null(), query.Null(), query.Null(), query.Null(), query.Null(),
		},
	}
	result := f.apply(f.insert("everything", rows...))
	sameRows(t, "returned", result.Writes[0].Rows, rows)
	sameRows(t, "selected", f.all("everything"), rows)
	commits := f.changes(query.Cursor{})
	if len(commits) != 1 || len(commits[0].Changes) != len(rows) {
		t.Fatalf("want one commit of %d changes, got %v", len(rows), commits)
	}
	for i, change := range commits[0].Changes {
		row, err := query.DecodeRow(f.table("everything"), change.After)
		if err != nil {
			t.Fatalf("change %d: %v\n%s", i, err, change.After)
		}
		sameRows(t, "in the feed", []query.Row{row}, rows[i:i+1])
	}
}

func testLogic(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{everything()}))
	table := f.table("everything")
	f.apply(f.insert("everything",
		sparse(table, "one", map[string]query.Value{"number": query.Int(1), "flag": query.Bool(true)}),
		sparse(table, "two", map[string]query.Value{"number": query.Int(2), "flag": query.Bool(false)}),
		sparse(table, "none", nil),
	))
	is1 := equal(table, "number", query.Int(1))
	null := &query.Literal{Of: query.Type{Kind: query.KindInt}}
	for _, test := range []struct {
		name string
		cond query.Expr
		want []string
	}{
		{"nil", nil, []string{"none", "one", "two"}},
		{"no terms of and", &query.And{}, []string{"none", "one", "two"}},
		{"no terms of or", &query.Or{}, nil},
		{"equal", is1, []string{"one"}},
		{"not equal leaves null out", &query.Not{Term: is1}, []string{"two"}},
		{"null equals nothing", &query.Compare{Left: columnOf(table, "number"), Right: null}, nil},
		{"is null", &query.Is{Operand: columnOf(table, "number"), What: query.IsNull}, []string{"none"}},
		{"is not null", &query.Is{Operand: columnOf(table, "number"), What: query.IsNotNull}, []string{"one", "two"}},
		{"unknown of a comparison", &query.Is{Operand: is1, What: query.IsUnknown}, []string{"none"}},
		{"column alone", columnOf(table, "flag"), []string{"one"}},
		{"in with null", &query.In{Operand: columnOf(table, "number"), List: []query.Expr{null, &query.Literal{Value: query.Int(2), Of: query.Type{Kind: query.KindInt}}}}, []string{"two"}},
		{"not in with null", &query.Not{Term: &query.In{Operand: columnOf(table, "number"), List: []query.Expr{null}}}, nil},
		{"in nothing", &query.Not{Term: &query.In{Operand: columnOf(table, "number")}}, []string{"none", "one", "two"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := keys(f.rows(query.Select{Table: table, Where: test.cond, Limit: -1}))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func testOrder(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{everything()}))
	table := f.table("everything")
	f.apply(f.insert("everything",
		sparse(table, "c", map[string]query.Value{"name": query.Text("B"), "meta": query.JSON("10")}),
		sparse(table, "a", map[string]query.Value{"name": query.Text("a"), "meta": query.JSON("9")}),
		sparse(table, "d", map[string]query.Value{"name": query.Text("é"), "meta": query.JSON(`"x"`)}),
		sparse(table, "b", map[string]query.Value{"name": query.Text("a"), "meta": query.JSON("9.0")}),
		sparse(table, "e", nil),
	))
	name := columnOf(table, "name")
	for _, test := range []struct {
		name  string
		order []query.Order
		want  []string
	}{
		{"key alone", nil, []string{"a", "b", "c", "d", "e"}},
		{"key descending", []query.Order{{Expr: columnOf(table, "id"), Descending: true}}, []string{"e", "d", "c", "b", "a"}},
		{"nulls last", []query.Order{{Expr: name}}, []string{"c", "a", "b", "d", "e"}},
		{"nulls first", []query.Order{{Expr: name, NullsFirst: true}}, []string{"e", "c", "a", "b", "d"}},
		{"descending nulls first", []query.Order{{Expr: name, Descending: true, NullsFirst: true}}, []string{"e", "d", "a", "b", "c"}},
		{"descending nulls last", []query.Order{{Expr: name, Descending: true}}, []string{"d", "a", "b", "c", "e"}},
		{"two terms", []query.Order{{Expr: name}, {Expr: columnOf(table, "id"), Descending: true}}, []string{"c", "b", "a", "d", "e"}},
		{"json by value", []query.Order{{Expr: columnOf(table, "meta")}}, []string{"d", "a", "b", "c", "e"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := keys(f.rows(query.Select{Table: table, Order: test.order, Limit: -1}))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func testPages(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{everything()}))
	table := f.table("everything")
	var rows []query.Row
	for i := range 25 {
		rows = append(rows, sparse(table, fmt.Sprintf("k%02d", i), map[string]query.Value{"number": query.Int(int64(i % 5))}))
	}
	f.apply(f.insert("everything", rows...))
	for _, test := range []struct {
		limit, offset, want int
	}{{-1, 0, 25}, {10, 0, 10}, {10, 20, 5}, {-1, 20, 5}, {0, 0, 0}, {10, 100, 0}} {
		got, info := f.selectRows(query.Select{Table: table, Limit: test.limit, Offset: test.offset, Count: true, Position: true})
		if len(got) != test.want || info.Count != 25 || info.Position != f.position() {
			t.Errorf("limit %d offset %d: %d rows, count %d, position %s", test.limit, test.offset, len(got), info.Count, info.Position)
		}
	}
	_, info := f.selectRows(query.Select{Table: table, Where: equal(table, "number", query.Int(3)), Limit: 2, Count: true})
	if info.Count != 5 {
		t.Errorf("count under a condition is %d, want 5", info.Count)
	}
	if _, info := f.selectRows(query.Select{Table: table, Limit: 1}); info.Count != -1 {
		t.Errorf("count that was not asked for is %d, want -1", info.Count)
	}
}

func testPaths(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{everything()}))
	table := f.table("everything")
	f.apply(f.insert("everything",
		sparse(table, "a", map[string]query.Value{"meta": query.JSON(`{"n":2,"s":"two"}`)}),
		sparse(table, "b", map[string]query.Value{"meta": query.JSON(`{"n":10,"s":"ten"}`)}),
		sparse(table, "c", nil),
	))
	member := func(key string, text bool) query.Expr {
		return &query.Path{Base: columnOf(table, "meta"), Steps: []query.Step{{Key: key, IsKey: true}}, Text: text}
	}
	got := f.rows(query.Select{
		Table:   table,
		Columns: []query.Output{{Name: "n", Expr: member("n", false)}, {Name: "s", Expr: member("s", true)}},
		Order:   []query.Order{{Expr: member("n", false), Descending: true, NullsFirst: false}},
		Limit:   -1,
	})
	sameRows(t, "paths", got, []query.Row{
		{query.JSON("10"), query.Text("ten")}, {query.JSON("2"), query.Text("two")}, {query.Null(), query.Null()},
	})
}

// sparse is a row of a table with a few values.
func sparse(t *query.Table, key string, values map[string]query.Value) query.Row {
	row := make(query.Row, len(t.Columns))
	row[0] = query.Text(key)
	for name, v := range values {
		row[t.Column(name).Index] = v
	}
	return row
}

// keys are the rows' first values as text, nil for none.
func keys(rows []query.Row) []string {
	var list []string
	for _, row := range rows {
		list = append(list, string(query.AppendText(nil, row[0])))
	}
	return list
}

// text is a row as the feed writes it, null for a value that is not there.
func text(row query.Row) string {
	out := []byte{'['}
	for i, v := range row {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v.Kind.String()...)
		out = append(out, ' ')
		out = query.AppendJSON(out, v)
	}
	return string(append(out, ']'))
}

func sameRows(t *testing.T, what string, got, want []query.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range got {
		if text(got[i]) != text(want[i]) {
			t.Errorf("%s: row %d is\n%s\nwant\n%s", what, i, text(got[i]), text(want[i]))
		}
	}
}
