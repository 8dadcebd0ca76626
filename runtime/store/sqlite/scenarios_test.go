package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// library is what the scenarios are about: books are found by their words, go
// with their author and lose their editor.
func library() *query.Schema {
	text := query.Type{Kind: query.KindText}
	authors := query.NewTable("authors", []*query.Column{{Name: "id", Type: text, Required: true}, {Name: "name", Type: text}}, nil)
	books := query.NewTable("books", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "title", Type: text},
		{Name: "author", Type: text, Ref: &query.Ref{Table: "authors", OnDelete: query.Cascade}},
		{Name: "editor", Type: text, Ref: &query.Ref{Table: "authors", OnDelete: query.SetNull}},
		{Name: "pages", Type: text},
	}, nil)
	books.Indexes = []*query.Index{
		{Name: "byTitle", Columns: books.Columns[1:2], Unique: true},
		{Name: "words", Kind: query.FullText, Columns: books.Columns[1:2]},
	}
	return query.NewSchema([]*query.Table{authors, books})
}

// world is a database that a scenario plays in.
type world struct {
	t       *testing.T
	disk    *failingDisk
	options sqlite.Options
	schema  *query.Schema
	store   *sqlite.Store // nil before it is opened
	view    store.View
}

// scenario is something that is done to a database, step by step; each step is
// done or is not.
type scenario struct {
	name    string
	options sqlite.Options
	// prepare fills the database before; nil is the books of fill.
	prepare func(w *world) error
	// left says that the database is left as by a process that was killed, and
	// closed that no store is open as the steps begin.
	left, closed bool
	steps        []func(w *world) error
	// moves says that the schema is another afterwards.
	moves bool
	// large says that it is long, most of them for writing before they commit.
	large bool
}

func (w *world) open() error {
	s, err := sqlite.Open(context.Background(), w.options)
	if err != nil {
		return err
	}
	w.store = s
	return nil
}

func (w *world) close() error {
	if w.store == nil {
		return nil
	}
	if w.view != nil {
		if err := w.view.Close(); err != nil {
			return err
		}
	}
	s := w.store
	w.store, w.view = nil, nil
	return s.Close()
}

// look opens a view and reads, so that there is a connection for it.
func (w *world) look() error {
	v, err := w.store.Open(context.Background(), w.schema)
	if err != nil {
		return err
	}
	if _, err := v.Select(context.Background(), query.Select{Table: w.schema.Table("authors"), Limit: 0, Count: true}, discard{}); err != nil {
		return errors.Join(err, v.Close())
	}
	w.view = v
	return nil
}

func (w *world) apply(writes ...query.Write) error {
	_, err := w.view.Apply(context.Background(), query.Batch{Writes: writes})
	return err
}

func (w *world) insert(table string, rows ...query.Row) query.Write {
	return query.Write{Op: query.Insert, Table: w.schema.Table(table), Rows: rows}
}

func (w *world) is(table, column string, v query.Value) query.Expr {
	t := w.schema.Table(table)
	return &query.Compare{Op: query.Equal, Left: t.Ref(t.Column(column)), Right: query.NewLiteral(v)}
}

func book(title, author, editor string) query.Row {
	return query.Row{query.Null(), query.Text(title), query.Text(author), query.Text(editor), query.Text("7")}
}

func writer(id string) query.Row { return query.Row{query.Text(id), query.Text("name of " + id)} }

func fill(w *world) error {
	err := w.apply(w.insert("authors", writer("a"), writer("b")))
	for i := 0; i < 6 && err == nil; i++ {
		err = w.apply(w.insert("books", book(fmt.Sprintf("title one n%d", i), "a", "b"), book(fmt.Sprintf("title two n%d", i), "b", "a")))
	}
	return err
}

func (w *world) migrate(change func(*plan.Schema), removed ...string) error {
	have, err := w.store.Inspect(context.Background())
	if err != nil {
		return err
	}
	want := plan.FromQuery(library())
	change(&want)
	return w.store.Migrate(context.Background(), plan.Diff(have, want, removed))
}

func one(f func(*world) error) []func(*world) error { return []func(*world) error{f} }

func migrating(name string, change func(*plan.Schema), removed ...string) scenario {
	return scenario{name: name, moves: true, steps: one(func(w *world) error { return w.migrate(change, removed...) })}
}

