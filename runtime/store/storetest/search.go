package storetest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// testSearch holds a full-text index and the nearest vectors against memory,
// while rows come, change, go and are undone.
func testSearch(t *testing.T, s store.Store) {
	schema := query.NewSchema([]*query.Table{
		notes("notes", query.KindText), notes("posts", query.KindInt),
		inEnglish(t, notes("essays", query.KindText)), inEnglish(t, notes("letters", query.KindInt)),
	})
	f := open(t, s, schema)
	for i, table := range schema.Tables {
		w := &searchWorld{fixture: f, chance: rand.New(rand.NewPCG(uint64(number(t, SeedVariable, 1)), uint64(i))), table: table, rows: map[string]query.Row{}}
		for range 100 {
			w.step()
			w.compare()
			w.compare()
			w.compareNearest()
		}
		if len(w.rows) < 10 {
			t.Errorf("only %d rows were left to search in", len(w.rows))
		}
	}
}

// testNearestOfMany holds the nearest of a large table against memory, asked again
// and again between writes, so that what an engine keeps of it is used and is
// never old.
func testNearestOfMany(t *testing.T, s store.Store) {
	for _, key := range []query.Kind{query.KindText, query.KindInt} {
		table := notes("many"+key.String(), key)
		schema := query.NewSchema([]*query.Table{table})
		f := &fixture{T: t, store: s}
		f.migrate(plan.FromQuery(schema), []string{"manytext"})
		f.reopen(schema)
		w := &searchWorld{fixture: f, chance: rand.New(rand.NewPCG(9, 9)), table: table, rows: map[string]query.Row{}}
		for range 3 {
			var rows []query.Row
			for range 400 {
				row := w.row(w.newKey())
				rows, w.rows[keyOf(row)] = append(rows, row), row
			}
			f.apply(query.Write{Op: query.Insert, Table: table, Rows: rows})
			for range 8 {
				w.compareNearest()
			}
			w.step()
			for range 4 {
				w.compareNearest()
			}
		}
	}
}

// testRankOrder holds the order by rank against memory.
func testRankOrder(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{inEnglish(t, notes("notes", query.KindText))}))
	w := &searchWorld{fixture: f, chance: rand.New(rand.NewPCG(3, 3)), table: f.table("notes"), rows: map[string]query.Row{}}
	for range 60 {
		w.step()
	}
	q, _ := query.ParseTextQuery(w.indexed(), "wfts", "cat or the dog")
	search := &query.Search{Query: q, Operands: []query.Expr{columnOf(w.table, "title"), columnOf(w.table, "body")}}
	rank := &query.Rank{Of: search}
	got := w.found(query.Select{Table: w.table, Where: search, Order: []query.Order{{Expr: rank, Descending: true}}, Limit: 10})
	var rows []query.Row
	for _, row := range w.rows {
		if query.Holds(search, row, nil) == query.True {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b query.Row) int {
		return cmp.Or(query.CompareValues(query.Eval(rank, b, nil), query.Eval(rank, a, nil)), query.CompareValues(a[0], b[0]))
	})
	var want []string
	for _, row := range rows[:min(10, len(rows))] {
		want = append(want, keyOf(row))
	}
	if !slices.Equal(got, want) || len(got) < 5 {
		t.Errorf("the best are %v, want %v", got, want)
	}
}

// testVectors proves that vectors are kept, compared and in the feed.
func testVectors(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{notes("notes", query.KindText)}))
	row := query.Row{query.Text("a"), query.Null(), query.Null(), query.Null(), query.VectorOf([]float32{0.1, -2, 3e-9})}
	before := f.position()
	f.apply(f.insert("notes", row))
	sameRows(t, "notes", f.all("notes"), []query.Row{row})
	if found := f.rows(query.Select{Table: f.table("notes"), Columns: outputs(f.table("notes")), Where: equal(f.table("notes"), "embedding", row[4]), Limit: -1}); len(found) != 1 {
		t.Errorf("%d rows equal the vector", len(found))
	}
	commits := f.changes(before)
	if len(commits) != 1 {
		t.Fatalf("%d commits", len(commits))
	}
	after, err := query.DecodeRow(f.table("notes"), commits[0].Changes[0].After)
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, "the feed", []query.Row{after}, []query.Row{row})
	_ = f.refused(f.insert("notes", query.Row{query.Text("b"), query.Null(), query.Null(), query.Null(), query.VectorOf([]float32{1})}))
}

