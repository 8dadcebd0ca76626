package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// done applies writes of which nobody asks for the place in the feed, as the API
// does, and says how many rows the last one affected.
func (f *fixture) done(writes ...query.Write) int {
	f.Helper()
	result, err := f.view.Apply(f.ctx(), query.Batch{Writes: writes})
	if err != nil {
		f.Fatalf("apply: %v", err)
	}
	return result.Writes[len(writes)-1].Affected
}

// give updates the row of a key.
func (f *fixture) give(table string, key query.Value, set ...query.Assignment) query.Write {
	f.Helper()
	return query.Write{Op: query.Update, Table: f.table(table), Where: equal(f.table(table), "id", key), Set: set}
}

// take deletes the row of a key.
func (f *fixture) take(table string, key query.Value) query.Write {
	f.Helper()
	return query.Write{Op: query.Delete, Table: f.table(table), Where: equal(f.table(table), "id", key)}
}

// to sets a column; null has the column's type.
func (f *fixture) to(table, column string, v query.Value) query.Assignment {
	f.Helper()
	c := f.table(table).Column(column)
	return query.Assignment{Column: c, Value: &query.Literal{Value: v, Of: c.Type}}
}

// testByKeyRefused has the database itself refuse writes that name one row by its
// key. What is refused leaves the row and the feed as they were; where there is no
// row nothing is refused.
func testByKeyRefused(t *testing.T, s store.Store) {
	f := open(t, s, library())
	first, second := book("One", "a"), book("Two", "a")
	first[3], second[3] = query.Text("secret-1"), query.Text("secret-2")
	first[4] = query.Bool(true)
	f.apply(f.insert("authors", author("a", "Ann")), f.insert("books", first, second), f.insert("folders", query.Row{query.Text("root"), query.Null()}))
	books, authors := f.all("books"), f.all("authors")
	two, nobody := query.Int(2), query.Int(99)
	isbn, open := f.to("books", "isbn", query.Text("secret-1")), f.to("books", "open", query.Bool(true))
	denied := query.Check{Cond: equal(f.table("books"), "title", query.Text("Other")), Fault: faultOf("42501")}
	deniedTo := func(w query.Write) query.Write {
		w.Checks = []query.Check{denied}
		return w
	}
	for _, c := range []struct {
		name          string
		write         query.Write
		code, message string
	}{
		{"a value that another row has", f.give("books", two, isbn), "23505", `duplicate key value violates unique constraint "books_isbn_key"`},
		{"a value that another row has, among others", f.give("books", two, f.to("books", "title", query.Text("x")), isbn), "23505", `duplicate key value violates unique constraint "books_isbn_key"`},
		{"a part of an index that another row is in", f.give("books", two, open), "23505", `duplicate key value violates unique constraint "books_author_key"`},
		{"null where it may not be", f.give("books", two, f.to("books", "title", query.Null())), "23502", `null value in column "title" of relation "books" violates not-null constraint`},
		{"a reference to nothing", f.give("books", two, f.to("books", "author", query.Text("nobody"))), "23503", `insert or update on table "books" violates foreign key constraint "books_author_fkey"`},
		{"another's key", f.give("books", two, f.to("books", "id", query.Int(1))), "23505", `duplicate key value violates unique constraint "books_pkey"`},
		{"a rule comes before the index", deniedTo(f.give("books", two, isbn)), "42501", "refused"},
		{"a rule comes before null", deniedTo(f.give("books", two, isbn, f.to("books", "open", query.Null()))), "42501", "refused"},
		{"a rule comes before a reference", deniedTo(f.give("books", two, f.to("books", "author", query.Text("nobody")))), "42501", "refused"},
		{"a rule denies a deletion", deniedTo(f.take("books", two)), "42501", "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fixture{T: t, store: f.store, view: f.view, schema: f.schema}
			wantFault(t, f.refused(c.write), c.code, c.message)
			sameRows(t, "books", f.all("books"), books)
			before := f.position()
			c.write.Where = equal(c.write.Table, "id", nobody)
			if n := f.done(c.write); n != 0 || f.position() != before {
				t.Errorf("where there is no row, %d are affected", n)
			}
			c.write.Where = &query.And{Terms: []query.Expr{equal(c.write.Table, "id", two), equal(c.write.Table, "title", query.Text("Gone"))}}
			if n := f.done(c.write); n != 0 || f.position() != before {
				t.Errorf("where the row is another one, %d are affected", n)
			}
		})
	}
	wantFault(t, f.refused(f.give("authors", query.Text("a"), f.to("authors", "name", query.Null()))), "23502",
		`null value in column "name" of relation "authors" violates not-null constraint`)
	sameRows(t, "authors", f.all("authors"), authors)
	// What is the same is no conflict, also not with itself.
	if n := f.done(f.give("books", query.Int(1), isbn, open, f.to("books", "author", query.Text("a")))); n != 1 {
		t.Errorf("%d rows affected, want 1", n)
	}
	sameRows(t, "books", f.all("books"), books)
}

