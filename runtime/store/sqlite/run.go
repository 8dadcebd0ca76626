package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// A named query that writes is first only tried: its text says which rows it
// touches, what becomes of each, and what it gives. All of that is undone, and
// the rows are then written as every other write does it. So there is no second
// way by which a row could change without its revision, its place in the feed,
// its words and what its references carry.

// runBytes bounds the rows that a text gives: they are held until the end.
const runBytes = 32 << 20

// runText runs a named query that writes. A savepoint of the batch is around it,
// so what an error leaves is undone there.
func (t *transaction) runText(w *query.Write, did *query.WriteResult) error {
	if w.Invocation == nil || !w.Invocation.Query.Write {
		return errors.New("a run of what is no query that writes")
	}
	seen := witness{layout: t.layout, at: map[rowID]int{}}
	if err := t.conn.exec("SAVEPOINT text"); err != nil {
		return err
	}
	if err := t.try(w.Invocation, &seen, did); err != nil {
		return textFault(w.Invocation.Query, err)
	}
	if err := t.conn.backTo("text"); err != nil {
		return err
	}
	if err := t.writeAgain(w, &seen, did); err != nil {
		return err
	}
	did.Affected = len(seen.rows)
	if w.Accept == nil {
		return nil
	}
	return w.Accept(did.Rows)
}

// try runs the text as it is and notes what it does.
func (t *transaction) try(call *query.Invocation, seen *witness, did *query.WriteResult) error {
	if into := t.layout.inserts[call.Query]; into != "" {
		// No text gives the hidden revision, and nothing of this stays.
		if err := t.conn.db.Exec("ALTER TABLE " + quote(into) + " ALTER COLUMN _rev DROP NOT NULL"); err != nil {
			return err
		}
	}
	if err := t.watched(call, seen, did); err != nil {
		return err
	}
	if seen.err != nil {
		return seen.err
	}
	return seen.readAfter(t.conn)
}

// watched runs the text before a witness. The statement is made anew each time:
// one that was made unwatched deletes all rows of a table unseen.
func (t *transaction) watched(call *query.Invocation, seen *witness, did *query.WriteResult) (err error) {
	t.conn.db.PreUpdateHook(seen.see)
	defer t.conn.db.PreUpdateHook(nil)
	stmt, _, err := t.conn.db.Prepare(call.Query.Text)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := stmt.Close(); err == nil {
			err = closeErr
		}
	}()
	size := 0
	return visitNamed(stmt, call, func(row query.Row) error {
		if call.Query.Nothing() {
			return nil
		}
		for i := range row {
			size += len(row[i].S) + 32
		}
		if size > runBytes {
			return fault.Newf(codeTooLarge, "%s gives more than %d MiB of rows", call.Query.Name, runBytes>>20).WithHint("narrow it by its parameters, or return less of each row")
		}
		did.Rows = append(did.Rows, row)
		return nil
	})
}

// writeAgain does what the text did: rows go first, as what comes may need their
// place.
func (t *transaction) writeAgain(w *query.Write, seen *witness, did *query.WriteResult) error {
	d := deletion{gone: map[rowID]bool{}, cleared: map[rowID]*clearing{}}
	for i := range seen.rows {
		if r := &seen.rows[i]; r.gone {
			row, err := t.current(r)
			if err != nil {
				return err
			}
			if row != nil {
				d.doom(r.table, *row)
			}
		}
	}
	if err := t.follow(&d); err != nil {
		return err
	}
	if err := t.carryOut(&d); err != nil {
		return err
	}
	return t.writeRows(w, seen, did)
}

