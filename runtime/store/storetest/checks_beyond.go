package storetest

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// outer is a column of the row around an Exists or a Lookup.
func outer(t *query.Table, name string) *query.ColumnRef {
	return &query.ColumnRef{Table: t, Column: t.Column(name), Up: 1}
}

// authorOf reads a column of the author of the book at hand.
func (f *fixture) authorOf(name string) *query.Lookup {
	f.Helper()
	authors := f.table("authors")
	return &query.Lookup{
		Table: authors, Value: columnOf(authors, name),
		Where: is(authors, "id", outer(f.table("books"), "author")),
	}
}

// byAnn holds for a book whose author is called Ann.
func (f *fixture) byAnn() query.Expr {
	f.Helper()
	return &query.Compare{Op: query.Equal, Left: f.authorOf("name"), Right: query.NewLiteral(query.Text("Ann"))}
}

// reviewed holds for a book that has a review.
func (f *fixture) reviewed() *query.Exists {
	f.Helper()
	reviews := f.table("reviews")
	return &query.Exists{Table: reviews, Where: is(reviews, "book", outer(f.table("books"), "id"))}
}

// twoAuthors is Ann's book 1, which is reviewed, and Bob's book 2, which is not.
func twoAuthors(t *testing.T, s store.Store) *fixture {
	t.Helper()
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")),
		f.insert("books", book("One", "a"), book("Two", "b")), f.insert("reviews", review(1, "good")))
	return f
}

func testChecksBeyond(t *testing.T, s store.Store) {
	f := twoAuthors(t, s)
	books := f.table("books")
	denied := faultOf("42501")
	must := func(cond query.Expr) []query.Check { return []query.Check{{Cond: cond, Fault: denied}} }
	insert := func(author string) query.Write {
		w := f.insert("books", book("New", author))
		w.Checks = must(f.byAnn())
		return w
	}
	f.apply(insert("a"))
	f.refusedFor("42501", insert("b"))
	f.refusedFor("42501", insert("")) // unknown denies
	allowed := insert("")
	allowed.Checks[0].AllowUnknown = true
	f.apply(allowed)
	// Before the row is written: a missing author is not told from a denied one.
	f.refusedFor("42501", insert("nobody"))
	taken := insert("b")
	taken.Rows[0][0] = query.Int(1)
	f.refusedFor("42501", taken)
	// Within the transaction: what the batch wrote counts.
	f.apply(f.insert("authors", author("c", "Ann")), insert("c"))

	give := func(to string) query.Write {
		return query.Write{Op: query.Update, Table: books, Where: equal(books, "id", query.Int(1)), Set: []query.Assignment{set(books, "author", query.NewLiteral(query.Text(to)))}}
	}
	after := give("b")
	after.Checks = must(f.byAnn())
	f.refusedFor("42501", after)
	before := give("b")
	lookup := f.authorOf("name")
	lookup.Where = is(f.table("authors"), "id", &query.ColumnRef{Table: books, Column: books.Column("author"), Old: true, Up: 1})
	before.Checks = must(&query.Compare{Op: query.Equal, Left: lookup, Right: query.NewLiteral(query.Text("Ann"))})
	f.apply(before)
	f.refusedFor("42501", before) // it was Bob's now

	remove := query.Write{Op: query.Delete, Table: books, Where: equal(books, "id", query.Int(2)), Checks: must(f.reviewed())}
	f.refusedFor("42501", remove)
	remove.Where = equal(books, "id", query.Int(1))
	f.apply(remove)
}

// testWhereBeyond has writes pick their rows by what is in other tables.
func testWhereBeyond(t *testing.T, s store.Store) {
	f := twoAuthors(t, s)
	books := f.table("books")
	did := f.apply(query.Write{
		Op: query.Update, Table: books, Where: f.byAnn(), Returning: true,
		Set: []query.Assignment{set(books, "isbn", f.authorOf("name")), set(books, "title", &query.Lookup{
			Table: f.table("reviews"), Where: is(f.table("reviews"), "book", outer(books, "id")), Value: columnOf(f.table("reviews"), "text"),
		})},
	}).Writes[0]
	want := query.Row{query.Int(1), query.Text("good"), query.Text("a"), query.Text("Ann"), query.Null()}
	sameRows(t, "updated", did.Rows, []query.Row{want})
	did = f.apply(query.Write{Op: query.Delete, Table: books, Where: &query.Not{Term: f.reviewed()}, Returning: true}).Writes[0]
	sameRows(t, "deleted", did.Rows, []query.Row{{query.Int(2), query.Text("Two"), query.Text("b"), query.Null(), query.Null()}})
}