// testByKeyReferences deletes rows by their key that others point at, and rows
// that point at others.
func testByKeyReferences(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")), f.insert("books", book("One", "a"), book("Two", "b")),
		f.insert("reviews", review(1, "good"), review(2, "bad")), f.insert("loans", child(2)),
		f.insert("folders", query.Row{query.Text("root"), query.Null()}, query.Row{query.Text("leaf"), query.Text("root")}))
	onLoan := `update or delete on table "books" violates foreign key constraint "loans_book_fkey" on table "loans"`
	wantFault(t, f.refused(f.take("books", query.Int(2))), "23503", onLoan)
	wantFault(t, f.refused(f.take("authors", query.Text("b"))), "23503", onLoan)
	wantFault(t, f.refused(f.take("folders", query.Text("root"))), "23503",
		`update or delete on table "folders" violates foreign key constraint "folders_parent_fkey" on table "folders"`)
	before := f.position()
	for _, w := range []query.Write{f.take("authors", query.Text("a")), f.take("folders", query.Text("leaf")), f.take("folders", query.Text("root")), f.take("loans", query.Int(1)), f.take("books", query.Int(2))} {
		if n := f.done(w); n != 1 {
			t.Errorf("%d rows of %s affected, want 1", n, w.Table.Name)
		}
	}
	var told []string
	for _, commit := range f.changes(before) {
		for _, c := range commit.Changes {
			told = append(told, c.Table+string(c.Before)+">"+string(c.After))
		}
		told = append(told, "")
	}
	if len(told) != 8+5 {
		t.Errorf("the feed tells of %q", told)
	}
	sameRows(t, "books", f.all("books"), nil)
	sameRows(t, "reviews", f.all("reviews"), []query.Row{{query.Int(1), query.Null(), query.Text("good")}, {query.Int(2), query.Null(), query.Text("bad")}})
	for _, w := range []query.Write{f.take("reviews", query.Int(1)), f.take("reviews", query.Int(2)), f.take("authors", query.Text("b"))} {
		if n := f.done(w); n != 1 {
			t.Errorf("%d rows of %s affected, want 1", n, w.Table.Name)
		}
		if n := f.done(w); n != 0 {
			t.Errorf("%d rows of %s affected when it was gone", n, w.Table.Name)
		}
	}
}

// testByKeyOnce does writes by key under keys of batches: each is done once,
// whatever became of the row since.
func testByKeyOnce(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")))
	rename := f.give("authors", query.Text("a"), f.to("authors", "name", query.Text("Anna")))
	first := f.try(once("rename", 1, rename))
	f.done(f.give("authors", query.Text("a"), f.to("authors", "name", query.Text("Eve"))))
	remove := once("remove", 1, f.take("authors", query.Text("b")))
	remove.Position = false
	nothing := once("nothing", 1, f.take("authors", query.Text("c")))
	for attempt := range 2 {
		for want, batch := range []query.Batch{nothing, remove} {
			if result := f.try(batch); result.Replayed != (attempt == 1) || result.Writes[0].Affected != want {
				t.Errorf("attempt %d: %+v, want %d rows", attempt, result, want)
			}
		}
		f.done(f.insert("authors", author("b", "again"), author("c", "new")))
		if attempt == 0 {
			f.done(f.take("authors", query.Text("b")), f.take("authors", query.Text("c")))
		}
	}
	again := f.try(once("rename", 1, rename))
	if !again.Replayed || again.Writes[0].Affected != 1 || again.Cursor != first.Cursor {
		t.Errorf("replayed %+v, was %+v", again, first)
	}
	sameRows(t, "authors", f.all("authors"), []query.Row{author("a", "Eve"), author("b", "again"), author("c", "new")})
}