// writeRows writes the rows that are there in the end; of a table that points at
// itself the new ones first, each after those that it points at.
func (t *transaction) writeRows(w *query.Write, seen *witness, did *query.WriteResult) error {
	var first []*touched
	var rows []query.Row
	for i := range seen.rows {
		r := &seen.rows[i]
		if r.after == nil || !r.table.selfRef {
			continue
		}
		row, err := t.current(r)
		if err != nil {
			return err
		}
		if row == nil {
			first, rows = append(first, r), append(rows, r.after)
		}
	}
	done := make(map[*touched]bool, len(first))
	if len(first) > 0 {
		err := query.ParentsFirst(first[0].table.Table, rows, func(i int) error {
			done[first[i]] = true
			return t.writeRow(w, first[i], did)
		})
		if err != nil {
			return err
		}
	}
	for i := range seen.rows {
		if r := &seen.rows[i]; r.after != nil && !done[r] {
			if err := t.writeRow(w, r, did); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeRow puts one row as the text left it in the place of what is there.
func (t *transaction) writeRow(w *query.Write, r *touched, did *query.WriteResult) error {
	if err := t.alive(); err != nil {
		return err
	}
	there, err := t.current(r)
	if err != nil {
		return err
	}
	guard := guardOf(w, r.table)
	if there != nil {
		return t.overwrite(r, there.row, guard)
	}
	did.Inserted++
	row := r.after
	if r.table.makesKeys() {
		if err := t.giveKey(r.table, row); err != nil {
			return err
		}
	}
	if err := t.admit(r.table, guard, nil, row); err != nil {
		return err
	}
	return t.insertRow(r.table, row)
}

// overwrite is writeRow of a row that is there.
func (t *transaction) overwrite(r *touched, before query.Row, guard *query.Guard) error {
	var columns []*query.Column
	changed := query.ColumnSet{}
	for i, c := range r.table.Columns {
		if r.after[i] != before[i] {
			columns = append(columns, c)
			changed.Add(c)
		}
	}
	after := r.after
	if guard != nil {
		var set []query.Assignment
		for i := range guard.Set {
			if c := guard.Set[i].Column; !changed.Has(c) {
				set, columns = append(set, guard.Set[i]), append(columns, c)
			}
		}
		var err error
		if after, err = t.assign(r.table, after, before, weighSet(set)); err != nil {
			return err
		}
	}
	if err := t.admit(r.table, guard, before, after); err != nil {
		return err
	}
	if err := neverNulls(r.table, after); err != nil {
		return err
	}
	return t.updateRow(r.table, columns, before, after)
}

// admit judges a row that is to be written; before is nil for a new one.
func (t *transaction) admit(entry *table, guard *query.Guard, before, after query.Row) error {
	for i, c := range entry.Columns {
		if c.Type.Kind == query.KindVector && !after[i].IsNull() && (before == nil || before[i] != after[i]) {
			return fmt.Errorf("the text writes %s.%s, and a text writes no vectors", entry.Name, c.Name)
		}
	}
	if guard == nil {
		return nil
	}
	if guard.Fit != nil {
		if err := guard.Fit(before, after); err != nil {
			return err
		}
	}
	return t.judge(weigh(guard.Checks), after, before)
}

func guardOf(w *query.Write, entry *table) *query.Guard {
	for i := range w.Guards {
		if w.Guards[i].Table == entry.Table {
			return &w.Guards[i]
		}
	}
	return nil
}

// current is the row as it is now; nil where there is none.
func (t *transaction) current(r *touched) (*found, error) {
	stmt, err := byKey(t.conn, r.table, r.key)
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	rows, err := readFound(stmt, r.table)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// textFault says which constraint a text broke. The database names columns, and
// no value; of a reference it names nothing.
func textFault(n *query.Named, err error) error {
	const broken = "constraint failed: "
	message := err.Error()
	table, column := "", ""
	if i := strings.LastIndex(message, broken); i >= 0 {
		table, column, _ = strings.Cut(message[i+len(broken):], ".")
	}
	var own *fault.Fault
	switch {
	case errors.As(err, &own), carriedFault(err) != nil:
		return err
	case isUnique(err):
		return uniqueFault(table, err)
	case errors.Is(err, sqlite3.CONSTRAINT_NOTNULL):
		return faultNotNull(table, column)
	case errors.Is(err, sqlite3.CONSTRAINT_FOREIGNKEY):
		return fault.Newf(codeForeign, "%s violates a foreign key constraint", n.Name).WithCause(err)
	}
	return fmt.Errorf("query %q: %w", n.Name, err)
}
