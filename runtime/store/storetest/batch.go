package storetest

import (
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func made(write, row int, kind query.Kind) *query.Made {
	return &query.Made{Write: write, Row: row, Of: query.Type{Kind: kind}}
}

func is(t *query.Table, name string, value query.Expr) query.Expr {
	return &query.Compare{Op: query.Equal, Left: columnOf(t, name), Right: value}
}

func testMade(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("books", book("Before", "")))
	books, reviews := f.table("books"), f.table("reviews")
	given := f.insert("reviews", review(0, "of two"), review(0, "of one"))
	given.Given = []query.Given{
		{Row: 0, Column: reviews.Column("book"), Value: made(0, 1, query.KindInt)},
		{Row: 1, Column: reviews.Column("book"), Value: made(0, 0, query.KindInt)},
	}
	given.Checks = []query.Check{{Cond: &query.Compare{Op: query.GreaterEqual, Left: columnOf(reviews, "book"), Right: made(0, 0, query.KindInt)}, Fault: faultOf("23514")}}
	rename := query.Write{
		Op: query.Update, Table: books, Where: is(books, "id", made(0, 1, query.KindInt)), Returning: true,
		Set: []query.Assignment{set(books, "isbn", query.NewLiteral(query.Text("x")))},
	}
	point := query.Write{
		Op: query.Update, Table: reviews, Where: is(reviews, "id", made(1, 0, query.KindInt)), Returning: true,
		Set: []query.Assignment{set(reviews, "book", made(0, 0, query.KindInt))},
	}
	batch := query.Batch{Writes: []query.Write{f.insert("books", book("One", ""), book("Two", "")), given, rename, point}}
	for round := range 2 {
		result, err := f.view.Apply(f.ctx(), batch)
		if err != nil {
			t.Fatal(err)
		}
		one := result.Writes[0].Keys[0]
		if want := int64(2 + 2*round); one.N != want {
			t.Fatalf("the first book is %d, want %d", one.N, want)
		}
		two := query.Int(one.N + 1)
		if got := result.Writes[1].Rows; got[0][1] != two || got[1][1] != one {
			t.Errorf("the reviews are %v", got)
		}
		if got := result.Writes[2].Rows; len(got) != 1 || got[0][0] != two {
			t.Errorf("the update picked %v, want book %d", got, two.N)
		}
		if got := result.Writes[3].Rows; len(got) != 1 || got[0][1] != one {
			t.Errorf("the update set %v, want book %d", got, one.N)
		}
		if given.Rows[0][1] != query.Int(0) || given.Rows[1][1] != query.Int(0) {
			t.Errorf("the caller's rows are %v now", given.Rows)
		}
		f.apply(query.Write{Op: query.Delete, Table: reviews}, query.Write{
			Op: query.Update, Table: books, Set: []query.Assignment{set(books, "isbn", &query.Literal{Of: query.Type{Kind: query.KindText}})},
		})
	}
}

func testMadeByUpsert(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", storedItem(5, "a", 1, "")))
	items := f.table("items")
	note := func(row int) query.Write {
		return query.Write{
			Op: query.Update, Table: items, Where: is(items, "id", made(0, row, query.KindInt)), Returning: true,
			Set: []query.Assignment{set(items, "note", query.NewLiteral(query.Text("made")))},
		}
	}
	merged := f.apply(f.merging(item("b", 1), item("a", 2)), note(1))
	sameRows(t, "the key of the row there", merged.Writes[1].Rows, []query.Row{storedItem(5, "a", 2, "made")})
	f.refusedFor("22004", f.ignoring("code", item("a", 1), item("c", 1)), note(0))
	done := f.apply(f.ignoring("code", item("a", 1), item("c", 1)), note(1))
	sameRows(t, "the key of the new row", done.Writes[1].Rows, []query.Row{storedItem(7, "c", 1, "made")})
	inConflict := f.merging(item("c", 3))
	inConflict.Conflict.Before, inConflict.Conflict.Denied = is(items, "id", made(0, 0, query.KindInt)), faultOf("42501")
	inConflict.Conflict.Set = []query.Assignment{set(items, "place", made(0, 0, query.KindInt))}
	inConflict.Conflict.Checks = []query.Check{{Cond: is(items, "id", made(0, 0, query.KindInt)), Fault: faultOf("23514")}}
	if got := f.apply(f.merging(item("c", 2)), inConflict).Writes[1].Rows[0][5]; got != query.Int(7) {
		t.Errorf("the conflict set %v, want the key 7", got)
	}
	f.refusedFor("42501", f.merging(item("a", 2)), inConflict)
}

