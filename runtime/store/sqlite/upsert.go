package sqlite

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// upsert is the Conflict of an insert, made ready for its rows.
type upsert struct {
	*query.Conflict
	find    string // SELECT of the row that has the target's values
	columns []*query.Column
	asks    bool // Before looks beyond the row
	set     assignments
	checks  judgement
	// touched are the keys of the rows that the write inserted or merged.
	touched map[string]bool
}

// newUpsert is nil where the insert has no Conflict.
func newUpsert(entry *table, c *query.Conflict) (*upsert, error) {
	if c == nil {
		return nil, nil
	}
	isKey := len(c.Target) == 1 && c.Target[0].Index == 0
	if !isKey && entry.UniqueIndex(c.Target) == nil {
		return nil, fmt.Errorf("upsert into %q: the target is neither the key nor a unique index", entry.Name)
	}
	if c.Before != nil && c.Denied == nil {
		return nil, fmt.Errorf("upsert into %q: a condition without the fault of breaking it", entry.Name)
	}
	u := &upsert{Conflict: c, touched: map[string]bool{}}
	u.find = entry.read + " WHERE "
	for i, column := range c.Target {
		if i > 0 {
			u.find += " AND "
		}
		u.find += quote(column.Name) + "=?"
	}
	u.asks = c.Before != nil && query.LooksBeyond(c.Before)
	u.set, u.checks = weighSet(c.Set), weigh(c.Checks)
	for _, column := range c.Columns {
		if !slices.Contains(c.Target, column) { // there it is the same
			u.columns = append(u.columns, column)
		}
	}
	for i := range c.Set {
		if !slices.Contains(u.columns, c.Set[i].Column) {
			u.columns = append(u.columns, c.Set[i].Column)
		}
	}
	return u, nil
}

// upsertRow inserts a row, or does with the one that is there what the
// conflict says; nil is a row that was passed over.
func (t *transaction) upsertRow(entry *table, given query.Row, checks judgement, u *upsert) (row query.Row, inserted bool, err error) {
	next, known := t.writer.keys[entry.Name]
	if row, err = t.newRow(entry, given, checks); err != nil {
		return nil, false, err
	}
	there, err := t.there(entry, u, row)
	if err != nil {
		return nil, false, err
	}
	if there == nil {
		if err := t.insertRow(entry, row); err != nil {
			return nil, false, err
		}
		u.touched[keyText(row[0])] = true
		return row, true, nil
	}
	// The key that the row was to have is as if never made.
	if known {
		t.writer.keys[entry.Name] = next
	} else {
		delete(t.writer.keys, entry.Name)
	}
	if u.Ignore {
		return nil, false, nil
	}
	if given[0].IsNull() {
		row[0] = query.Null()
	}
	after, err := t.merge(entry, u, row, there)
	return after, false, err
}

// there is the row that has the values of a new one in the target; nil for
// none. A null is no other null's equal, in SQL too.
func (t *transaction) there(entry *table, u *upsert, row query.Row) (query.Row, error) {
	stmt, err := t.conn.stmts.get([]byte(u.find))
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = stmt.Reset() // the error is that of its last step, told there
		_ = stmt.ClearBindings()
	}()
	for i, c := range u.Target {
		if err := bind(stmt, i+1, row[c.Index]); err != nil {
			return nil, err
		}
	}
	if !stmt.Step() {
		return nil, stmt.Err()
	}
	return readRow(stmt, entry), nil
}

// merge takes a row that was to be inserted into the one that is there.
func (t *transaction) merge(entry *table, u *upsert, row, there query.Row) (query.Row, error) {
	if u.touched[keyText(there[0])] {
		return nil, faultTwice()
	}
	if u.Before != nil {
		truth, err := t.holds(u.Before, u.asks, there, there)
		if err != nil {
			return nil, err
		}
		if truth != query.True {
			return nil, u.Denied
		}
	}
	taken := slices.Clone(there)
	for _, c := range u.Columns {
		taken[c.Index] = row[c.Index]
	}
	after, err := t.assign(entry, taken, there, u.set)
	if err != nil {
		return nil, err
	}
	if err := t.judge(u.checks, after, there); err != nil {
		return nil, err
	}
	if err := neverNulls(entry, after); err != nil {
		return nil, err
	}
	if err := t.updateRow(entry, u.columns, there, after); err != nil {
		return nil, err
	}
	u.touched[keyText(after[0])] = true
	return after, nil
}
