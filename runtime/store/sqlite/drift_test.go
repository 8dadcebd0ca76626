package sqlite_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// driftSchema has one of each thing that can be changed by hand.
func driftSchema() *query.Schema {
	text := query.Type{Kind: query.KindText}
	authors := query.NewTable("authors", []*query.Column{{Name: "id", Type: text, Required: true}, {Name: "name", Type: text}}, nil)
	books := query.NewTable("books", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "title", Type: text, Required: true},
		{Name: "author", Type: text, Ref: &query.Ref{Table: "authors", OnDelete: query.Cascade}},
	}, nil)
	books.Indexes = []*query.Index{
		{Name: "byTitle", Columns: []*query.Column{books.Column("title")}},
		{Name: "once", Columns: []*query.Column{books.Column("author"), books.Column("title")}, Unique: true},
	}
	authors.Indexes = []*query.Index{{Name: "named", Columns: []*query.Column{authors.Column("name")}, Unique: true}}
	return query.NewSchema([]*query.Table{authors, books})
}

// TestDrift: each change by hand is found and said object by object, with what
// mends it; a grave one keeps the database from being served.
func TestDrift(t *testing.T) {
	const rebuilt = `ALTER TABLE books RENAME TO x; CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, author TEXT, _rev INTEGER NOT NULL) STRICT; DROP TABLE x`
	for _, test := range []struct {
		name, sql string
		grave     bool
		want      []string
	}{
		{name: "nothing"},
		{
			name: "a trigger, a view, a table, a column and an index more",
			sql: `CREATE TRIGGER t AFTER INSERT ON books BEGIN DELETE FROM books; END; CREATE VIEW v AS SELECT 1; CREATE TABLE mine (x);
				ALTER TABLE books ADD COLUMN extra TEXT; CREATE UNIQUE INDEX i ON books (title)`,
			want: []string{
				`column books.extra is in the database but not recorded: nobody reads it, and a migration of the table drops it -> ALTER TABLE "books" DROP COLUMN "extra"`,
				`index i of table books is in the database but not recorded: writes pay for it, and are refused over values that are there already -> DROP INDEX "i"`,
				`table mine is in the database but not recorded: nobody reads it -> declare it under another name`,
				`trigger t on table books is in the database but not recorded: it is never run -> DROP TRIGGER "t"`,
				`view v is in the database but not recorded: nobody reads it -> DROP VIEW "v"`,
			},
		},
		{
			name: "an index is gone", sql: `DROP INDEX "books.byTitle"`,
			want: []string{`index books.byTitle is recorded but not in the database: what it serves is slow -> CREATE INDEX "books.byTitle" ON "books" ("title")`},
		},
		{
			name: "a unique index is gone", sql: `DROP INDEX "authors.named"`, grave: true,
			want: []string{`unique index authors.named is recorded but not in the database: equal values would be taken -> CREATE UNIQUE INDEX "authors.named" ON "authors" ("name")`},
		},
		{
			name: "a unique index over other columns", sql: `DROP INDEX "authors.named"; CREATE UNIQUE INDEX "authors.named" ON authors (name, id)`, grave: true,
			want: []string{`index authors.named is in the database otherwise than recorded (over name; unique: true) -> drop it`},
		},
		{name: "a table is gone", sql: `DROP TABLE books`, grave: true, want: []string{`table books is recorded but not in the database -> restore a backup`}},
		{
			name: "a column is gone", sql: `DROP INDEX "books.byTitle"; DROP INDEX "books.once"; ALTER TABLE books DROP COLUMN title`, grave: true,
			want: []string{
				`column books.title is recorded but not in the database -> restore a backup`,
				`index books.byTitle is recorded but not in the database`,
				`unique index books.once is recorded but not in the database`,
			},
		},
		{
			name: "a column that has to be sent more", sql: `DROP TABLE books; CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, author TEXT REFERENCES authors ("id") ON DELETE CASCADE, more TEXT NOT NULL, _rev INTEGER NOT NULL) STRICT;
				CREATE INDEX "books.byTitle" ON books (title); CREATE UNIQUE INDEX "books.once" ON books (author, title)`, grave: true,
			want: []string{`column books.more is in the database but not recorded, and no row can be written without it -> ALTER TABLE "books" DROP COLUMN "more"`},
		},
		{
			name: "a reference is gone", sql: rebuilt + `; CREATE INDEX "books.byTitle" ON books (title); CREATE UNIQUE INDEX "books.once" ON books (author, title)`, grave: true,
			want: []string{`column books.author is recorded as a ref to authors, but refers to nothing in the database -> restore a backup`},
		},
		{
			name: "other types and nulls", sql: `DROP TABLE books; CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title INTEGER, author TEXT REFERENCES authors ("id"), _rev INTEGER NOT NULL) STRICT;
				CREATE INDEX "books.byTitle" ON books (title); CREATE UNIQUE INDEX "books.once" ON books (author, title)`, grave: true,
			want: []string{
				`column books.title is recorded as text (TEXT) but is INTEGER in the database -> restore a backup`,
				`column books.author is recorded with onDelete cascade, but has ON DELETE NO ACTION in the database -> restore a backup`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "drift.db")
			s := openStore(t, sqlite.Options{Path: path})
			if err := s.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(driftSchema()), nil)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			byHand(t, path, test.sql)
			found, err := sqlite.InspectFile(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range found.Drift {
				got = append(got, d.What+" -> "+d.Hint)
			}
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) || found.Grave() != test.grave {
				t.Errorf("grave: %t, found\n%s\nwant\n%s", found.Grave(), strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			again, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if (err != nil) != test.grave {
				t.Errorf("open: %v", err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "changed by hand") {
					t.Errorf("open: %v", err)
				}
				return
			}
			if now, err := again.Drift(t.Context()); err != nil || !slices.Equal(now, found.Drift) {
				t.Errorf("drift while open: %+v, %v", now, err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// byHand runs statements on a file as a person with sqlite3 does.
func byHand(t *testing.T, path, sql string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON; " + sql); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
