package storetest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func author(id, name string) query.Row { return query.Row{query.Text(id), query.Text(name)} }

// book has a key made by the engine.
func book(title, author string) query.Row {
	row := query.Row{query.Null(), query.Text(title), query.Text(author), query.Null(), query.Null()}
	if author == "" {
		row[2] = query.Null()
	}
	return row
}

func testInsert(t *testing.T, s store.Store) {
	f := open(t, s, library())
	result := f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")), f.insert("books", book("One", "a"), book("Two", "b")))
	if got := result.Writes[0].Affected; got != 2 {
		t.Errorf("affected %d authors, want 2", got)
	}
	if result.Cursor != f.position() {
		t.Errorf("cursor %s, but the feed is at %s", result.Cursor, f.position())
	}
	books := result.Writes[1].Rows
	if len(books) != 2 || books[0][0].N != 1 || books[1][0].N != 2 {
		t.Fatalf("returned books %v, want the keys 1 and 2", books)
	}
	sameRows(t, "books", f.all("books"), books)
	quiet := f.insert("authors", author("c", "Cid"))
	quiet.Returning = false
	if result := f.apply(quiet); result.Writes[0].Rows != nil || result.Writes[0].Affected != 1 {
		t.Errorf("without returning: %+v", result.Writes[0])
	}
}

func testIntKeys(t *testing.T, s store.Store) {
	f := open(t, s, library())
	given := book("Given", "")
	given[0] = query.Int(41)
	f.apply(f.insert("books", book("One", ""), given))
	last := f.apply(f.insert("books", book("Next", ""))).Writes[0].Rows[0][0].N
	if last != 42 {
		t.Errorf("key after 41 is %d, want 42", last)
	}
	greedy := book("Greedy", "nobody")
	greedy[0] = query.Int(math.MaxInt64)
	noAuthor := `insert or update on table "books" violates foreign key constraint "books_author_fkey"`
	wantFault(t, f.refused(f.insert("books", greedy)), "23503", noAuthor)
	wantFault(t, f.refused(f.insert("books", book("Fine", ""), greedy)), "23503", noAuthor)
	f.apply(query.Write{Op: query.Delete, Table: f.table("books")})
	if again := f.apply(f.insert("books", book("Again", ""))).Writes[0].Rows[0][0].N; again != 43 {
		t.Errorf("key after all rows are gone is %d, want 43", again)
	}
}

func testUpdate(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")))
	authors := f.table("authors")
	before := f.position()
	rename := query.Write{
		Op: query.Update, Table: authors, Where: equal(authors, "id", query.Text("a")), Returning: true,
		Set: []query.Assignment{{Column: authors.Column("name"), Value: query.NewLiteral(query.Text("Anna"))}},
	}
	result := f.apply(rename)
	sameRows(t, "returned", result.Writes[0].Rows, []query.Row{author("a", "Anna")})
	sameRows(t, "stored", f.all("authors"), []query.Row{author("a", "Anna"), author("b", "Bob")})
	commits := f.changes(before)
	if len(commits) != 1 || len(commits[0].Changes) != 1 {
		t.Fatalf("changes: %v", commits)
	}
	wantChange(t, commits[0].Changes[0], "authors", query.Update, `{"id":"a","name":"Ann"}`, `{"id":"a","name":"Anna"}`)

	rename.Where = equal(authors, "id", query.Text("nobody"))
	if result := f.apply(rename); result.Writes[0].Affected != 0 || result.Cursor != (query.Cursor{}) {
		t.Errorf("an update of nothing: %+v", result)
	}
	if len(f.changes(before)) != 1 {
		t.Error("an update of nothing is in the feed")
	}
}

func testChecks(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")))
	authors := f.table("authors")
	denied := fault.New("42501", "denied")
	check := func(cond query.Expr, unknownToo bool) []query.Check {
		return []query.Check{{Cond: cond, AllowUnknown: unknownToo, Fault: denied}}
	}
	name := func(old bool, v string) query.Expr {
		return &query.Compare{
			Left:  &query.ColumnRef{Table: authors, Column: authors.Column("name"), Old: old},
			Right: query.NewLiteral(query.Text(v)),
		}
	}
	unknown := &query.Compare{Left: &query.Literal{Of: query.Type{Kind: query.KindInt}}, Right: query.NewLiteral(query.Int(1))}
	set := []query.Assignment{{Column: authors.Column("name"), Value: query.NewLiteral(query.Text("Eve"))}}

	insert := f.insert("authors", author("b", "Bob"), author("c", "Cid"))
	insert.Checks = check(name(false, "Bob"), false)
	if err := f.refused(insert); !errors.Is(err, error(denied)) {
		t.Errorf("insert: %v, want the check's fault", err)
	}
	for _, test := range []struct {
		name    string
		op      query.Op
		cond    query.Expr
		unknown bool
		passes  bool
	}{
		{"the row after", query.Update, name(false, "Eve"), false, true},
		{"the row before", query.Update, name(true, "Ann"), false, true},
		{"not the row before", query.Update, name(false, "Ann"), false, false},
		{"unknown denies", query.Update, unknown, false, false},
		{"unknown allowed", query.Update, unknown, true, true},
		{"delete sees the row before", query.Delete, name(false, "Ann"), false, true},
		{"delete denied", query.Delete, name(false, "Eve"), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, store: f.store, view: f.view, schema: f.schema}
			f.apply(query.Write{Op: query.Delete, Table: authors})
			f.apply(f.insert("authors", author("a", "Ann")))
			w := query.Write{Op: test.op, Table: authors, Checks: check(test.cond, test.unknown)}
			if test.op == query.Update {
				w.Set = set
			}
			if test.passes {
				f.apply(w)
				return
			}
			f.refused(w)
			sameRows(t, "after", f.all("authors"), []query.Row{author("a", "Ann")})
		})
	}
}

