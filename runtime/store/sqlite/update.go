package sqlite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// faultInterrupted becomes what the request's context says.
var faultInterrupted error = sqlite3.INTERRUPT

// found is a row that a write is about to touch, with its revision.
type found struct {
	row query.Row
	rev int64
}

// match reads the rows that a condition picks, in key order.
func (t *transaction) match(entry *table, where query.Expr) ([]found, error) {
	c := &t.comp
	c.reset()
	c.text(entry.read)
	c.where(where)
	stmt, err := c.prepare(t.conn)
	if err != nil {
		return nil, err
	}
	defer c.release(stmt)
	rows, err := readFound(stmt, entry)
	// Sorted here: an order in SQL may cost the index that finds the rows.
	slices.SortFunc(rows, func(a, b found) int { return query.CompareValues(a.row[0], b.row[0]) })
	return rows, err
}

func readFound(stmt *sqlite3.Stmt, entry *table) ([]found, error) {
	var rows []found
	for stmt.Step() {
		rows = append(rows, found{row: readRow(stmt, entry), rev: stmt.ColumnInt64(len(entry.Columns))})
	}
	return rows, stmt.Err()
}

func (t *transaction) update(entry *table, w *query.Write, did *query.WriteResult) error {
	rows, err := t.match(entry, w.Where)
	if err != nil {
		return err
	}
	if err := revised(rows, w.Revisions); err != nil {
		return err
	}
	columns := make([]*query.Column, len(w.Set))
	for i := range w.Set {
		columns[i] = w.Set[i].Column
	}
	set, checks := weighSet(w.Set), weigh(w.Checks)
	for i := range rows {
		if err := t.alive(); err != nil {
			return err
		}
		before := rows[i].row
		after, err := t.assign(entry, before, before, set)
		if err != nil {
			return err
		}
		if err := t.judge(checks, after, before); err != nil {
			return err
		}
		if err := neverNulls(entry, after); err != nil {
			return err
		}
		if err := t.updateRow(entry, columns, before, after); err != nil {
			return err
		}
		did.Affected++
		if w.Returning {
			did.Rows = append(did.Rows, after)
		}
	}
	return nil
}

// revised refuses rows of another revision than those that the write names,
// and that there is none.
func revised(rows []found, revisions []int64) error {
	if revisions == nil {
		return nil
	}
	if len(rows) == 0 {
		return store.ErrRevisionMoved
	}
	for i := range rows {
		if !slices.Contains(revisions, rows[i].rev) {
			return store.ErrRevisionMoved
		}
	}
	return nil
}

// assign gives a row after assignments, whose expressions see it before them;
// old is the row that is stored.
func (t *transaction) assign(entry *table, row, old query.Row, a assignments) (query.Row, error) {
	after := slices.Clone(row)
	for i := range a.set {
		c := a.set[i].Column
		var v query.Value
		var err error
		if a.beyond != nil && a.beyond[i] {
			v, err = t.value(a.set[i].Value, row, old)
		} else {
			v = query.Eval(a.set[i].Value, row, old)
		}
		if err != nil {
			return nil, err
		}
		if v, err = stored(v, c.Type); err != nil {
			return nil, fmt.Errorf("update %q.%q: %w", entry.Name, c.Name, err)
		}
		after[c.Index] = v
	}
	return after, nil
}

// updateRow writes some columns of one row, and raises its revision.
func (t *transaction) updateRow(entry *table, columns []*query.Column, before, after query.Row) error {
	c := &t.comp
	c.reset()
	c.text("UPDATE " + entry.sqlName + " SET ")
	for _, column := range columns {
		c.name(column.Name)
		c.text("=")
		c.argument(argument{value: after[column.Index]})
		c.text(",")
	}
	c.text(`_rev=_rev+1 WHERE "id"=`)
	c.argument(argument{value: before[0]})
	stmt, err := c.prepare(t.conn)
	if err != nil {
		return err
	}
	defer c.release(stmt)
	if err := stmt.Exec(); err != nil {
		return t.updateConstraint(entry, before, after, err)
	}
	if entry.makesKeys() && before[0].N != after[0].N {
		if err := t.takeKey(entry, after[0].N); err != nil {
			return err
		}
	}
	t.changed(entry, query.Update, before, after)
	return nil
}

// takeKey notes a key that an update gave: no row that comes later may have it
// too, and SQLite counts those of inserts alone.
func (t *transaction) takeKey(entry *table, key int64) error {
	delete(t.writer.keys, entry.Name)
	stmt, err := t.conn.stmts.get([]byte("UPDATE sqlite_sequence SET seq=?1 WHERE name=?2 AND seq<?1"))
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.BindInt64(1, key), stmt.BindText(2, entry.Name)); err != nil {
		return err
	}
	return stmt.Exec()
}

// updateConstraint also finds who points at a key that was to change.
func (t *transaction) updateConstraint(entry *table, before, after query.Row, err error) error {
	if errors.Is(err, sqlite3.CONSTRAINT_FOREIGNKEY) && query.CompareValues(before[0], after[0]) != 0 {
		for _, r := range t.referrers(entry) {
			rows, readErr := t.pointing(r, before[0])
			if readErr != nil {
				return readErr
			}
			if len(rows) > 0 {
				return faultReferenced(entry.Name, r.table.Name, r.column.Name)
			}
		}
	}
	return t.constraint(entry, after, before, err)
}

// pointing reads the rows that point at a key.
func (t *transaction) pointing(r referrer, key query.Value) ([]found, error) {
	stmt, err := t.conn.stmts.get([]byte(r.read))
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	if err := bind(stmt, 1, key); err != nil {
		return nil, err
	}
	return readFound(stmt, r.table)
}
