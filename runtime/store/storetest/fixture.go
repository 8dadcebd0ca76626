// Package storetest is what every engine must pass: one suite over a real
// store, and the proof that an engine's own language and query.Holds say the
// same about the same rows. Engines' tests call Run; nothing that ships does.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// column is short for a column of a test's table.
func column(name string, kind query.Kind) *query.Column {
	return &query.Column{Name: name, Type: query.Type{Kind: kind}}
}

func required(name string, kind query.Kind) *query.Column {
	c := column(name, kind)
	c.Required = true
	return c
}

func ref(name, table string, kind query.Kind, onDelete query.OnDelete) *query.Column {
	c := column(name, kind)
	c.Ref = &query.Ref{Table: table, OnDelete: onDelete}
	return c
}

// everything has a column of each type.
func everything() *query.Table {
	list := column("tags", query.KindList)
	list.Type.Elem = query.KindText
	decimal := column("price", query.KindDecimal)
	decimal.Type.Scale = 2
	return query.NewTable("everything", []*query.Column{
		required("id", query.KindText),
		column("flag", query.KindBool),
		column("number", query.KindInt),
		column("ratio", query.KindFloat),
		decimal,
		column("name", query.KindText),
		column("at", query.KindTimestamp),
		column("day", query.KindDate),
		column("token", query.KindUUID),
		column("meta", query.KindJSON),
		list,
	}, nil)
}

// library is authors with books (cascade), reviews (set null) and loans
// (restrict), and folders in folders.
func library() *query.Schema {
	authors := query.NewTable("authors", []*query.Column{
		required("id", query.KindText), required("name", query.KindText),
	}, nil)
	books := query.NewTable("books", []*query.Column{
		required("id", query.KindInt), required("title", query.KindText),
		ref("author", "authors", query.KindText, query.Cascade),
		column("isbn", query.KindText), column("open", query.KindBool),
	}, nil)
	books.Indexes = []*query.Index{
		{Name: "byISBN", Columns: []*query.Column{books.Column("isbn")}, Unique: true},
		{
			Name: "oneOpen", Columns: []*query.Column{books.Column("author")}, Unique: true,
			Where: equal(books, "open", query.Bool(true)),
		},
	}
	reviews := query.NewTable("reviews", []*query.Column{
		required("id", query.KindInt), ref("book", "books", query.KindInt, query.SetNull), column("text", query.KindText),
	}, nil)
	loans := query.NewTable("loans", []*query.Column{
		required("id", query.KindInt), ref("book", "books", query.KindInt, query.Restrict),
	}, nil)
	folders := query.NewTable("folders", []*query.Column{
		required("id", query.KindText), ref("parent", "folders", query.KindText, query.Restrict),
	}, nil)
	return query.NewSchema([]*query.Table{authors, books, reviews, loans, folders})
}

func equal(t *query.Table, name string, v query.Value) query.Expr {
	c := t.Column(name)
	return &query.Compare{
		Op: query.Equal, Left: &query.ColumnRef{Table: t, Column: c},
		Right: &query.Literal{Value: v, Of: c.Type},
	}
}

func columnOf(t *query.Table, name string) *query.ColumnRef {
	return &query.ColumnRef{Table: t, Column: t.Column(name)}
}

// fixture is a store with a view on one schema.
type fixture struct {
	*testing.T
	store  store.Store
	view   store.View
	schema *query.Schema
}

func open(t *testing.T, s store.Store, schema *query.Schema) *fixture {
	t.Helper()
	f := &fixture{T: t, store: s, schema: schema}
	f.migrate(plan.FromQuery(schema), nil)
	f.reopen(schema)
	return f
}

// migrate brings the database to a schema.
func (f *fixture) migrate(to plan.Schema, removed []string) {
	f.Helper()
	from, err := f.store.Inspect(f.ctx())
	if err != nil {
		f.Fatalf("inspect: %v", err)
	}
	if err := f.store.Migrate(f.ctx(), plan.Diff(from, to, removed)); err != nil {
		f.Fatalf("migrate: %v", err)
	}
}

// reopen opens a view on the schema, beside those that are open.
func (f *fixture) reopen(schema *query.Schema) {
	f.Helper()
	view, err := f.store.Open(f.ctx(), schema)
	if err != nil {
		f.Fatalf("open view: %v", err)
	}
	f.schema, f.view = schema, view
	f.Cleanup(func() {
		if err := view.Close(); err != nil {
			f.Errorf("close view: %v", err)
		}
	})
}

