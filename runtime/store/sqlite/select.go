package sqlite

import (
	"context"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

var compilers = sync.Pool{New: func() any { return new(compiler) }}

// Select implements store.View.
func (v *view) Select(ctx context.Context, s query.Select, w query.RowWriter) (store.Info, error) {
	info := store.Info{Count: -1}
	if err := v.enter(ctx); err != nil {
		return info, err
	}
	defer v.leave()
	c, err := v.store.readers.take(ctx)
	if err != nil {
		return info, err
	}
	defer v.store.readers.give(c)
	c.time.start(ctx, v.store.options.StatementTimeout)
	defer c.time.stop()
	if err := v.store.selectOn(c, &s, w, &info); err != nil {
		return store.Info{Count: -1}, v.explainError(ctx, err)
	}
	return info, nil
}

func (s *Store) selectOn(c *conn, sel *query.Select, w query.RowWriter, info *store.Info) error {
	if !sel.Count && !sel.Position {
		return selectRows(c, sel, w, info)
	}
	// One transaction, so that rows, count and cursor are of one moment.
	if err := c.exec("BEGIN"); err != nil {
		return err
	}
	defer c.endRead()
	if sel.Position {
		if err := readPosition(c, s.epoch.Load(), &info.Position); err != nil {
			return err
		}
	}
	if err := selectRows(c, sel, w, info); err != nil {
		return err
	}
	if sel.Count {
		return countRows(c, sel, info)
	}
	return nil
}

// endRead ends a read transaction, also when its time is over.
func (c *conn) endRead() {
	c.time.stop()
	_ = c.exec("ROLLBACK") // nothing was written; fails only where it has ended already
}

func selectRows(c *conn, sel *query.Select, w query.RowWriter, info *store.Info) error {
	comp := compilers.Get().(*compiler)
	defer compilers.Put(comp)
	comp.reset()
	comp.selectRows(sel)
	stmt, err := comp.prepare(c)
	if err != nil {
		return err
	}
	defer comp.release(stmt)
	for stmt.Step() {
		w.BeginRow()
		for i := range comp.types {
			writeColumn(w, stmt, i, comp.types[i])
		}
		info.Rows++
		if err := w.EndRow(); err != nil {
			return err
		}
	}
	return stmt.Err()
}

func countRows(c *conn, sel *query.Select, info *store.Info) error {
	comp := compilers.Get().(*compiler)
	defer compilers.Put(comp)
	comp.reset()
	comp.text("SELECT count(*) FROM ")
	comp.name(sel.Table.Name)
	comp.where(sel.Where)
	stmt, err := comp.prepare(c)
	if err != nil {
		return err
	}
	defer comp.release(stmt)
	if stmt.Step() {
		info.Count = stmt.ColumnInt64(0)
	}
	return stmt.Err()
}

// prepare gives the bound statement of what was written.
func (c *compiler) prepare(on *conn) (*sqlite3.Stmt, error) {
	stmt, err := on.stmts.get(c.buf)
	if err != nil {
		return nil, err
	}
	if err := c.bind(stmt); err != nil {
		return nil, err
	}
	return stmt, nil
}

// release resets the statement, so that it holds no snapshot and no value.
func (c *compiler) release(stmt *sqlite3.Stmt) {
	_ = stmt.Reset() // the error is that of its last step, told there
	_ = stmt.ClearBindings()
}

func (c *compiler) selectRows(sel *query.Select) {
	c.text("SELECT ")
	for i := range sel.Columns {
		if i > 0 {
			c.text(",")
		}
		c.expr(sel.Columns[i].Expr)
		c.types = append(c.types, sel.Columns[i].Expr.Type())
	}
	if len(sel.Columns) == 0 {
		c.text("1")
	}
	c.text(" FROM ")
	c.name(sel.Table.Name)
	c.where(sel.Where)
	c.order(sel)
	if sel.Limit >= 0 || sel.Offset > 0 {
		c.text(" LIMIT ")
		c.value(query.Int(int64(sel.Limit))) // negative is no bound
	}
	if sel.Offset > 0 {
		c.text(" OFFSET ")
		c.value(query.Int(int64(sel.Offset)))
	}
}

// order always ends with the key, so that pages do not overlap.
func (c *compiler) order(sel *query.Select) {
	c.text(" ORDER BY ")
	for i := range sel.Order {
		o := &sel.Order[i]
		c.expr(o.Expr)
		if isJSON(o.Expr.Type().Kind) {
			c.text(" COLLATE " + collationJSON)
		}
		if o.Descending {
			c.text(" DESC")
		}
		// SQLite's nulls are the least; said only where that is not meant, for
		// an index serves the plain order better.
		if o.NullsFirst == o.Descending && !neverNull(o.Expr) {
			if o.NullsFirst {
				c.text(" NULLS FIRST")
			} else {
				c.text(" NULLS LAST")
			}
		}
		if isKey(o.Expr, sel.Table) {
			return
		}
		c.text(",")
	}
	c.name(sel.Table.Key().Name)
}

func neverNull(e query.Expr) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && (ref.Column.Required || ref.Column.Index == 0)
}

func isKey(e query.Expr, t *query.Table) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Column == t.Key()
}
