package sqlite

import (
	"context"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

var compilers = sync.Pool{New: func() any { return new(compiler) }}

// keep puts a compiler back, without the values that it bound.
func keep(c *compiler) {
	c.reset()
	compilers.Put(c)
}

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
	err = v.store.selectOn(c, &s, w, &info)
	if err == nil && s.Position {
		err = v.store.reached(ctx, info.Position)
	}
	if err != nil {
		return store.Info{Count: -1}, v.explainError(ctx, err)
	}
	return info, nil
}

func (s *Store) selectOn(c *conn, sel *query.Select, w query.RowWriter, info *store.Info) error {
	near, _ := nearestOf(sel)
	if !sel.Count && !sel.Position && near == nil {
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
	narrowed, err := s.vectors.narrow(c, s.epoch.Load(), sel)
	if err != nil {
		return err
	}
	if narrowed == nil {
		narrowed = sel
	}
	if err := selectRows(c, narrowed, w, info); err != nil {
		return err
	}
	if sel.Count {
		info.Count, err = countRows(c, sel)
	}
	return err
}

// endRead ends a read transaction, also when its time is over.
func (c *conn) endRead() {
	c.time.stop()
	_ = c.exec("ROLLBACK") // nothing was written; fails only where it has ended already
}

func selectRows(c *conn, sel *query.Select, w query.RowWriter, info *store.Info) error {
	comp := compilers.Get().(*compiler)
	defer keep(comp)
	comp.reset()
	comp.selectRows(sel)
	stmt, err := comp.prepare(c)
	if err != nil {
		return err
	}
	defer comp.release(stmt)
	revision := sel.Revision && stmt.ColumnCount() > len(comp.types)
	for stmt.Step() {
		w.BeginRow()
		for i := range comp.types {
			writeColumn(w, stmt, i, comp.types[i])
		}
		if revision {
			info.Revision = stmt.ColumnInt64(len(comp.types))
		}
		info.Rows++
		if err := w.EndRow(); err != nil {
			return err
		}
		if c.streams {
			comp.embeds = 0 // they have gone out with their row
		}
	}
	return stmt.Err()
}

// countRows is how many rows, or groups, a select has without its limit.
func countRows(c *conn, sel *query.Select) (int64, error) {
	comp := compilers.Get().(*compiler)
	defer keep(comp)
	comp.reset()
	comp.count(sel)
	stmt, err := comp.prepare(c)
	if err != nil {
		return 0, err
	}
	defer comp.release(stmt)
	if !stmt.Step() {
		return 0, stmt.Err()
	}
	return stmt.ColumnInt64(0), nil
}

func (c *compiler) count(sel *query.Select) {
	if aggregates(sel.Columns) {
		c.countGroups(sel)
		return
	}
	c.reach(sel.Reach)
	c.text("SELECT count(*) FROM ")
	c.source(sel)
}

// prepare gives the bound statement of what was written.
func (c *compiler) prepare(on *conn) (*sqlite3.Stmt, error) {
	if c.fault != nil {
		return nil, c.fault
	}
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
	for i := range sel.Columns {
		c.types = append(c.types, sel.Columns[i].Expr.Type())
	}
	c.reach(sel.Reach)
	switch {
	case aggregates(sel.Columns):
		c.groups(sel)
	case costs(sel.Columns):
		c.staged(sel)
	default:
		c.text("SELECT ")
		c.shown(sel)
		c.text(" FROM ")
		c.picked(sel)
		if sel.Limit >= 0 || sel.Offset > 0 {
			c.limit(sel.Limit, sel.Offset)
		}
	}
}

// costs reports outputs that shall be computed of no row but those of the
// answer: what asks other tables, and casts, which may fail.
func costs(outputs []query.Output) bool {
	found := false
	for i := range outputs {
		if _, isColumn := outputs[i].Expr.(*query.ColumnRef); isColumn {
			continue
		}
		query.Walk(outputs[i].Expr, func(e query.Expr) bool {
			switch e.(type) {
			case *query.Exists, *query.Lookup, *query.Embed, *query.Cast:
				found = true
			}
			return !found
		})
	}
	return found
}

// staged picks and sorts the rows in a subquery first, for SQLite computes all
// outputs of a row before it sorts. The two limits keep the subquery apart, in
// its order.
func (c *compiler) staged(sel *query.Select) {
	c.scope.outer = c.scope.alias(nil)
	c.text("SELECT ")
	c.shown(sel)
	c.text(" FROM (SELECT ")
	alias := c.scope.outer
	c.scope.outer = 0
	c.needed(sel, sel.Revision)
	c.text(" FROM ")
	c.picked(sel)
	c.limit(sel.Limit, sel.Offset)
	c.text(") AS ")
	c.alias(alias)
	c.text(" LIMIT -1")
}

// shown writes the outputs, and the revision after them.
func (c *compiler) shown(sel *query.Select) {
	c.outputs(sel.Columns, nil)
	if sel.Revision {
		if len(sel.Columns) > 0 {
			c.text(",")
		}
		c.row(0, sel.Table)
		c.text("_rev")
	} else if len(sel.Columns) == 0 {
		c.text("1")
	}
}

// picked writes the table, and which of its rows in which order.
func (c *compiler) picked(sel *query.Select) {
	c.source(sel)
	c.order(sel)
}

func (c *compiler) limit(limit, offset int) {
	c.text(" LIMIT ")
	c.value(query.Int(int64(limit))) // negative is no bound
	c.offset(offset)
}

func (c *compiler) offset(offset int) {
	if offset > 0 {
		c.text(" OFFSET ")
		c.value(query.Int(int64(offset)))
	}
}

// order always ends with the key, so that pages do not overlap.
func (c *compiler) order(sel *query.Select) {
	c.text(" ORDER BY ")
	for i := range sel.Order {
		o := &sel.Order[i]
		c.expr(o.Expr)
		c.direction(o)
		if isKey(o.Expr, sel.Table) {
			return
		}
		c.text(",")
	}
	c.column(sel.Table.Ref(sel.Table.Key()))
}

// direction writes what follows a term of an order.
func (c *compiler) direction(o *query.Order) {
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
}

func neverNull(e query.Expr) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Up == 0 && (ref.Column.Required || ref.Column.Index == 0)
}

func isKey(e query.Expr, t *query.Table) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Up == 0 && ref.Column == t.Key()
}
