package data_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// library is a manifest of tables that refer to one another in every way.
func library() *manifest.Manifest {
	write := rule("auth.role == 'authenticated'")
	open := func(read manifest.Condition) manifest.Access {
		return manifest.Access{Read: read, Create: write, UpdateBefore: write, UpdateAfter: write, Delete: write}
	}
	return &manifest.Manifest{
		Name:  "library",
		Cache: manifest.Cache{Policies: []manifest.Policy{{Name: "minute", TTL: 60e9}}},
		Tables: []manifest.Table{
			{Name: "users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "email", Type: "text", BuiltIn: true}}},
			{Name: "authors", Key: manifest.Key{Type: "int"}, Cache: "minute", Columns: []manifest.Column{
				{Name: "name", Type: "text", Required: true},
				{Name: "secret", Type: "text", Access: manifest.ColumnAccess{Read: rule(isStaff)}},
			}, Access: open(always())},
			{
				Name: "books", Key: manifest.Key{Type: "int"}, Cache: "minute", Rows: 100, Columns: []manifest.Column{
					{Name: "title", Type: "text", Required: true},
					{Name: "author", Type: "ref", Table: "authors"},
					{Name: "editor", Type: "ref", Table: "authors"},
					{Name: "patron", Type: "ref", Table: "users"},
					{Name: "year", Type: "int", Min: "0"},
					{Name: "hidden", Type: "bool", Default: &manifest.Default{JSON: "false"}},
					{Name: "isbn", Type: "text"},
					{Name: "cost", Type: "int", Access: manifest.ColumnAccess{Read: rule(isStaff), Update: rule(isStaff)}},
					{Name: "shelf", Type: "text", Access: manifest.ColumnAccess{Update: never()}},
					{Name: "rev", Type: "int", Auto: &manifest.Auto{Create: "1", Update: "rev + 1"}},
				},
				Indexes: []manifest.Index{{Name: "byISBN", Columns: []string{"isbn"}, Unique: true}},
				Checks:  []manifest.Check{{Name: "late", Text: "year != 13"}},
				Access: manifest.Access{
					Read: rule("hidden == false || " + isStaff), Create: write,
					UpdateBefore: rule("auth.role == 'authenticated' && title != 'fixed'"), UpdateAfter: rule("auth.role == 'authenticated' && title != 'banned'"), Delete: write,
				},
			},
			{Name: "reviews", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{
				{Name: "book", Type: "ref", Table: "books", Required: true, OnDelete: "cascade"},
				{Name: "stars", Type: "int"},
				{Name: "open", Type: "bool", Default: &manifest.Default{JSON: "true"}},
			}, Access: open(rule("open == true"))},
			{Name: "genres", Key: manifest.Key{Type: "text"}, Columns: []manifest.Column{{Name: "label", Type: "text"}}, Access: open(always())},
			{
				Name: "book_genres", Key: manifest.Key{Type: "int"}, Edge: &manifest.Edge{From: "book", To: "genre"}, Columns: []manifest.Column{
					{Name: "book", Type: "ref", Table: "books", Required: true, OnDelete: "cascade"},
					{Name: "genre", Type: "ref", Table: "genres", Required: true, OnDelete: "cascade"},
					{Name: "shown", Type: "bool", Default: &manifest.Default{JSON: "true"}},
				}, Access: open(rule("shown == true")),
			},
			{Name: "vault", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{{Name: "book", Type: "ref", Table: "books", OnDelete: "cascade"}}},
			{Name: "loans", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{
				{Name: "book", Type: "ref", Table: "books", OnDelete: "cascade", Access: manifest.ColumnAccess{Read: rule(isStaff)}},
				{Name: "days", Type: "int"},
			}, Access: open(always())},
		},
	}
}

// shelved is the library with rows, some of them hidden from all but staff.
func shelved(t testing.TB) *backend {
	t.Helper()
	b := open(t, library())
	b.put(t, "users", `{"id":"`+annID+`"}`)
	b.put(t, "authors", `[{"id":1,"name":"Austen","secret":"a"},{"id":2,"name":"Borges","secret":"b"},{"id":3,"name":"Camus","secret":"c"}]`)
	b.put(t, "books", `[
		{"id":1,"title":"Emma","author":1,"editor":2,"year":1815,"hidden":false,"isbn":"1","cost":5,"shelf":"a","patron":"`+annID+`"},
		{"id":2,"title":"Persuasion","author":1,"editor":null,"year":1817,"hidden":false,"isbn":"2","cost":6,"shelf":"a","patron":null},
		{"id":3,"title":"Sanditon","author":1,"editor":null,"year":1817,"hidden":true,"isbn":"3","cost":7,"shelf":"b","patron":null},
		{"id":4,"title":"Ficciones","author":2,"editor":1,"year":1944,"hidden":false,"isbn":"4","cost":8,"shelf":"b","patron":null},
		{"id":5,"title":"Atlas","author":null,"editor":null,"year":null,"hidden":false,"isbn":"5","cost":9,"shelf":"c","patron":null}]`)
	b.put(t, "reviews", `[{"id":1,"book":1,"stars":5,"open":true},{"id":2,"book":1,"stars":1,"open":false},{"id":3,"book":2,"stars":3,"open":true},{"id":4,"book":3,"stars":4,"open":true}]`)
	b.put(t, "genres", `[{"id":"novel","label":"Novel"},{"id":"short","label":"Short"}]`)
	b.put(t, "book_genres", `[{"book":1,"genre":"novel","shown":true},{"book":2,"genre":"novel","shown":false},{"book":3,"genre":"novel","shown":true},{"book":4,"genre":"short","shown":true},{"book":1,"genre":"short","shown":false}]`)
	b.put(t, "vault", `{"book":1}`)
	b.put(t, "loans", `[{"book":1,"days":7}]`)
	return b
}