func scenarios() []scenario {
	many := func(n, size int) func(*world) error {
		return func(w *world) error {
			rows := make([]query.Row, n)
			for i := range rows {
				rows[i] = book(fmt.Sprintf("many n%d %s", i, strings.Repeat("x", size)), "a", "b")
			}
			return w.apply(w.insert("books", rows...))
		}
	}
	all := []scenario{
		{name: "insert", steps: []func(*world) error{
			func(w *world) error { return w.apply(w.insert("authors", writer("c"))) },
			func(w *world) error { return w.apply(w.insert("authors", writer("d"))) },
			func(w *world) error { return w.apply(w.insert("authors", writer("e"))) },
		}},
		{name: "insert with words", steps: []func(*world) error{
			func(w *world) error { return w.apply(w.insert("books", book("title three", "a", "b"))) },
			func(w *world) error { return w.apply(w.insert("books", book("title four", "a", "b"))) },
		}},
		{name: "import", steps: one(many(300, 10))},
		{name: "import of more than the cache holds", large: true, steps: one(many(900, 3000))},
		{name: "update", steps: one(func(w *world) error {
			t := w.schema.Table("books")
			return w.apply(query.Write{Op: query.Update, Table: t, Where: w.is("books", "author", query.Text("a")), Set: []query.Assignment{
				{Column: t.Column("pages"), Value: query.NewLiteral(query.Text("99"))}, {Column: t.Column("editor"), Value: query.NewLiteral(query.Text("a"))},
			}})
		})},
		{name: "delete with cascade", steps: one(func(w *world) error {
			return w.apply(query.Write{Op: query.Delete, Table: w.schema.Table("authors"), Where: w.is("authors", "id", query.Text("a"))})
		})},
		{name: "upsert", steps: one(func(w *world) error {
			t := w.schema.Table("books")
			write := w.insert("books", book("title one n3", "b", "b"), book("title new", "b", "b"))
			write.Conflict = &query.Conflict{Target: t.Columns[1:2], Columns: t.Columns[2:]}
			return w.apply(write)
		})},
		{name: "batch over tables", steps: one(func(w *world) error {
			return w.apply(
				w.insert("authors", writer("c")),
				w.insert("books", book("title three", "c", "a")),
				query.Write{Op: query.Delete, Table: w.schema.Table("books"), Where: w.is("books", "title", query.Text("title one n1"))},
				query.Write{Op: query.Update, Table: w.schema.Table("authors"), Where: w.is("authors", "id", query.Text("b")), Set: []query.Assignment{
					{Column: w.schema.Table("authors").Columns[1], Value: query.NewLiteral(query.Text("changed"))},
				}},
			)
		})},
		{name: "batch that is refused", steps: one(func(w *world) error {
			err := w.apply(w.insert("authors", writer("c")), w.insert("books", book("title one n1", "c", "a")))
			if fault.Is(err, "23505") {
				return nil
			}
			return errors.Join(err, errors.New("a batch with a conflict was taken"))
		})},
		{name: "batch that is not kept", steps: one(func(w *world) error {
			_, err := w.view.Apply(context.Background(), query.Batch{Writes: []query.Write{w.insert("authors", writer("c"))}, Rollback: true})
			return err
		})},
		{name: "once, and again", steps: []func(*world) error{once(false), once(true), once(true)}},
		{name: "feed that is trimmed", options: sqlite.Options{ChangesMax: 400}, steps: []func(*world) error{
			func(w *world) error { return w.apply(w.insert("authors", writer("c"))) },
			func(w *world) error { return w.apply(w.insert("authors", writer("d"))) },
			func(w *world) error { return w.apply(w.insert("authors", writer("e"))) },
		}},
		{name: "health", steps: one(func(w *world) error { return w.store.Health(context.Background()) })},
		migrating("add a table and a column", func(s *plan.Schema) {
			s.Tables = append(s.Tables, plan.Table{Name: "shelves", Columns: []plan.Column{{Name: "id", Type: "uuid", Required: true}, {Name: "author", Type: "text", Ref: "authors"}}})
			s.Table("authors").Columns = append(s.Table("authors").Columns, plan.Column{Name: "bio", Type: "text"})
		}),
		migrating("rename a table and a column", func(s *plan.Schema) {
			s.Table("books").Column("pages").Was = "pages"
			s.Table("books").Column("pages").Name = "length"
			t := s.Table("books")
			t.Was, t.Name = "books", "works"
		}),
		migrating("drop a column", func(s *plan.Schema) { s.Table("books").Columns = s.Table("books").Columns[:4] }, "books.pages"),
		migrating("drop a table", func(s *plan.Schema) { s.Tables = s.Tables[:1] }, "books"),
		migrating("convert a column", func(s *plan.Schema) { s.Table("books").Column("pages").Type = "int" }),
		migrating("require a column", func(s *plan.Schema) { s.Table("books").Column("title").Required = true }),
		migrating("make an index", func(s *plan.Schema) {
			s.Table("books").Indexes = append(s.Table("books").Indexes, plan.Index{Name: "byPages", Columns: []string{"pages", "author"}})
		}),
		migrating("make a full-text index", func(s *plan.Schema) {
			s.Table("authors").Indexes = []plan.Index{{Name: "names", Kind: "fulltext", Columns: []string{"name"}}}
		}),
		migrating("drop the indexes", func(s *plan.Schema) { s.Table("books").Indexes = nil }),
		{name: "make a database", closed: true, prepare: func(*world) error { return nil }, steps: one((*world).open)},
		{name: "open", closed: true, steps: []func(*world) error{(*world).open, (*world).look, func(w *world) error { return w.apply(w.insert("authors", writer("c"))) }}},
		{name: "open after a crash", closed: true, left: true, steps: []func(*world) error{
			(*world).open, (*world).look,
			func(w *world) error { return w.apply(w.insert("authors", writer("c"))) },
			(*world).close,
		}},
		{name: "close", left: true, steps: []func(*world) error{
			func(w *world) error { return w.apply(w.insert("authors", writer("c"))) },
			(*world).close,
		}},
		{name: "checkpoint", left: true, large: true, prepare: fillLog, steps: []func(*world) error{
			func(w *world) error { return w.apply(w.insert("authors", writer("c"))) },
			func(w *world) error { return w.apply(w.insert("authors", writer("d"))) },
			func(w *world) error { return w.apply(w.insert("authors", writer("e"))) },
		}},
		{name: "backup", steps: one(backUp)},
		{name: "backup of what nobody serves", closed: true, steps: one(func(w *world) error {
			var copied bytes.Buffer
			return sqlite.BackupFileIn(context.Background(), failingName, w.options.Path, &copied)
		})},
	}
	for i := range all {
		switch all[i].name {
		case "drop a column", "convert a column", "drop the indexes":
			all = append(all, large(all[i]))
		}
	}
	return append(all, restores()...)
}