// testMadeNowhere has keys of writes that are not there: mistakes of the
// caller's code, which no client can make.
func testMadeNowhere(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	items := f.table("items")
	given := func(write, row int) query.Write {
		w := f.insert("items", item("x", 0))
		w.Given = []query.Given{{Row: 0, Column: items.Column("n"), Value: made(write, row, query.KindInt)}}
		return w
	}
	f.refused(given(0, 0))
	f.refused(f.insert("items", item("a", 1)), given(1, 0))
	f.refused(f.insert("items", item("a", 1)), given(0, 1))
	f.refused(f.insert("items", item("a", 1)), given(-1, 0))
	f.refused(query.Write{Op: query.Delete, Table: items, Where: is(items, "id", made(0, 0, query.KindInt))})
	outside := given(0, 0)
	outside.Given[0].Row = 1
	f.refused(f.insert("items", item("a", 1)), outside)
	if rows := f.all("items"); len(rows) != 0 {
		t.Errorf("left: %v", rows)
	}
}

func testRollback(t *testing.T, s store.Store) {
	f := open(t, s, stock())
	f.apply(f.insert("items", item("a", 1)))
	before, version, rows := f.position(), f.version("items"), f.all("items")
	batch := query.Batch{Rollback: true, Writes: []query.Write{f.insert("items", item("b", 2)), f.merging(item("a", 3), item("c", 4))}}
	for range 2 {
		result, err := f.view.Apply(f.ctx(), batch)
		if err != nil {
			t.Fatal(err)
		}
		if result.Cursor != (query.Cursor{}) || result.Replayed {
			t.Errorf("the result is %+v, want no cursor", result)
		}
		wantCounts(t, result.Writes[0], 1, 1, 2)
		wantCounts(t, result.Writes[1], 2, 1, 1, 3)
		sameRows(t, "returned", result.Writes[1].Rows, []query.Row{storedItem(1, "a", 3, ""), storedItem(3, "c", 4, "")})
	}
	if f.position() != before || f.version("items") != version {
		t.Error("what was not kept moved the feed or a version")
	}
	sameRows(t, "stored", f.all("items"), rows)
	single := query.Batch{Rollback: true, Writes: batch.Writes[:1]}
	if _, err := f.view.Apply(f.ctx(), single); err != nil {
		t.Fatal(err)
	}
	sameRows(t, "stored", f.all("items"), rows)
	batch.Writes = append(batch.Writes, f.insert("items", item("a", 9)))
	if _, err := f.view.Apply(f.ctx(), batch); err == nil {
		t.Error("a conflict is no error when nothing is kept")
	}
	wantCounts(t, f.apply(f.insert("items", item("b", 1))).Writes[0], 1, 1, 2)
}

func testQuiet(t *testing.T, s store.Store) {
	schema := library()
	schema.Table("books").Quiet = true
	f := open(t, s, schema)
	f.apply(f.insert("authors", author("a", "Ann")))
	books, authors, before := f.version("books"), f.version("authors"), f.position()
	result := f.apply(f.insert("books", book("secret", "a"), book("too", "a")))
	if result.Cursor == before || result.Cursor != f.position() {
		t.Errorf("the commit is at %s, the feed was at %s", result.Cursor, before)
	}
	if f.version("books") == books || f.version("authors") != authors {
		t.Error("the version of the quiet table alone moves")
	}
	f.apply(f.insert("authors", author("b", "Bob")), query.Write{Op: query.Delete, Table: f.table("books"), Where: equal(f.table("books"), "id", query.Int(1))})
	f.apply(f.remove("authors", "a")) // and its book
	var told []string
	for _, commit := range f.changes(before) {
		var tables []string
		for _, c := range commit.Changes {
			tables = append(tables, c.Table)
			if c.Table == "books" && (c.Op != query.Update || c.Before != nil || c.After != nil) {
				t.Errorf("a quiet table's change is %+v", c)
			}
			if c.Table != "books" && c.Before == nil && c.After == nil {
				t.Errorf("a change without rows: %+v", c)
			}
		}
		slices.Sort(tables)
		told = append(told, tables...)
		told = append(told, "")
	}
	if want := []string{"books", "", "authors", "books", "", "authors", "books", ""}; !slices.Equal(told, want) {
		t.Errorf("the feed tells of %q, want %q", told, want)
	}
	if rows := f.all("books"); len(rows) != 0 {
		t.Errorf("books left: %v", rows)
	}
}
