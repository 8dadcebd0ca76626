package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func testEmbeds(t *testing.T, s store.Store) {
	f := stocked(t, s)
	id := func(table string) query.Output { return f.shown(table, "id")[0] }
	many := func(o query.Output) query.Output { o.Name = "*" + o.Name; return o }
	works := f.embedded("writers", "works_writer_fkey", "works", f.shown("works", "title")...)
	labels := f.embedded("works", "stickers", "labels", f.shown("labels", "id", "text")...)
	title := columnOf(f.table("works"), "title")
	for _, test := range []struct {
		name, from string
		outputs    []query.Output
		want       string
	}{
		{
			"every type", "writers",
			[]query.Output{with(f.embedded("writers", "works_writer_fkey", "works", f.shown("works", "id", "price", "score", "open", "at", "day", "meta", "tags")...), func(e *query.Embed) { e.Rows.Limit = 1 })},
			`[{"works":[{"id":1,"price":-12.05,"score":0.1,"open":true,"at":"2023-11-14T22:13:20.1234+00:00","day":"2023-12-09","meta":{"a":[1,2.5]},"tags":["x"]}]},` +
				`{"works":[{"id":3,"price":null,"score":null,"open":null,"at":null,"day":null,"meta":null,"tags":null}]},{"works":[]}]`,
		},
		{
			"to one, present and missing", "works",
			[]query.Output{id("works"), f.embedded("works", "works_writer_fkey", "writers", f.shown("writers", "name", "born")...)},
			`[{"id":1,"writers":{"name":"Ann","born":"1970-01-01"}},{"id":2,"writers":{"name":"Ann","born":"1970-01-01"}},{"id":3,"writers":{"name":"Bob","born":null}},{"id":4,"writers":null}]`,
		},
		{
			"one that points here", "writers",
			[]query.Output{id("writers"), f.embedded("writers", "profiles_id_fkey", "profiles", f.shown("profiles", "bio")...)},
			`[{"id":"ann","profiles":{"bio":"says \"hi\""}},{"id":"bob","profiles":null},{"id":"cid","profiles":null}]`,
		},
		{
			"many, in its own order", "writers",
			[]query.Output{id("writers"), with(works, func(e *query.Embed) { e.Rows.Order = []query.Order{{Expr: title}} })},
			`[{"id":"ann","works":[{"title":"Ant"},{"title":"Zoo"}]},{"id":"bob","works":[{"title":"Bee"}]},{"id":"cid","works":[]}]`,
		},
		{"many, by page", "writers", []query.Output{with(works, func(e *query.Embed) { e.Rows.Limit, e.Rows.Offset = 1, 1 })}, `[{"works":[{"title":"Ant"}]},{"works":[]},{"works":[]}]`},
		{"many, none of them", "writers", []query.Output{with(works, func(e *query.Embed) { e.Rows.Limit = 0 })}, `[{"works":[]},{"works":[]},{"works":[]}]`},
		{"many, filtered", "writers", []query.Output{with(works, func(e *query.Embed) { e.Rows.Where = equal(f.table("works"), "pages", query.Int(100)) })}, `[{"works":[{"title":"Ant"}]},{"works":[]},{"works":[]}]`},
		{"no member", "writers", []query.Output{f.embedded("writers", "works_writer_fkey", "works")}, `[{"works":[{},{}]},{"works":[{}]},{"works":[]}]`},
		{
			"a tree upwards", "writers",
			[]query.Output{id("writers"), f.embedded("writers", "writers_mentor_fkey", "writers", id("writers"), f.embedded("writers", "writers_mentor_fkey", "writers", id("writers")))},
			`[{"id":"ann","writers":null},{"id":"bob","writers":{"id":"ann","writers":null}},{"id":"cid","writers":{"id":"bob","writers":{"id":"ann"}}}]`,
		},
		{
			"a tree downwards", "writers",
			[]query.Output{id("writers"), f.embedded("writers", "writers_mentor_fkey", "writers", many(id("writers")), f.embedded("writers", "writers_mentor_fkey", "writers", many(id("writers"))))},
			`[{"id":"ann","writers":[{"id":"bob","writers":[{"id":"cid"}]}]},{"id":"bob","writers":[{"id":"cid","writers":[]}]},{"id":"cid","writers":[]}]`,
		},
		{
			"three deep", "writers",
			[]query.Output{f.embedded("writers", "works_writer_fkey", "works", id("works"), f.embedded("works", "stickers_work_fkey", "stickers", f.shown("stickers", "weight")[0], f.embedded("stickers", "stickers_label_fkey", "labels", f.shown("labels", "text")...)))},
			`[{"works":[{"id":1,"stickers":[{"weight":5,"labels":{"text":"New"}},{"weight":1,"labels":{"text":"Old"}}]},{"id":2,"stickers":[{"weight":9,"labels":{"text":"Old"}}]}]},{"works":[{"id":3,"stickers":[]}]},{"works":[]}]`,
		},
		{
			"through an edge", "works",
			[]query.Output{id("works"), labels},
			`[{"id":1,"labels":[{"id":"new","text":"New"},{"id":"old","text":"Old"}]},{"id":2,"labels":[{"id":"old","text":"Old"}]},{"id":3,"labels":[]},{"id":4,"labels":[]}]`,
		},
		{
			"through an edge, backwards", "labels",
			[]query.Output{id("labels"), f.embedded("labels", "stickers", "works", id("works"))},
			`[{"id":"new","works":[{"id":1}]},{"id":"odd","works":[]},{"id":"old","works":[{"id":1},{"id":2}]}]`,
		},
		{"through an edge that is filtered", "works", []query.Output{id("works"), with(labels, func(e *query.Embed) {
			via := *e.Via
			via.Where, e.Via = equal(via.Table, "weight", query.Int(1)), &via
			e.Rows.Columns = e.Rows.Columns[:1]
		})}, `[{"id":1,"labels":[{"id":"old"}]},{"id":2,"labels":[]},{"id":3,"labels":[]},{"id":4,"labels":[]}]`},
	} {
		if got := f.answer(query.Select{Table: f.table(test.from), Columns: test.outputs, Limit: -1}); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

// testDeepEmbeds nests deeper than any request may.
func testDeepEmbeds(t *testing.T, s store.Store) {
	f := open(t, s, shelves())
	self := partly(f.table("writers"), query.Text("ann"), map[string]query.Value{"mentor": query.Text("ann")})
	f.apply(f.insert("writers", self))
	for _, mark := range []string{"", "*"} { // to the mentor, to the pupils
		columns, want := f.shown("writers", "id"), `{"id":"ann"}`
		columns[0].Name = mark + "id"
		for range 8 {
			columns = []query.Output{columns[0], f.embedded("writers", "writers_mentor_fkey", "writers", columns...)}
			if mark != "" {
				want = "[" + want + "]"
			}
			want = `{"id":"ann","writers":` + want + "}"
		}
		columns[0].Name = "id"
		if got := f.answer(query.Select{Table: f.table("writers"), Columns: columns, Limit: 1}); got != "["+want+"]" {
			t.Errorf("got  %s\nwant [%s]", got, want)
		}
	}
}

// testEmbedOrder has an index that would give the rows in another order.
func testEmbedOrder(t *testing.T, s store.Store) {
	f := open(t, s, shelves())
	works := f.table("works")
	const count = 3000
	rows := make([]query.Row, count)
	for i := range rows {
		rows[i] = partly(works, query.Int(int64(i+1)), map[string]query.Value{
			"title": query.Text(fmt.Sprintf("title %d", i*7919%count)), "pages": query.Int(int64(i * 104_729 % 1000)), "writer": query.Text("ann"),
		})
	}
	f.apply(f.insert("writers", partly(f.table("writers"), query.Text("ann"), nil)), f.insert("works", rows...))
	title, pages := columnOf(works, "title"), columnOf(works, "pages")
	for _, order := range [][]query.Order{
		nil, {{Expr: title}}, {{Expr: title, Descending: true}}, {{Expr: pages}}, {{Expr: pages, Descending: true}, {Expr: title}},
	} {
		for _, limit := range []int{-1, 10, 2500} {
			for _, where := range []query.Expr{nil, &query.Compare{Op: query.GreaterEqual, Left: title, Right: query.NewLiteral(query.Text("title 2"))}} {
				sel := query.Select{Table: works, Columns: f.shown("works", "title", "pages"), Order: order, Limit: limit, Where: where}
				want := f.answer(sel)
				embed := with(f.embedded("writers", "works_writer_fkey", "works"), func(e *query.Embed) { e.Rows = sel })
				got := f.rows(query.Select{Table: f.table("writers"), Columns: []query.Output{embed}, Limit: -1})
				if got[0][0].S != want {
					t.Fatalf("order %v, limit %d: the embedded rows are not those of the select", order, limit)
				}
			}
		}
	}
}

func testOtherRows(t *testing.T, s store.Store) {
	f := stocked(t, s)
	writers, works := f.table("writers"), f.table("works")
	up := func(t *query.Table, name string, n uint8) query.Expr {
		return &query.ColumnRef{Table: t, Column: t.Column(name), Up: n}
	}
	same := func(left, right query.Expr) query.Expr { return &query.Compare{Left: left, Right: right} }
	// Pupils of somebody's pupil: two rows of the same table are outside.
	grandchild := &query.Exists{Table: writers, Where: &query.And{Terms: []query.Expr{
		same(columnOf(writers, "mentor"), up(writers, "id", 1)),
		&query.Exists{Table: writers, Where: &query.And{Terms: []query.Expr{
			same(columnOf(writers, "mentor"), up(writers, "id", 1)),
			&query.Compare{Op: query.NotEqual, Left: columnOf(writers, "id"), Right: up(writers, "id", 2)},
		}}},
	}}}
	name := &query.Lookup{Table: writers, Where: same(columnOf(writers, "id"), up(works, "writer", 1)), Value: columnOf(writers, "name")}
	lower := need(query.NewCall(query.FuncLower, name))
	for _, test := range []struct {
		name  string
		table *query.Table
		where query.Expr
		want  []string
	}{
		{"exists in exists", writers, grandchild, []string{"ann"}},
		{"not exists", writers, &query.Not{Term: grandchild}, []string{"bob", "cid"}},
		{"exists is never unknown", writers, &query.Is{Operand: grandchild, What: query.IsUnknown}, nil},
		{"exists compared", writers, same(grandchild, query.NewLiteral(query.Bool(false))), []string{"bob", "cid"}},
		{"exists in if", writers, &query.Cond{If: grandchild, Then: equal(writers, "id", query.Text("ann")), Else: equal(writers, "id", query.Text("cid"))}, []string{"ann", "cid"}},
		{"a look through", works, same(name, query.NewLiteral(query.Text("Ann"))), []string{"1", "2"}},
		{"a look through that is folded", works, same(lower, query.NewLiteral(query.Text("bob"))), []string{"3"}},
		{"a look through of nothing", works, &query.Is{Operand: name, What: query.IsNull}, []string{"4"}},
		{"a look through in a list", works, &query.In{Operand: name, List: []query.Expr{query.NewLiteral(query.Text("Bob")), query.NewLiteral(query.Text("Ann"))}}, []string{"1", "2", "3"}},
		{"two rows of a table in one call", writers, &query.Exists{Table: writers, Where: &query.And{Terms: []query.Expr{
			same(columnOf(writers, "mentor"), up(writers, "id", 1)),
			&query.Not{Term: need(query.NewCall(query.FuncContains, columnOf(writers, "name"), up(writers, "name", 1)))},
		}}}, []string{"ann"}},
		{"a row and what it looks at in one call", works, need(query.NewCall(query.FuncContains, columnOf(works, "writer"), lower)), []string{"1", "2", "3"}},
	} {
		sel := query.Select{Table: test.table, Columns: f.shown(test.table.Name, "id"), Where: test.where, Limit: -1, Count: true}
		rows, info := f.selectRows(sel)
		var got []string
		for _, row := range rows {
			got = append(got, string(query.AppendText(nil, row[0])))
		}
		if !slices.Equal(got, test.want) || info.Count != int64(len(test.want)) {
			t.Errorf("%s: got %v and count %d, want %v", test.name, got, info.Count, test.want)
		}
	}
	sel := query.Select{Table: works, Columns: []query.Output{f.shown("works", "id")[0], {Name: "of", Expr: lower}}, Order: []query.Order{{Expr: name, Descending: true, NullsFirst: true}}, Limit: 3}
	if got, want := f.answer(sel), `[{"id":4,"of":null},{"id":3,"of":"bob"},{"id":1,"of":"ann"}]`; got != want {
		t.Errorf("ordered by a look through: got %s, want %s", got, want)
	}
	// What a row that is looked at embeds, as a spread has it.
	ofName := func(value query.Expr) query.Expr {
		return &query.Lookup{Table: writers, Where: same(columnOf(writers, "id"), up(works, "writer", 1)), Value: value}
	}
	mentors := f.embedded("writers", "writers_mentor_fkey", "writers", f.shown("writers", "id")...).Expr
	sel = query.Select{Table: works, Columns: []query.Output{
		f.shown("works", "id")[0],
		{Name: "works", Expr: ofName(f.embedded("writers", "works_writer_fkey", "works", f.shown("works", "id")...).Expr)},
		{Name: "mentor", Expr: ofName(mentors)},
		{Name: "born", Expr: ofName(&query.Cast{Operand: columnOf(writers, "born"), Of: query.Type{Kind: query.KindText}})},
	}, Limit: -1}
	want := `[{"id":1,"works":[{"id":1},{"id":2}],"mentor":null,"born":"1970-01-01"},{"id":2,"works":[{"id":1},{"id":2}],"mentor":null,"born":"1970-01-01"},` +
		`{"id":3,"works":[{"id":3}],"mentor":{"id":"ann"},"born":null},{"id":4,"works":null,"mentor":null,"born":null}]`
	if got := f.answer(sel); got != want {
		t.Errorf("embeds of what is looked at: got %s, want %s", got, want)
	}
	truths, err := f.view.Test(f.ctx(), []query.Expr{query.Place(grandchild, query.Row{query.Text("ann")}, nil), query.Place(grandchild, query.Row{query.Text("bob")}, nil)})
	if err != nil || !slices.Equal(truths, []query.Truth{query.True, query.False}) {
		t.Errorf("of a row in memory: %v, %v", truths, err)
	}
}

func testSelectRevision(t *testing.T, s store.Store) {
	f := stocked(t, s)
	writers := f.table("writers")
	embed := f.embedded("writers", "works_writer_fkey", "works", f.shown("works", "id")...)
	revision := func(outputs ...query.Output) int64 {
		_, info := f.selectRows(query.Select{Table: writers, Columns: outputs, Where: equal(writers, "id", query.Text("bob")), Limit: 2, Revision: true})
		return info.Revision
	}
	rename := func(name string, revisions ...int64) error {
		_, err := f.view.Apply(f.ctx(), query.Batch{Writes: []query.Write{{
			Op: query.Update, Table: writers, Where: equal(writers, "id", query.Text("bob")), Revisions: revisions,
			Set: []query.Assignment{{Column: writers.Column("name"), Value: query.NewLiteral(query.Text(name))}},
		}}})
		return err
	}
	// Whatever numbers an engine gives: all selects tell the same, no write leaves
	// it as it was, and a write that names it finds the row, once.
	seen := map[int64]bool{}
	for i, name := range []string{"Robert", "Bob", "Bob", "Robert"} {
		before := revision(f.shown("writers", "id")...)
		if seen[before] {
			t.Errorf("write %d: revision %d was there before", i, before)
		}
		seen[before] = true
		for _, outputs := range [][]query.Output{f.shown("writers", "id"), {embed}, {}} {
			if got := revision(outputs...); got != before {
				t.Errorf("write %d, %d outputs: revision %d, want %d", i, len(outputs), got, before)
			}
		}
		if err := rename(name, before); err != nil {
			t.Errorf("write %d at revision %d: %v", i, before, err)
		}
		if err := rename(name, before); !errors.Is(err, store.ErrRevisionMoved) {
			t.Errorf("write %d at the former revision %d: %v, want %v", i, before, err, store.ErrRevisionMoved)
		}
	}
}

// testWideEmbed shows more columns than a function of SQL takes by itself.
func testWideEmbed(t *testing.T, s store.Store) {
	const width = 200
	columns := []*query.Column{required("id", query.KindInt), ref("up", "wide", query.KindInt, query.Cascade)}
	for i := range width {
		columns = append(columns, column(fmt.Sprintf("c%d", i), query.KindInt))
	}
	wide := query.NewTable("wide", columns, nil)
	f := open(t, s, query.NewSchema([]*query.Table{wide}))
	row := partly(wide, query.Int(1), map[string]query.Value{"up": query.Int(1), "c0": query.Int(7), "c199": query.Int(9)})
	f.apply(f.insert("wide", row))
	var outputs []query.Output
	for _, c := range wide.Columns {
		outputs = append(outputs, query.Output{Name: c.Name, Expr: wide.Ref(c)})
	}
	want := string(query.AppendRow(nil, wide, row))
	for i, many := range []bool{false, true} {
		e := &query.Embed{On: wide.Ref(wide.Key()), Child: wide.Columns[1], Many: many, Rows: query.Select{Table: wide, Columns: outputs, Limit: -1}}
		got := f.rows(query.Select{Table: wide, Columns: []query.Output{{Name: "wide", Expr: e}}, Limit: -1})[0][0].S
		if want := []string{want, "[" + want + "]"}[i]; got != want {
			t.Errorf("many %t:\ngot  %s\nwant %s", many, got, want)
		}
	}
}

func testEmbedBound(t *testing.T, s store.Store) {
	f := open(t, s, shelves())
	const size = 512 << 10
	works := make([]query.Row, 80)
	for i := range works {
		works[i] = partly(f.table("works"), query.Int(int64(i+1)), map[string]query.Value{"writer": query.Text("ann")})
	}
	name := query.Text(strings.Repeat("x", size))
	f.apply(f.insert("writers", partly(f.table("writers"), query.Text("ann"), map[string]query.Value{"name": name})), f.insert("works", works...))
	writer := f.embedded("works", "works_writer_fkey", "writers", f.shown("writers", "name")...)
	again := f.embedded("writers", "works_writer_fkey", "works", writer)
	for _, test := range []struct {
		name string
		sel  query.Select
		rows int // below the bound; -1 for beyond
	}{
		{"few", query.Select{Table: f.table("works"), Columns: []query.Output{writer}, Limit: 60}, 60},
		{"in many rows", query.Select{Table: f.table("works"), Columns: []query.Output{writer}, Limit: 70}, -1},
		{"in one row", query.Select{Table: f.table("writers"), Columns: []query.Output{again}, Limit: 1}, -1},
		{"few, after the fault", query.Select{Table: f.table("writers"), Columns: []query.Output{with(again, func(e *query.Embed) { e.Rows.Limit = 60 })}, Limit: 1}, 1},
	} {
		if test.rows >= 0 {
			if got := len(f.rows(test.sel)); got != test.rows {
				t.Errorf("%s: %d rows, want %d", test.name, got, test.rows)
			}
			continue
		}
		if said := f.fails(test.sel, "embed-too-large").Message; !strings.Contains(said, "32 MiB") {
			t.Errorf("%s: the bound is not named: %s", test.name, said)
		}
	}
}
