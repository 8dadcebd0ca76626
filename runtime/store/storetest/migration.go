package storetest

import (
	"errors"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

func testMigrationAdds(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")))
	before, old := f.position(), f.view

	next := library()
	authors := f.schemaWith(next, "authors", column("bio", query.KindText), required("books", query.KindInt))
	shelves := query.NewTable("shelves", []*query.Column{required("id", query.KindUUID), ref("author", "authors", query.KindText, query.Cascade)}, nil)
	schema := replaceTables(next, authors, shelves)
	want := plan.FromQuery(schema)
	want.Table("authors").Column("books").Fill = "7"
	f.migrate(want, nil)

	// A view on the old schema goes on, and its rows are whole for the new.
	authorsOld := f.table("authors")
	if _, err := old.Apply(f.ctx(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: authorsOld, Rows: []query.Row{author("b", "Bob")}}}}); err != nil {
		t.Fatalf("insert through the old view: %v", err)
	}
	f.reopen(schema)
	sameRows(t, "authors", f.all("authors"), []query.Row{
		{query.Text("a"), query.Text("Ann"), query.Null(), query.Int(7)},
		{query.Text("b"), query.Text("Bob"), query.Null(), query.Int(7)},
	})
	if _, err := old.Select(f.ctx(), query.Select{Table: authorsOld, Limit: -1}, &collector{}); err != nil {
		t.Errorf("select through the old view: %v", err)
	}
	if commits := f.changes(before); len(commits) != 1 {
		t.Errorf("%d commits since before the migration, want the old view's", len(commits))
	}
	// What points at the old view's rows and is unknown to it goes with them.
	f.apply(f.insert("shelves", query.Row{query.UUID("018f3a5e-0000-7000-8000-000000000001"), query.Text("b")}))
	before = f.position()
	remove := query.Write{Op: query.Delete, Table: authorsOld, Where: equal(authorsOld, "id", query.Text("b"))}
	if _, err := old.Apply(f.ctx(), query.Batch{Writes: []query.Write{remove}}); err != nil {
		t.Fatalf("delete through the old view: %v", err)
	}
	if commits := f.changes(before); len(commits) != 1 || len(commits[0].Changes) != 2 {
		t.Errorf("the cascade from the old view is not in the feed: %v", commits)
	}
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if again := plan.Diff(have, want, nil); !again.Empty() {
		t.Errorf("a second plan is not empty: %+v", again.Steps)
	}
}

func testMigrationRenames(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")), f.insert("books", book("One", "a")), f.insert("loans", child(1)))
	before, old, oldSchema := f.position(), f.view, f.schema

	writers := query.NewTable("writers", []*query.Column{required("id", query.KindText), required("label", query.KindText)}, nil)
	books := query.NewTable("books", []*query.Column{required("id", query.KindInt), required("title", query.KindText), ref("writer", "writers", query.KindText, query.Cascade)}, nil)
	schema := query.NewSchema([]*query.Table{writers, books, library().Table("reviews"), library().Table("folders")})
	want := plan.FromQuery(schema)
	want.Table("writers").Was = "authors"
	want.Table("writers").Column("label").Was = "name"
	want.Table("books").Column("writer").Was = "author"
	f.migrate(want, []string{"loans", "books.isbn", "books.open", "nothing"})
	f.reopen(schema)

	sameRows(t, "writers", f.all("writers"), []query.Row{author("a", "Ann")})
	sameRows(t, "books", f.all("books"), []query.Row{{query.Int(1), query.Text("One"), query.Text("a")}})
	if _, err := s.Changes(f.ctx(), before, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("changes across a rename: %v, want ErrTruncated", err)
	}
	if _, err := old.Select(f.ctx(), query.Select{Table: oldSchema.Table("authors"), Limit: -1, Columns: outputs(oldSchema.Table("authors"))}, &collector{}); err == nil {
		t.Error("a view on the old schema still reads a renamed table")
	}
	message := `insert or update on table "books" violates foreign key constraint "books_writer_fkey"`
	wantFault(t, f.refused(f.insert("books", query.Row{query.Null(), query.Text("Lost"), query.Text("nobody")})), "23503", message)
	if key := f.apply(f.insert("books", query.Row{query.Null(), query.Text("Two"), query.Text("a")})).Writes[0].Rows[0][0].N; key <= 1 {
		t.Errorf("key %d was used again", key)
	}
	f.apply(query.Write{Op: query.Delete, Table: f.table("writers")})
	if rows := f.all("books"); len(rows) != 0 {
		t.Errorf("books left after the cascade: %v", rows)
	}
}

func testMigrationRefuses(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")))
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	gone := plan.FromQuery(query.NewSchema(library().Tables[:4]))
	if err := s.Migrate(f.ctx(), plan.Diff(have, gone, nil)); err == nil {
		t.Error("a refused plan was carried out")
	}
	full := plan.FromQuery(replaceTables(library(), f.schemaWith(library(), "authors", required("more", query.KindText))))
	if err := s.Migrate(f.ctx(), plan.Diff(have, full, nil)); err == nil {
		t.Error("a required column without a fill was added to a table with rows")
	}
	if err := s.Migrate(f.ctx(), plan.Diff(plan.Schema{}, full, nil)); !errors.Is(err, store.ErrMoved) {
		t.Errorf("a plan from another schema: %v, want ErrMoved", err)
	}
	f.apply(f.insert("authors", author("b", "Ann")))
	unique := library()
	authors := unique.Table("authors")
	authors.Indexes = []*query.Index{{Name: "byName", Columns: []*query.Column{authors.Column("name")}, Unique: true}}
	if err := s.Migrate(f.ctx(), plan.Diff(have, plan.FromQuery(unique), nil)); err == nil {
		t.Error("a unique index was made over equal values")
	}
	now, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if left := plan.Diff(have, now, nil); !left.Empty() {
		t.Errorf("refused migrations left %+v", left.Steps)
	}
}

// schemaWith is a table of a schema with more columns.
func (f *fixture) schemaWith(s *query.Schema, table string, more ...*query.Column) *query.Table {
	t := s.Table(table)
	return query.NewTable(t.Name, append(t.Columns[:len(t.Columns):len(t.Columns)], more...), t.Indexes)
}

func replaceTables(s *query.Schema, tables ...*query.Table) *query.Schema {
	var list []*query.Table
	for _, t := range s.Tables {
		for _, other := range tables {
			if other.Name == t.Name {
				t = other
			}
		}
		list = append(list, t)
	}
	for _, t := range tables {
		if s.Table(t.Name) == nil {
			list = append(list, t)
		}
	}
	return query.NewSchema(list)
}

func outputs(t *query.Table) []query.Output {
	list := make([]query.Output, len(t.Columns))
	for i, c := range t.Columns {
		list[i] = query.Output{Name: c.Name, Expr: &query.ColumnRef{Table: t, Column: c}}
	}
	return list
}