func testUpsertBeyond(t *testing.T, s store.Store) {
	f := twoAuthors(t, s)
	books := f.table("books")
	put := func(id int64, author string) query.Write {
		row := book("Put", author)
		row[0] = query.Int(id)
		w := f.insert("books", row)
		w.Conflict = &query.Conflict{
			Target: columns(books, "id"), Columns: columns(books, "id", "title", "author"),
			Before: f.byAnn(), Denied: faultOf("42501"),
			Set:    []query.Assignment{set(books, "isbn", f.authorOf("name"))},
			Checks: []query.Check{{Cond: f.reviewed(), Fault: faultOf("23514")}},
		}
		return w
	}
	got := f.apply(put(1, "b")).Writes[0].Rows
	sameRows(t, "merged", got, []query.Row{{query.Int(1), query.Text("Put"), query.Text("b"), query.Text("Bob"), query.Null()}})
	f.refusedFor("42501", put(1, "a")) // it is Bob's now
	f.apply(query.Write{Op: query.Update, Table: books, Where: equal(books, "id", query.Int(2)), Set: []query.Assignment{set(books, "author", query.NewLiteral(query.Text("a")))}})
	f.refusedFor("23514", put(2, "a"))
	f.apply(put(3, "b"))
}

// testBeyondWritten reads what lies beyond written rows when all of the batch is
// done.
func testBeyondWritten(t *testing.T, s store.Store) {
	f := twoAuthors(t, s)
	books := f.table("books")
	asked := []query.Expr{f.authorOf("name"), columnOf(books, "title"), f.reviewed(), query.NewLiteral(query.Int(7))}
	insert := f.insert("books", book("Three", "a"), book("Four", ""))
	insert.Beyond = asked
	rename := query.Write{Op: query.Update, Table: f.table("authors"), Where: equal(f.table("authors"), "id", query.Text("a")), Set: []query.Assignment{
		set(f.table("authors"), "name", query.NewLiteral(query.Text("Anna"))),
	}}
	reviewIt := f.insert("reviews", review(0, "of the third"))
	reviewIt.Given = []query.Given{{Row: 0, Column: reviewIt.Table.Column("book"), Value: made(0, 0, query.KindInt)}}
	batch := once("beyond", 1, insert, rename, reviewIt)
	for attempt := range 2 {
		result := f.try(batch)
		if result.Replayed != (attempt == 1) {
			t.Errorf("attempt %d is replayed: %t", attempt, result.Replayed)
		}
		got := result.Writes[0].Beyond
		if len(got) != 2 {
			t.Fatalf("beyond %d rows, want 2", len(got))
		}
		for i, want := range []query.Row{
			{query.Text("Anna"), query.Text("Three"), query.Bool(true), query.Int(7)},
			{query.Null(), query.Text("Four"), query.Bool(false), query.Int(7)},
		} {
			if text(got[i]) != text(want) {
				t.Errorf("beyond row %d is %s, want %s", i, text(got[i]), text(want))
			}
		}
	}
	remove := query.Write{Op: query.Delete, Table: books, Where: equal(books, "id", query.Int(1)), Returning: true, Beyond: asked[:3]}
	if got, want := f.apply(remove).Writes[0].Beyond, (query.Row{query.Text("Anna"), query.Text("One"), query.Bool(false)}); text(got[0]) != text(want) {
		t.Errorf("beyond the deleted row is %s, want %s: its review lost it", text(got[0]), text(want))
	}
	insert.Returning = false
	f.refused(insert)

	// What comes after the answer in a text is done too: here, raising the keys.
	given := f.insert("books", query.Row{query.Int(99), query.Text("Given"), query.Text("a"), query.Null(), query.Null()})
	given.Beyond = asked[:1]
	f.apply(given)
	f.apply(f.insert("books", query.Row{query.Int(42), query.Text("Lower"), query.Null(), query.Null(), query.Null()}))
	if next := f.apply(f.insert("books", book("Next", ""))).Writes[0].Keys[0]; next.N != 100 {
		t.Errorf("the key after 99 is %d, want 100", next.N)
	}
}