func testSingle(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")))
	for want, where := range map[int]query.Expr{0: equal(f.table("authors"), "id", query.Text("x")), 2: nil} {
		err := f.refused(query.Write{Op: query.Delete, Table: f.table("authors"), Where: where, Single: true})
		var single *store.NotSingleError
		if !errors.As(err, &single) || single.Affected != want {
			t.Errorf("got %v, want a NotSingleError of %d", err, want)
		}
	}
	f.apply(query.Write{Op: query.Delete, Table: f.table("authors"), Where: equal(f.table("authors"), "id", query.Text("a")), Single: true})
	sameRows(t, "left", f.all("authors"), []query.Row{author("b", "Bob")})
}

func testAtMost(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")))
	for _, op := range []query.Op{query.Update, query.Delete} {
		w := query.Write{Op: op, Table: f.table("authors"), AtMost: new(1)}
		if op == query.Update {
			w.Set = []query.Assignment{{Column: w.Table.Column("name"), Value: &query.Literal{Value: query.Text("X"), Of: query.Type{Kind: query.KindText}}}}
		}
		var many *store.TooManyError
		if err := f.refused(w); !errors.As(err, &many) || many.Affected != 2 {
			t.Errorf("got %v, want a TooManyError of 2", err)
		}
		sameRows(t, "left", f.all("authors"), []query.Row{author("a", "Ann"), author("b", "Bob")})
		w.AtMost = new(2)
		if n := f.apply(w).Writes[0].Affected; n != 2 {
			t.Errorf("%d rows affected, want 2", n)
		}
		f.apply(query.Write{Op: query.Delete, Table: w.Table})
		f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")))
	}
}

func testAtomic(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")))
	f.refused(f.insert("authors", author("b", "Bob"), author("a", "again")))
	f.refused(f.insert("authors", author("b", "Bob")), f.insert("books", book("Lost", "nobody")))
	sameRows(t, "authors", f.all("authors"), []query.Row{author("a", "Ann")})
	if rows := f.all("books"); len(rows) != 0 {
		t.Errorf("books: %v, want none", rows)
	}
}

func testUnique(t *testing.T, s store.Store) {
	f := open(t, s, library())
	first := book("One", "")
	first[3] = query.Text("secret-isbn")
	f.apply(f.insert("books", first), f.insert("books", book("no isbn", ""), book("none either", "")))
	wantFault(t, f.refused(f.insert("books", first)), "23505", `duplicate key value violates unique constraint "books_isbn_key"`)
	f.apply(f.insert("authors", author("a", "Ann")))
	wantFault(t, f.refused(f.insert("authors", author("a", "Eve"))), "23505", `duplicate key value violates unique constraint "authors_pkey"`)
}

func testPartialUnique(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")))
	isOpen := func(title string, open query.Value) query.Row {
		row := book(title, "a")
		row[4] = open
		return row
	}
	f.apply(f.insert("books", isOpen("1", query.Bool(true)), isOpen("2", query.Bool(false)), isOpen("3", query.Bool(false)), isOpen("4", query.Null())))
	wantFault(t, f.refused(f.insert("books", isOpen("5", query.Bool(true)))), "23505", `duplicate key value violates unique constraint "books_author_key"`)
}

func testNotNull(t *testing.T, s store.Store) {
	f := open(t, s, library())
	row := author("a", "")
	row[1] = query.Null()
	wantFault(t, f.refused(f.insert("authors", row)), "23502", `null value in column "name" of relation "authors" violates not-null constraint`)
	f.apply(f.insert("authors", author("a", "")))
	authors := f.table("authors")
	wantFault(t, f.refused(query.Write{
		Op: query.Update, Table: authors,
		Set: []query.Assignment{{Column: authors.Column("name"), Value: &query.Literal{Of: query.Type{Kind: query.KindText}}}},
	}), "23502", `null value in column "name" of relation "authors" violates not-null constraint`)
}

func wantFault(t *testing.T, err error, code, message string) {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code != code || f.Message != message {
		t.Errorf("got %v, want %s %s", err, code, message)
		return
	}
	if strings.Contains(f.Details, "secret") || strings.Contains(f.Message, "secret") {
		t.Errorf("the fault tells a value: %v", f)
	}
}

func wantChange(t *testing.T, c query.Change, table string, op query.Op, before, after string) {
	t.Helper()
	if c.Table != table || c.Op != op || string(c.Before) != before || string(c.After) != after {
		t.Errorf("change is %s %d\n%s\n%s\nwant %s %d\n%s\n%s", c.Table, c.Op, c.Before, c.After, table, op, before, after)
	}
}