// testSearchMigrations proves that indexes are filled, follow renames, and hold
// what views without them write.
func testSearchMigrations(t *testing.T, s store.Store) {
	for _, key := range []query.Kind{query.KindText, query.KindInt} {
		table := "notes" + key.String()
		with := notes(table, key)
		bare := notes(table, key)
		bare.Indexes = nil
		f := &fixture{T: t, store: s}
		f.migrate(plan.FromQuery(query.NewSchema([]*query.Table{bare})), []string{"papersText", "papers"})
		f.reopen(query.NewSchema([]*query.Table{bare}))
		old, chance := f.view, rand.New(rand.NewPCG(7, 7))
		w := &searchWorld{fixture: f, chance: chance, table: bare, rows: map[string]query.Row{}}
		for range 20 {
			w.step()
		}
		w.compareAll("without an index")
		f.migrate(plan.FromQuery(query.NewSchema([]*query.Table{with})), nil)
		for range 20 {
			w.step() // through the old view, which knows no index
		}
		f.reopen(query.NewSchema([]*query.Table{with}))
		w.table = with
		w.compareAll("after the index was made")

		// The index speaks another language, and what is said in the old one is
		// not asked of it.
		simple := f.view
		with = inEnglish(t, notes(table, key))
		f.migrate(plan.FromQuery(query.NewSchema([]*query.Table{with})), nil)
		q, _ := query.ParseTextQuery(query.Simple, "plfts", "running")
		running := &query.Search{Query: q, Operands: []query.Expr{w.table.Ref(w.table.Column("title"))}}
		if _, err := simple.Select(f.ctx(), query.Select{Table: w.table, Columns: outputs(w.table), Where: running, Limit: -1}, &collector{}); err == nil {
			t.Error("a view on the old schema still asks the index, which has other words now")
		}
		f.reopen(query.NewSchema([]*query.Table{with}))
		w.table = with
		w.compareAll("after the index learned English")
		for range 10 {
			w.step()
		}
		w.compareAll("after writes in English")

		// Renames of table and columns, and a column that goes.
		papers := query.NewTable("papers", []*query.Column{
			with.Columns[0], column("name", query.KindText), column("body", query.KindText), with.Columns[4],
		}, nil)
		papers.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: []*query.Column{papers.Column("name"), papers.Column("body")}}}
		want := plan.FromQuery(query.NewSchema([]*query.Table{papers}))
		want.Table("papers").Was = table
		want.Table("papers").Column("name").Was = "title"
		f.migrate(want, []string{"papers.stars", table + ".stars"})
		f.reopen(query.NewSchema([]*query.Table{papers}))
		if err := searchOld(f, old, bare); err == nil {
			t.Error("a view on the old schema still reads a renamed table")
		}
		for k, row := range w.rows {
			w.rows[k] = query.Row{row[0], row[1], row[2], row[4]}
		}
		w.table = papers
		w.compareAll("after renames")

		// The index goes, and comes back over one column.
		papers = query.NewTable("papers", papers.Columns, nil)
		f.migrate(plan.FromQuery(query.NewSchema([]*query.Table{papers})), nil)
		papers = query.NewTable("papers", papers.Columns, []*query.Index{{Name: "words", Kind: query.FullText, Columns: []*query.Column{papers.Columns[1]}}})
		f.migrate(plan.FromQuery(query.NewSchema([]*query.Table{papers})), nil)
		f.reopen(query.NewSchema([]*query.Table{papers}))
		w.table = papers
		w.compareAll("after the index came back")
		f.migrate(plan.FromQuery(query.NewSchema(nil)), []string{"papers"})
	}
}

func searchOld(f *fixture, view store.View, t *query.Table) error {
	_, err := view.Select(f.ctx(), query.Select{Table: t, Columns: outputs(t), Limit: -1}, &collector{})
	return err
}
