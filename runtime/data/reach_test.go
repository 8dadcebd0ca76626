package data_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
)

func TestReach(t *testing.T) {
	b := shelved(t)
	for _, test := range []struct {
		name   string
		caller *auth.Caller
		table  string
		url    string
		want   string
	}{
		{"through an edge", ann, "genres", "_from=books/1&_via=book_genres&select=id,_hops", `[{"id":"novel","_hops":1}]`},
		{"a hidden edge", staff, "genres", "_from=books/2&_via=book_genres&select=id", `[]`},
		{"the service role sees all edges", service, "genres", "_from=books/1&_via=book_genres&select=id", `[{"id":"novel"},{"id":"short"}]`},
		{"and back", service, "books", "_from=1&_via=book_genres&_hops=2&select=id", `[{"id":2},{"id":3},{"id":4}]`},
		{"a hidden row", ann, "books", "_from=1&_via=book_genres&_hops=1-4&select=id", `[]`},
		{"seen by staff", staff, "books", "_from=1&_via=book_genres&_hops=1-4&select=id", `[{"id":3}]`},
		{"from a hidden row", ann, "genres", "_from=books/3&_via=book_genres&select=id", `[]`},
		{"from a row that is not there", ann, "genres", "_from=books/99&_via=book_genres&select=id", `[]`},
		{"along a reference", ann, "books", "_from=authors/1&_via=author&select=title", `[{"title":"Emma"},{"title":"Persuasion"}]`},
		{"along two", ann, "books", "_from=1&_via=author,editor&_hops=1-4&select=title,_hops&order=_hops.desc,title", `[{"title":"Ficciones","_hops":2},{"title":"Persuasion","_hops":2}]`},
		{"with its beginning", ann, "books", "_from=1&_via=author&_hops=0-2&select=title,_hops", `[{"title":"Emma","_hops":0},{"title":"Persuasion","_hops":2}]`},
		{"with a filter", ann, "books", "_from=1&_via=author,editor&_hops=1-4&year=gt.1900&select=title", `[{"title":"Ficciones"}]`},
		{"with an embed", ann, "books", "_from=1&_via=author,editor&_hops=2&select=title,_hops,author(name)&limit=1", `[{"title":"Persuasion","_hops":2,"author":{"name":"Austen"}}]`},
		{"with an inner embed", ann, "books", "_from=1&_via=author,editor&_hops=2&select=title,author!inner(name)&author.name=eq.Borges", `[{"title":"Ficciones","author":{"name":"Borges"}}]`},
		{"in groups", ann, "books", "_from=1&_via=author,editor&_hops=0-2&select=_hops,count()&order=_hops.desc", `[{"_hops":2,"count":2},{"_hops":0,"count":1}]`},
		{"a reference that is hidden", ann, "books", "_from=1&_via=loans.book", "PGRST200 Could not find a way 'loans.book' to walk along in the schema cache"},
		{"a table that nobody reads", ann, "books", "_from=1&_via=vault.book&_hops=2", "42501 permission denied for table vault"},
		{"users are no table for him", ann, "books", "_from=1&_via=patron&_hops=2", "PGRST200 Could not find a way 'patron' to walk along in the schema cache"},
	} {
		if got := b.read(t, test.caller, test.table, test.url); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

// TestReachIsCached: an answer stands until one of the tables that the walk
// comes through is written.
func TestReachIsCached(t *testing.T) {
	b := shelved(t)
	const url = "_from=1&_via=book_genres&_hops=2&select=id"
	books := data.Read{Table: "books"}
	for _, test := range []struct {
		table, body, want string
	}{
		{"reviews", `{"book":1,"stars":1}`, `[{"id":3}]`},
		{"book_genres", `{"book":5,"genre":"novel"}`, `[{"id":3},{"id":5}]`},
	} {
		b.answer(t, staff, books, url)
		if a := b.answer(t, staff, books, url); a.Status != cache.Hit {
			t.Errorf("before a write to %s: %v", test.table, a.Status)
		}
		b.put(t, test.table, test.body)
		if a := b.answer(t, staff, books, url); string(a.Body) != test.want || (a.Status == cache.Hit) != (test.table == "reviews") {
			t.Errorf("after a write to %s: %v %s, want %s", test.table, a.Status, a.Body, test.want)
		}
	}
	if a := b.answer(t, staff, books, "_from=2&_via=book_genres&_hops=2&select=id"); string(a.Body) != "[]" {
		t.Errorf("from another row: %s", a.Body)
	}
}

// TestReachInPages follows cursors through a walk, and writes by none.
func TestReachInPages(t *testing.T) {
	b := shelved(t)
	const url = "_from=1&_via=author,editor&_hops=0-4&select=id,_hops&order=_hops.desc&limit=1&_page="
	seen, cursor := "", ""
	for range 5 {
		a := b.answer(t, staff, data.Read{Table: "books"}, url+cursor)
		seen += string(a.Body)
		if cursor = a.Next; cursor == "" {
			break
		}
	}
	if want := `[{"id":2,"_hops":2}][{"id":3,"_hops":2}][{"id":4,"_hops":2}][{"id":1,"_hops":0}]`; seen != want {
		t.Errorf("got  %s\nwant %s", seen, want)
	}
	const refused = "PGRST100 a walk does not pick rows to write"
	w := data.Write{Table: "books", Body: []byte(`{"shelf":"z"}`), Unfiltered: true}
	for name, got := range map[string]string{
		"update": b.do(t, update, staff, w, "id=gt.0&_from=1&_via=author&_hops=2"),
		"delete": b.do(t, remove, staff, w, "id=gt.0&_from=1&_via=author&_hops=2"),
		"insert": b.do(t, insert, staff, data.Write{Table: "books", Body: []byte(`{"title":"new"}`), Representation: true}, "select=_hops&_from=1&_via=author&_hops=2"),
	} {
		if got != refused {
			t.Errorf("%s: %s", name, got)
		}
	}
}
