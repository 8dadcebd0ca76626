package storetest

import (
	"math"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// aggregated is an output; an empty name counts rows.
func (f *fixture) aggregated(fn query.AggregateFunc, table, name string) query.Output {
	f.Helper()
	if name == "" {
		return query.Output{Name: fn.String(), Expr: need(query.NewAggregate(fn, nil))}
	}
	return query.Output{Name: name + "_" + fn.String(), Expr: need(query.NewAggregate(fn, columnOf(f.table(table), name)))}
}

func testAggregates(t *testing.T, s store.Store) {
	f := stocked(t, s)
	works := f.table("works")
	count := f.aggregated(query.AggregateCount, "works", "")
	sum := func(name string) query.Output { return f.aggregated(query.AggregateSum, "works", name) }
	avg := func(name string) query.Output { return f.aggregated(query.AggregateAvg, "works", name) }
	writer := f.shown("works", "writer")[0]
	none := equal(works, "title", query.Text("no such"))
	for _, test := range []struct {
		name string
		sel  query.Select
		want string
	}{
		{
			"all rows",
			query.Select{Columns: []query.Output{count, f.aggregated(query.AggregateCount, "works", "writer"), sum("pages"), sum("price"), avg("pages"), avg("price"), sum("score")}},
			`[{"count":4,"writer_count":3,"pages_sum":600,"price_sum":-9.05,"pages_avg":200,"price_avg":-4.525,"score_sum":0.1}]`,
		},
		{
			"least and greatest",
			query.Select{Columns: []query.Output{f.aggregated(query.AggregateMin, "works", "title"), f.aggregated(query.AggregateMax, "works", "at"), f.aggregated(query.AggregateMin, "works", "price"), f.aggregated(query.AggregateMax, "works", "day")}},
			`[{"title_min":"Ant","at_max":"2023-11-14T22:13:20.1234+00:00","price_min":-12.05,"day_max":"2023-12-09"}]`,
		},
		{"no rows", query.Select{Columns: []query.Output{count, sum("pages"), avg("price"), f.aggregated(query.AggregateMin, "works", "title")}, Where: none}, `[{"count":0,"pages_sum":null,"price_avg":null,"title_min":null}]`},
		{"no groups", query.Select{Columns: []query.Output{writer, count}, Where: none}, `[]`},
		{
			"groups",
			query.Select{Columns: []query.Output{count, writer, sum("pages")}, Order: []query.Order{{Expr: writer.Expr, Descending: true}}},
			`[{"count":1,"writer":"bob","pages_sum":200},{"count":2,"writer":"ann","pages_sum":400},{"count":1,"writer":null,"pages_sum":null}]`,
		},
		{
			"groups by an aggregate",
			query.Select{Columns: []query.Output{writer, count}, Order: []query.Order{{Expr: count.Expr, Descending: true}, {Expr: writer.Expr, NullsFirst: true}}, Limit: 2},
			`[{"writer":"ann","count":2},{"writer":null,"count":1}]`,
		},
		{"a page of groups", query.Select{Columns: []query.Output{writer, count}, Order: []query.Order{{Expr: writer.Expr}}, Limit: 1, Offset: 1}, `[{"writer":"bob","count":1}]`},
		{"cast around and inside", query.Select{Columns: []query.Output{
			{Name: "a", Expr: need(query.NewCast(sum("pages").Expr, query.Type{Kind: query.KindText}))},
			{Name: "b", Expr: need(query.NewAggregate(query.AggregateSum, need(query.NewCast(columnOf(works, "price"), query.Type{Kind: query.KindFloat}))))},
		}}, `[{"a":"600","b":-9.05}]`},
		{
			"grouped by an embed",
			query.Select{Columns: []query.Output{f.embedded("works", "works_writer_fkey", "writers", f.shown("writers", "id")...), count}, Where: equal(works, "writer", query.Text("ann"))},
			`[{"writers":{"id":"ann"},"count":2}]`,
		},
	} {
		test.sel.Table, test.sel.Count = works, true
		if test.sel.Limit == 0 {
			test.sel.Limit = -1
		}
		if got := f.answer(test.sel); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
	for _, test := range []struct {
		sel  query.Select
		want int64
	}{
		{query.Select{Columns: []query.Output{writer, count}, Limit: 1}, 3},
		{query.Select{Columns: []query.Output{count}, Limit: -1, Where: none}, 1},
		{query.Select{Columns: []query.Output{writer, count}, Limit: -1, Where: none}, 0},
	} {
		test.sel.Table, test.sel.Count = works, true
		if _, info := f.selectRows(test.sel); info.Count != test.want {
			t.Errorf("groups of %s: %d, want %d", query.AppendSelect(nil, &test.sel), info.Count, test.want)
		}
	}
	f.fails(query.Select{Table: works, Columns: []query.Output{count}, Order: []query.Order{{Expr: writer.Expr}}, Limit: -1}, "42803")
}

func testAggregateEmbeds(t *testing.T, s store.Store) {
	f := stocked(t, s)
	count := f.aggregated(query.AggregateCount, "works", "")
	price := f.aggregated(query.AggregateSum, "works", "price")
	open := f.shown("works", "open")[0]
	for _, test := range []struct {
		name  string
		embed query.Output
		want  string
	}{
		{"one group", f.embedded("writers", "works_writer_fkey", "works", count, price), `[{"id":"ann","works":[{"count":2,"price_sum":-9.05}]},{"id":"bob","works":[{"count":1,"price_sum":null}]},{"id":"cid","works":[{"count":0,"price_sum":null}]}]`},
		{"groups", with(f.embedded("writers", "works_writer_fkey", "works", open, count), func(e *query.Embed) {
			e.Rows.Order = []query.Order{{Expr: open.Expr, NullsFirst: true}}
		}), `[{"id":"ann","works":[{"open":null,"count":1},{"open":true,"count":1}]},{"id":"bob","works":[{"open":null,"count":1}]},{"id":"cid","works":[]}]`},
	} {
		sel := query.Select{Table: f.table("writers"), Columns: []query.Output{f.shown("writers", "id")[0], test.embed}, Limit: -1}
		if got := f.answer(sel); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
	same := query.Select{Table: f.table("writers"), Columns: []query.Output{f.embedded("writers", "works_writer_fkey", "works", count)}, Limit: 2, Offset: 1, Count: true}
	rows, info := f.selectRows(same)
	if len(rows) != 2 || info.Count != 3 {
		t.Errorf("an embed that aggregates makes no groups around it: %d rows of %d", len(rows), info.Count)
	}
	edges := f.embedded("labels", "stickers", "works", count, f.aggregated(query.AggregateMax, "works", "pages"))
	sel := query.Select{Table: f.table("labels"), Columns: []query.Output{edges}, Limit: -1}
	if got, want := f.answer(sel), `[{"works":[{"count":1,"pages_max":300}]},{"works":[{"count":0,"pages_max":null}]},{"works":[{"count":2,"pages_max":300}]}]`; got != want {
		t.Errorf("through an edge:\ngot  %s\nwant %s", got, want)
	}
}

func testSumRange(t *testing.T, s store.Store) {
	f := stocked(t, s)
	works := f.table("works")
	big := map[string]query.Value{"pages": query.Int(math.MaxInt64), "price": query.Decimal(math.MaxInt64, 2), "writer": query.Text("cid")}
	f.apply(f.insert("works", partly(works, query.Int(10), big)))
	for _, name := range []string{"pages", "price"} {
		sum := f.aggregated(query.AggregateSum, "works", name)
		got := f.rows(query.Select{Table: works, Columns: []query.Output{sum}, Where: equal(works, "id", query.Int(10)), Limit: -1})
		if got[0][0].N != math.MaxInt64 {
			t.Errorf("sum of one %s: %v", name, got[0][0])
		}
	}
	f.apply(f.insert("works", partly(works, query.Int(11), big)))
	for _, name := range []string{"pages", "price"} {
		sum := f.aggregated(query.AggregateSum, "works", name)
		f.fails(query.Select{Table: works, Columns: []query.Output{sum}, Limit: -1}, "22003")
		f.fails(query.Select{Table: f.table("writers"), Columns: []query.Output{f.embedded("writers", "works_writer_fkey", "works", sum)}, Limit: -1}, "22003")
	}
}

func testCasts(t *testing.T, s store.Store) {
	f := stocked(t, s)
	works := f.table("works")
	number := query.Output{Name: "n", Expr: need(query.NewCast(columnOf(works, "title"), query.Type{Kind: query.KindInt}))}
	f.apply(f.insert("works", partly(works, query.Int(10), map[string]query.Value{"title": query.Text("42"), "writer": query.Text("cid")})))
	sel := query.Select{Table: works, Columns: []query.Output{number}, Limit: -1}
	f.fails(sel, "22P02")
	f.fails(query.Select{Table: f.table("writers"), Columns: []query.Output{f.embedded("writers", "works_writer_fkey", "works", number)}, Limit: -1}, "22P02")
	// Rows that the answer leaves out are not cast.
	sel.Order, sel.Limit = []query.Order{{Expr: columnOf(works, "title")}}, 1
	if got := f.answer(sel); got != `[{"n":42}]` {
		t.Errorf("the one that is a number: %s", got)
	}
	if got := f.rows(query.Select{Table: works, Columns: []query.Output{{Name: "t", Expr: need(query.NewCast(columnOf(works, "price"), query.Type{Kind: query.KindText}))}}, Limit: 1}); got[0][0].S != "-12.05" {
		t.Errorf("a decimal as text: %v", got[0][0])
	}
}
