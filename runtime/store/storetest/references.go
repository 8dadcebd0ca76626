package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func child(parent int64) query.Row { return query.Row{query.Null(), query.Int(parent)} }

func review(book int64, text string) query.Row {
	return query.Row{query.Null(), query.Int(book), query.Text(text)}
}

func (f *fixture) remove(table, key string) query.Write {
	return query.Write{Op: query.Delete, Table: f.table(table), Where: equal(f.table(table), "id", query.Text(key))}
}

func testMissing(t *testing.T, s store.Store) {
	f := open(t, s, library())
	message := `insert or update on table "books" violates foreign key constraint "books_author_fkey"`
	wantFault(t, f.refused(f.insert("books", book("Lost", "nobody"))), "23503", message)
	f.apply(f.insert("authors", author("a", "Ann")), f.insert("books", book("One", "a")))
	books := f.table("books")
	wantFault(t, f.refused(query.Write{
		Op: query.Update, Table: books,
		Set: []query.Assignment{{Column: books.Column("author"), Value: query.NewLiteral(query.Text("nobody"))}},
	}), "23503", message)
}

func testRestrict(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")), f.insert("books", book("One", "a")), f.insert("loans", child(1)))
	message := `update or delete on table "books" violates foreign key constraint "loans_book_fkey" on table "loans"`
	wantFault(t, f.refused(query.Write{Op: query.Delete, Table: f.table("books")}), "23503", message)
	// The cascade from the author meets the same loan.
	wantFault(t, f.refused(f.remove("authors", "a")), "23503", message)
	f.apply(query.Write{Op: query.Delete, Table: f.table("loans")}, f.remove("authors", "a"))
}

func testCascade(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")),
		f.insert("books", book("One", "a"), book("Two", "b"), book("Three", "a")),
		f.insert("reviews", review(1, "good"), review(2, "bad")))
	books, reviews, authors := f.version("books"), f.version("reviews"), f.version("authors")
	before := f.position()
	if got := f.apply(f.remove("authors", "a")).Writes[0].Affected; got != 1 {
		t.Errorf("affected %d, want the author alone", got)
	}
	commits := f.changes(before)
	if len(commits) != 1 {
		t.Fatalf("%d commits, want 1", len(commits))
	}
	var got []string
	for _, c := range commits[0].Changes {
		got = append(got, fmt.Sprintf("%d %s %s>%s", c.Op, c.Table, c.Before, c.After))
	}
	slices.Sort(got)
	want := []string{
		`1 reviews {"id":1,"book":1,"text":"good"}>{"id":1,"book":null,"text":"good"}`,
		`2 authors {"id":"a","name":"Ann"}>`,
		`2 books {"id":1,"title":"One","author":"a","isbn":null,"open":null}>`,
		`2 books {"id":3,"title":"Three","author":"a","isbn":null,"open":null}>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("changes are\n%v\nwant\n%v", got, want)
	}
	for name, old := range map[string]uint64{"books": books, "reviews": reviews, "authors": authors} {
		if f.version(name) == old {
			t.Errorf("the version of %s did not change", name)
		}
	}
	sameRows(t, "reviews", f.all("reviews"), []query.Row{
		{query.Int(1), query.Null(), query.Text("good")}, {query.Int(2), query.Int(2), query.Text("bad")},
	})
	if got := keys(f.all("books")); !slices.Equal(got, []string{"2"}) {
		t.Errorf("books left: %v", got)
	}
}

func testTree(t *testing.T, s store.Store) {
	f := open(t, s, library())
	folder := func(id, parent string) query.Row {
		if parent == "" {
			return query.Row{query.Text(id), query.Null()}
		}
		return query.Row{query.Text(id), query.Text(parent)}
	}
	// Children before their parents: the whole statement is what counts.
	made := f.apply(f.insert("folders", folder("leaf", "branch"), folder("branch", "root"), folder("root", ""), folder("self", "self")))
	if got := keys(made.Writes[0].Rows); !slices.Equal(got, []string{"leaf", "branch", "root", "self"}) {
		t.Errorf("rows came back as %v, not in the order of the request", got)
	}
	wantFault(t, f.refused(f.remove("folders", "branch")), "23503",
		`update or delete on table "folders" violates foreign key constraint "folders_parent_fkey" on table "folders"`)
	f.apply(query.Write{Op: query.Delete, Table: f.table("folders")})
	if rows := f.all("folders"); len(rows) != 0 {
		t.Errorf("folders left: %v", rows)
	}
}

func (f *fixture) version(table string) uint64 { return f.view.Version(f.table(table)) }