// large is a migration of more rows than the cache holds: it writes before it
// commits.
func large(s scenario) scenario {
	s.name, s.large = s.name+", large", true
	s.prepare = func(w *world) error {
		if err := fill(w); err != nil {
			return err
		}
		rows := make([]query.Row, 700)
		for i := range rows {
			rows[i] = book(fmt.Sprintf("large n%d %s", i, strings.Repeat("y", 3500)), "a", "b")
		}
		return w.apply(w.insert("books", rows...))
	}
	return s
}

func once(again bool) func(*world) error {
	return func(w *world) error {
		result, err := w.view.Apply(context.Background(), query.Batch{
			Writes: []query.Write{w.insert("books", book("title once", "a", "b"))}, Once: &query.Once{Key: "k", Request: [32]byte{1}},
		})
		if err == nil && again && !result.Replayed {
			err = errors.New("done twice")
		}
		return err
	}
}

// fillLog leaves a log that the next commits bring to the size at which it is
// checkpointed.
func fillLog(w *world) error {
	if err := fill(w); err != nil {
		return err
	}
	const page = 4096 + 24
	for i := 0; ; i++ {
		info, err := os.Stat(w.options.Path + "-wal")
		if err != nil {
			return err
		}
		if info.Size() > 3990*page {
			return nil
		}
		if err := w.store.Health(context.Background()); err != nil {
			return err
		}
	}
}

func backUp(w *world) error {
	var copied bytes.Buffer
	if err := w.store.Backup(context.Background(), &copied); err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(w.options.Path), "copy.bak")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		return err
	}
	_, err := sqlite.Verify(context.Background(), path)
	return err
}

// restores put a backup of the books into the place of a database with another
// author, or of none.
func restores() []scenario {
	prepare := func(w *world) error {
		if err := errors.Join(fill(w), backUp(w)); err != nil {
			return err
		}
		return w.apply(w.insert("authors", writer("later")))
	}
	restore := func(w *world) error {
		_, _, err := sqlite.RestoreOn(context.Background(), folder{disk: w.disk}, filepath.Join(filepath.Dir(w.options.Path), "copy.bak"), w.options.Path)
		return err
	}
	return []scenario{
		{name: "restore", closed: true, prepare: prepare, steps: one(restore)},
		{name: "restore over what was not closed", closed: true, left: true, prepare: prepare, steps: one(restore)},
	}
}