// testByKeyTogether has many write one row at once. Each sees what the former
// did: a counter that is raised by who knows it loses nothing, only one takes what
// is to be had once, and a row goes once.
func testByKeyTogether(t *testing.T, s store.Store) {
	const writers, each = 8, 12
	f := open(t, s, stock())
	f.apply(f.insert("items", item("counter", 0)), f.insert("items", item("prize", 0)), f.insert("items", item("victim", 0)))
	items := f.table("items")
	counter, prize, victim := query.Int(1), query.Int(2), query.Int(3)
	moved := faultOf("23514")
	start := f.position()
	var all sync.WaitGroup
	var raised, won, gone, refused atomic.Int64
	count := func(n *atomic.Int64, w query.Write) {
		result, err := f.view.Apply(f.ctx(), query.Batch{Writes: []query.Write{w}})
		switch {
		case err == nil:
			n.Add(int64(result.Writes[0].Affected))
		case errors.Is(err, error(moved)):
			refused.Add(1)
		case !fault.Is(err, "40001"): // too many others; nothing was done
			t.Error(err)
		}
	}
	for writer := range writers {
		all.Go(func() {
			for i := range each {
				n, err := f.value("items", "n", counter)
				if err != nil {
					t.Error(err)
					return
				}
				raise := f.give("items", counter, f.to("items", "n", query.Int(n.N+1)))
				if was := equal(items, "n", n); i%2 == 0 {
					raise.Where = &query.And{Terms: []query.Expr{raise.Where, was}}
				} else { // a rule on the row before
					column := *was.(*query.Compare)
					column.Left = &query.ColumnRef{Table: items, Column: items.Column("n"), Old: true}
					raise.Checks = []query.Check{{Cond: &column, Fault: moved}}
				}
				count(&raised, raise)
			}
			take := f.give("items", prize, f.to("items", "n", query.Int(int64(writer+1))))
			take.Where = &query.And{Terms: []query.Expr{take.Where, equal(items, "n", query.Int(0))}}
			count(&won, take)
			count(&gone, f.take("items", victim))
		})
	}
	all.Wait()
	if n := f.stored("items", counter)[0][2].N; n != raised.Load() || n == 0 {
		t.Errorf("the counter is %d, raised %d times", n, raised.Load())
	}
	if won.Load() != 1 || gone.Load() != 1 || len(f.stored("items", victim)) != 0 {
		t.Errorf("%d took what was there once, and %d took the row away", won.Load(), gone.Load())
	}
	changes := 0
	for _, commit := range f.changes(start) {
		changes += len(commit.Changes)
	}
	if want := int(raised.Load()) + 2; changes != want {
		t.Errorf("%d changes are in the feed, want %d", changes, want)
	}
	t.Logf("raised %d times, refused %d times", raised.Load(), refused.Load())
}

// stored selects the row of a key.
func (f *fixture) stored(table string, key query.Value) []query.Row {
	f.Helper()
	return f.rows(query.Select{Table: f.table(table), Where: equal(f.table(table), "id", key), Limit: -1})
}

// value reads a column of the row of a key.
func (f *fixture) value(table, column string, key query.Value) (query.Value, error) {
	c := columnOf(f.table(table), column)
	w := &collector{types: []query.Type{c.Type()}}
	_, err := f.view.Select(f.ctx(), query.Select{Table: c.Table, Columns: []query.Output{{Name: column, Expr: c}}, Where: equal(c.Table, "id", key), Limit: 1}, w)
	if err != nil || len(w.rows) == 0 {
		return query.Null(), err
	}
	return w.rows[0][0], nil
}
