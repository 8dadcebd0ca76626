package surreal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// upsert is the Conflict of an insert, made ready for its rows.
type upsert struct {
	*query.Conflict
	columns []*query.Column
	// there are the rows that have a value of the target that the write has too,
	// by that value: as they are after what the write did so far.
	there map[string]query.Row
	// touched are the keys of the rows that the write inserted or merged.
	touched map[string]bool
	index   string // of the target, "" for the key
	racing  bool   // there was read outside of the transaction
}

// newUpsert is nil where the insert has no Conflict.
func (t *transaction) newUpsert(entry *table, w *query.Write) (*upsert, error) {
	c := w.Conflict
	if c == nil {
		return nil, nil
	}
	isKey := len(c.Target) == 1 && c.Target[0].Index == 0
	u := &upsert{Conflict: c, touched: map[string]bool{}, there: map[string]query.Row{}}
	if !isKey {
		index := entry.UniqueIndex(c.Target)
		if index == nil {
			return nil, fmt.Errorf("upsert into %q: the target is neither the key nor a unique index", entry.Name)
		}
		u.index = index.Name
	}
	if c.Before != nil && c.Denied == nil {
		return nil, fmt.Errorf("upsert into %q: a condition without the fault of breaking it", entry.Name)
	}
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
	return u, t.readThere(entry, w, u)
}

// readThere reads the rows that the write's rows may meet.
func (t *transaction) readThere(entry *table, w *query.Write, u *upsert) error {
	var wanted []query.Row
	for _, row := range w.Rows {
		if len(row) == len(entry.Columns) && u.place(row) != "" {
			wanted = append(wanted, row)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	answer, outside, err := t.reading(func(c *compiler) {
		if u.index == "" {
			c.text("SELECT * FROM ")
			c.bind(func(dst []byte) []byte {
				dst = wire.AppendArray(dst, len(wanted))
				for _, row := range wanted {
					dst = appendValue(dst, row[0], entry.Key().Type, entry.Name)
				}
				return dst
			})
			return
		}
		c.text(entry.read + " WHERE ")
		for i, column := range u.Target {
			if i > 0 {
				c.text(" AND ")
			}
			c.name(fieldOf(entry.Table, column))
			if len(wanted) == 1 {
				c.text(" = ")
				c.value(wanted[0][column.Index], column.Type, recordTable(entry, column))
				continue
			}
			c.text(" INSIDE ")
			c.bind(func(dst []byte) []byte {
				dst = wire.AppendArray(dst, len(wanted))
				for _, row := range wanted {
					dst = appendValue(dst, row[column.Index], column.Type, recordTable(entry, column))
				}
				return dst
			})
		}
	})
	if err != nil {
		return err
	}
	rows, err := readFound(answer, entry)
	if err != nil {
		return err
	}
	u.racing = outside
	var met []found
	for _, row := range rows {
		place := u.place(row.row)
		u.there[place] = row.row
		if slices.ContainsFunc(wanted, func(w query.Row) bool { return u.place(w) == place }) {
			met = append(met, row)
		}
	}
	if outside {
		t.guard(entry, met)
	}
	return nil
}

// place is the values of a row in the target as one text, "" where one is null:
// a null is no other null's equal.
func (u *upsert) place(row query.Row) string {
	var text strings.Builder
	for _, c := range u.Target {
		if row[c.Index].IsNull() {
			return ""
		}
		value := query.AppendText(nil, row[c.Index])
		fmt.Fprintf(&text, "%d:", len(value))
		text.Write(value)
	}
	return text.String()
}

// upsertRow inserts a row, or does with the one that is there what the
// conflict says; nil is a row that was passed over.
func (t *transaction) upsertRow(entry *table, w *query.Write, i int, u *upsert, wait *waiting) (query.Row, bool, error) {
	row, made, err := t.newRow(entry, w, i, wait)
	if err != nil {
		return nil, false, err
	}
	place := u.place(row)
	there := u.there[place]
	if place == "" || there == nil {
		wait.target, wait.racing = u.index, u.racing
		if err := t.insertRow(wait, i, row, made); err != nil {
			return nil, false, err
		}
		u.touched[keyText(row[0])] = true
		if place != "" {
			u.there[place] = row
		}
		return row, true, nil
	}
	if made { // the key that the row was to have is as if never made
		t.takings(entry.Name).unmake(row[0].N)
		row[0] = query.Null()
	}
	if u.Ignore {
		return nil, false, nil
	}
	after, err := t.merge(entry, i, u, row, there, wait)
	return after, false, err
}

// merge takes a row that was to be inserted into the one that is there.
func (t *transaction) merge(entry *table, i int, u *upsert, row, there query.Row, wait *waiting) (query.Row, error) {
	if u.touched[keyText(there[0])] {
		return nil, faultTwice()
	}
	before := func() error {
		wait.emit()
		t.row = i
		return nil
	}
	if u.Before != nil {
		truth, placed := outcomeOf(u.Before, there, there)
		if placed != nil {
			_ = before()
			t.demand(placed, false, u.Denied)
		} else if truth != query.True {
			return nil, u.Denied
		}
	}
	taken := slices.Clone(there)
	for _, c := range u.Columns {
		taken[c.Index] = row[c.Index]
	}
	after, err := t.assign(entry, taken, there, u.Set, before)
	if err != nil {
		return nil, err
	}
	if err := t.judge(u.Checks, after, there, before); err != nil {
		return nil, err
	}
	if err := neverNulls(entry, after); err != nil {
		return nil, err
	}
	_ = before()
	if err := t.updateRow(entry, u.columns, there, after); err != nil {
		return nil, err
	}
	u.touched[keyText(after[0])] = true
	delete(u.there, u.place(there))
	if place := u.place(after); place != "" {
		u.there[place] = after
	}
	return after, nil
}
