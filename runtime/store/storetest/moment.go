package storetest

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// moment opens a snapshot, which is closed once, at the end or by the function
// that it gives.
func (f *fixture) moment() (store.Snapshot, func()) {
	f.Helper()
	s, err := f.view.Snapshot(f.ctx())
	if err != nil {
		f.Fatalf("snapshot: %v", err)
	}
	open := true
	end := func() {
		if !open {
			return
		}
		open = false
		if err := s.Close(); err != nil {
			f.Errorf("close the snapshot: %v", err)
		}
	}
	f.Cleanup(end)
	return s, end
}

// at selects the keys of all rows of a table at a moment.
func (f *fixture) at(s store.Snapshot, t *query.Table) []string {
	f.Helper()
	w := &collector{types: []query.Type{t.Key().Type}}
	info, err := s.Select(f.ctx(), query.Select{
		Table: t, Columns: []query.Output{{Name: "id", Expr: columnOf(t, "id")}}, Limit: -1, Count: true,
	}, w)
	if err != nil {
		f.Fatalf("select at a moment: %v", err)
	}
	if info.Rows != len(w.rows) || info.Count != int64(len(w.rows)) {
		f.Errorf("%d rows, but %d and a count of %d were told", len(w.rows), info.Rows, info.Count)
	}
	return keys(w.rows)
}

// testMoment reads two tables while they are written to.
func testMoment(t *testing.T, s store.Store) {
	f := open(t, s, library())
	authors, books := f.table("authors"), f.table("books")
	f.apply(f.insert("authors", author("a", "Ann")), f.insert("books", book("Emma", "a")))
	moment, end := f.moment()
	f.apply(f.insert("authors", author("b", "Bob")), f.insert("books", book("Else", "b")))
	if got := f.at(moment, authors); len(got) != 1 || got[0] != "a" {
		t.Errorf("authors at the moment: %v", got)
	}
	f.apply(query.Write{Op: query.Delete, Table: authors})
	if got := f.at(moment, authors); len(got) != 1 {
		t.Errorf("authors at the moment, read again: %v", got)
	}
	if got := f.at(moment, books); len(got) != 1 {
		t.Errorf("books at the moment: %v", got)
	}
	end()
	later, _ := f.moment()
	if got := f.at(later, authors); len(got) != 0 {
		t.Errorf("authors at a later moment: %v", got)
	}
}

// testMomentMigrated drops a table that is still read, and closes the view.
func testMomentMigrated(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("loans", query.Row{query.Null(), query.Null()}))
	view, err := s.Open(f.ctx(), f.schema)
	if err != nil {
		t.Fatal(err)
	}
	moment, err := view.Snapshot(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	loans := f.table("loans")
	f.migrate(plan.FromQuery(query.NewSchema([]*query.Table{
		f.table("authors"), f.table("books"), f.table("reviews"), f.table("folders"),
	})), []string{"loans"})
	if got := f.at(moment, loans); len(got) != 1 {
		t.Errorf("loans at the moment: %v", got)
	}
	if err := moment.Close(); err != nil {
		t.Error(err)
	}
}

// testMoments opens as many as an engine lets, and then one more.
func testMoments(t *testing.T, s store.Store) {
	f := open(t, s, library())
	const most = 100
	var ends []func()
	for {
		moment, err := f.view.Snapshot(f.ctx())
		if err != nil {
			if !fault.Is(err, "53000") {
				t.Errorf("one too many: %v", err)
			}
			break
		}
		ends = append(ends, func() {
			if err := moment.Close(); err != nil {
				t.Error(err)
			}
		})
		if len(ends) == most {
			t.Fatalf("%d moments are open", most)
		}
	}
	f.apply(f.insert("authors", author("a", "Ann"))) // they hold nobody back
	ends[0]()
	_, end := f.moment()
	end()
	for _, end := range ends[1:] {
		end()
	}
}

// testMomentEmbeds reads more embeds than an answer may hold.
func testMomentEmbeds(t *testing.T, s store.Store) {
	f := open(t, s, shelves())
	works := make([]query.Row, 70)
	for i := range works {
		works[i] = partly(f.table("works"), query.Int(int64(i+1)), map[string]query.Value{"writer": query.Text("ann")})
	}
	name := query.Text(strings.Repeat("x", 512<<10))
	f.apply(f.insert("writers", partly(f.table("writers"), query.Text("ann"), map[string]query.Value{"name": name})), f.insert("works", works...))
	writer := f.embedded("works", "works_writer_fkey", "writers", f.shown("writers", "name")...)
	again := f.embedded("writers", "works_writer_fkey", "works", writer)
	moment, _ := f.moment()
	info, err := moment.Select(f.ctx(), query.Select{Table: f.table("works"), Columns: []query.Output{writer}, Limit: -1}, &collector{types: []query.Type{writer.Expr.Type()}})
	if err != nil || info.Rows != len(works) {
		t.Errorf("%d rows, %v", info.Rows, err)
	}
	_, err = moment.Select(f.ctx(), query.Select{Table: f.table("writers"), Columns: []query.Output{again}, Limit: -1}, &collector{types: []query.Type{again.Expr.Type()}})
	if !fault.Is(err, "embed-too-large") {
		t.Errorf("too much in one row: %v", err)
	}
}