func (f *fixture) ctx() context.Context {
	ctx, cancel := context.WithTimeout(f.Context(), 5*time.Minute)
	f.Cleanup(cancel)
	return ctx
}

func (f *fixture) table(name string) *query.Table {
	f.Helper()
	t := f.schema.Table(name)
	if t == nil {
		f.Fatalf("no table %q", name)
	}
	return t
}

// apply commits writes or fails the test.
func (f *fixture) apply(writes ...query.Write) query.Result {
	f.Helper()
	result, err := f.view.Apply(f.ctx(), query.Batch{Writes: writes, Position: true})
	if err != nil {
		f.Fatalf("apply: %v", err)
	}
	return result
}

// refused expects an error and that nothing was written.
func (f *fixture) refused(writes ...query.Write) error {
	f.Helper()
	before := f.position()
	_, err := f.view.Apply(f.ctx(), query.Batch{Writes: writes})
	if err == nil {
		f.Fatal("apply: no error")
	}
	if after := f.position(); after != before {
		f.Fatalf("a refused batch moved the feed from %s to %s", before, after)
	}
	return err
}

func (f *fixture) position() query.Cursor {
	f.Helper()
	at, err := f.store.Position(f.ctx())
	if err != nil {
		f.Fatalf("position: %v", err)
	}
	return at
}

func (f *fixture) insert(table string, rows ...query.Row) query.Write {
	f.Helper()
	return query.Write{Op: query.Insert, Table: f.table(table), Rows: rows, Returning: true}
}

// rows selects whole rows in the given order, as they are.
func (f *fixture) rows(s query.Select) []query.Row {
	f.Helper()
	rows, _ := f.selectRows(s)
	return rows
}

func (f *fixture) selectRows(s query.Select) ([]query.Row, store.Info) {
	f.Helper()
	if s.Columns == nil {
		for _, c := range s.Table.Columns {
			s.Columns = append(s.Columns, query.Output{Name: c.Name, Expr: &query.ColumnRef{Table: s.Table, Column: c}})
		}
	}
	w := &collector{}
	for i := range s.Columns {
		w.types = append(w.types, s.Columns[i].Expr.Type())
	}
	info, err := f.view.Select(f.ctx(), s, w)
	if err != nil {
		f.Fatalf("select: %v", err)
	}
	if info.Rows != len(w.rows) {
		f.Fatalf("select: %d rows written, %d told", len(w.rows), info.Rows)
	}
	return w.rows, info
}

// all selects every row of a table by key.
func (f *fixture) all(table string) []query.Row {
	f.Helper()
	return f.rows(query.Select{Table: f.table(table), Limit: -1})
}

// collector keeps rows as values.
type collector struct {
	types []query.Type
	rows  []query.Row
	row   query.Row
}

func (c *collector) BeginRow()         { c.row = nil }
func (c *collector) add(v query.Value) { c.row = append(c.row, v) }
func (c *collector) Null()             { c.add(query.Null()) }
func (c *collector) Bool(b bool)       { c.add(query.Bool(b)) }
func (c *collector) Int(n int64)       { c.add(query.Int(n)) }
func (c *collector) Float(n float64)   { c.add(query.Float(n)) }
func (c *collector) Timestamp(n int64) { c.add(query.Timestamp(n)) }
func (c *collector) Date(n int64)      { c.add(query.Date(n)) }
func (c *collector) Text(s []byte)     { c.add(query.Value{Kind: c.kind(), S: string(s)}) }

// JSON also takes vectors, which are JSON on the wire.
func (c *collector) JSON(s []byte) {
	if t := c.types[len(c.row)]; t.Kind == query.KindVector {
		v, _ := query.DecodeJSON(t, s) // null is a difference that the test will find
		c.add(v)
		return
	}
	c.add(query.Value{Kind: c.kind(), S: string(s)})
}

func (c *collector) kind() query.Kind             { return c.types[len(c.row)].Kind }
func (c *collector) EndRow() error                { c.rows = append(c.rows, c.row); return nil }
func (c *collector) Decimal(n int64, scale uint8) { c.add(query.Decimal(n, scale)) }

// changes reads all commits after a cursor.
func (f *fixture) changes(after query.Cursor) []query.Commit {
	f.Helper()
	var all []query.Commit
	for {
		commits, err := f.store.Changes(f.ctx(), after, 1000)
		if err != nil {
			f.Fatalf("changes: %v", err)
		}
		if len(commits) == 0 {
			return all
		}
		all = append(all, commits...)
		after = commits[len(commits)-1].Cursor
	}
}
