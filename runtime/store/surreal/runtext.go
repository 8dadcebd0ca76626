package surreal

import (
	"errors"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// A named query that writes is first only tried, in a transaction that is
// cancelled: its text says which rows it touches, what becomes of each, and what
// it gives. The rows are then written as every other write does it, held against
// what they were. So there is no second way by which a row could change without
// its words and what its references carry.

// runBytes bounds the rows that a text gives: they are held until the end.
const runBytes = 32 << 20

// sentText is what a conversation was sent.
type sentText struct {
	text string
	vars []byte
}

// touched is a row that a text wrote.
type touched struct {
	table *table
	key   query.Value
	gone  bool      // it was deleted, be it to be made again
	after query.Row // nil for a row that is no more
	there *found    // before the text; nil for none
}

// run runs a named query that writes.
func (t *transaction) run(w *query.Write, did *query.WriteResult) error {
	if w.Invocation == nil || !w.Invocation.Query.Write {
		return errors.New("a run of what is no query that writes")
	}
	rows, err := t.tryText(w.Invocation, did)
	if err != nil {
		return textFault(w.Invocation.Query, err)
	}
	if err := t.readTouched(rows); err != nil {
		return err
	}
	if err := t.writeAgain(w, rows, did); err != nil {
		return err
	}
	did.Affected = len(rows)
	if w.Accept == nil {
		return nil
	}
	return w.Accept(did.Rows)
}

// tryText runs the text behind what the batch has done so far, and gives the rows
// that it touched as it left them. Nothing is kept.
func (t *transaction) tryText(call *query.Invocation, did *query.WriteResult) ([]*touched, error) {
	try, err := t.store.client.Begin(t.ctx)
	if err != nil {
		return nil, err
	}
	defer try.Cancel()
	for _, sent := range t.sent {
		if _, err := try.Query(t.ctx, sent.text, sent.vars); err != nil {
			return nil, t.statementError(err, 0)
		}
	}
	if len(t.ops) > 0 {
		if t.c.fault != nil {
			return nil, t.c.fault
		}
		t.settle()
		if _, err := try.Query(t.ctx, string(t.c.buf), t.c.vars()); err != nil {
			return nil, t.statementError(err, 0)
		}
	}
	results, err := try.Query(t.ctx, t.view.text(t.ctx, call.Query), namedVars(call, paramOurs, paramTouching))
	if err != nil {
		return nil, err
	}
	size := 0
	for _, result := range results {
		size += len(result)
	}
	if size > runBytes {
		return nil, fault.Newf(codeTooLarge, "%s gives more than %d MiB of rows", call.Query.Name, runBytes>>20).WithHint("narrow it by its parameters, or return less of each row")
	}
	err = visitNamed(results, call.Query, func(row query.Row) error {
		did.Rows = append(did.Rows, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.readAfter(try, call.Query)
}

// readAfter reads which rows a text touched and what became of them.
func (t *transaction) readAfter(try asker, n *query.Named) ([]*touched, error) {
	answer, err := try.Query(t.ctx, "SELECT VALUE [`table`, op, `key`] FROM "+quote(tableTouched), nil)
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(answer[0])
	var rows []*touched
	at := map[rowID]*touched{}
	for range r.Array() {
		r.Array()
		entry := t.layout.byName[string(r.String())]
		op := string(r.String())
		if entry == nil {
			return nil, fmt.Errorf("query %q wrote to what is no table of its view", n.Name)
		}
		key := readValue(r, entry.Key().Type)
		if r.Err() != nil {
			return nil, r.Err()
		}
		row := at[idOf(entry, key)]
		if row == nil {
			row = &touched{table: entry, key: key}
			at[idOf(entry, key)] = row
			rows = append(rows, row)
		}
		row.gone = row.gone || op == "DELETE"
	}
	return rows, t.readLeft(try, rows)
}

// readLeft reads the rows as the text left them.
func (t *transaction) readLeft(try asker, rows []*touched) error {
	c := compiler{schema: t.view.schema}
	c.text("RETURN [")
	for i, row := range rows {
		if i > 0 {
			c.text(", ")
		}
		c.text("(SELECT * FROM ONLY ")
		c.value(row.key, row.table.Key().Type, row.table.Name)
		c.text(")")
	}
	c.text("]")
	answer, err := try.Query(t.ctx, string(c.buf), c.vars())
	if err != nil {
		return err
	}
	r := wire.NewReader(answer[0])
	if r.Array() != len(rows) {
		return wire.ErrMalformed
	}
	for _, row := range rows {
		if row.after, err = readWritten(r.Raw(), row.table); err != nil {
			return err
		}
		if row.after != nil {
			row.after[0] = row.key // the transaction that wrote a row reads it without
		}
	}
	return r.Err()
}

// readWritten reads a row as a text left it, of which nothing is taken for
// granted; nil for none.
func readWritten(stored []byte, entry *table) (query.Row, error) {
	r := wire.NewReader(stored)
	if r.Kind() != wire.Map {
		return nil, nil
	}
	row := make(query.Row, len(entry.Columns))
	for range r.Map() {
		c := entry.fields[string(r.String())]
		if c == nil {
			r.Skip()
			continue
		}
		kind := r.Kind()
		if c.Type.Kind == query.KindVector && kind == wire.Array {
			row[c.Index] = readValue(r, c.Type)
			continue
		}
		v, ok := naturalValue(wire.NewReader(r.Raw()), c.Type)
		if !ok {
			return nil, fmt.Errorf("the text puts a %s into %s.%s that is no %s", kindWord(kind), entry.Name, c.Name, c.Type)
		}
		row[c.Index] = v
	}
	return row, r.Err()
}

// readTouched reads the rows as they were before the text, and holds them: one
// that another writes meanwhile makes the batch begin anew.
func (t *transaction) readTouched(rows []*touched) error {
	var tables []*table
	byTable := map[*table][]*touched{}
	for _, row := range rows {
		if byTable[row.table] == nil {
			tables = append(tables, row.table)
		}
		byTable[row.table] = append(byTable[row.table], row)
	}
	for _, entry := range tables {
		list := byTable[entry]
		answer, outside, err := t.reading(func(c *compiler) {
			c.text("SELECT * FROM ")
			c.bind(func(dst []byte) []byte {
				dst = wire.AppendArray(dst, len(list))
				for _, row := range list {
					dst = appendValue(dst, row.key, entry.Key().Type, entry.Name)
				}
				return dst
			})
		})
		if err != nil {
			return err
		}
		there, err := readFound(answer, entry)
		if err != nil {
			return err
		}
		known := make(map[string]*found, len(there))
		for i := range there {
			known[keyText(there[i].row[0])] = &there[i]
		}
		for _, row := range list {
			row.there = known[keyText(row.key)]
		}
		if outside {
			t.guard(entry, there)
		}
	}
	return nil
}

// writeAgain does what the text did: rows go first, as what comes may need their
// place.
func (t *transaction) writeAgain(w *query.Write, rows []*touched, did *query.WriteResult) error {
	d := deletion{gone: map[rowID]bool{}, cleared: map[rowID]*clearing{}}
	for _, row := range rows {
		if row.gone && row.there != nil {
			d.doom(row.table, *row.there)
		}
	}
	if err := t.follow(&d); err != nil {
		return err
	}
	if err := t.carryOut(&d); err != nil {
		return err
	}
	for _, entry := range t.layout.parentsFirst {
		var fresh []*touched
		var texts []query.Row
		for _, row := range rows {
			if row.table == entry && row.after != nil && (row.gone || row.there == nil) {
				fresh, texts = append(fresh, row), append(texts, row.after)
			}
		}
		err := query.ParentsFirst(entry.Table, texts, func(i int) error { return t.writeNew(w, fresh[i], did) })
		if err != nil {
			return err
		}
	}
	for _, row := range rows {
		if row.after != nil && row.there != nil && !row.gone {
			if err := t.overwrite(row, guardOf(w, row.table)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeNew writes a row that was not there, or was deleted before.
func (t *transaction) writeNew(w *query.Write, row *touched, did *query.WriteResult) error {
	if err := t.alive(); err != nil {
		return err
	}
	if row.there == nil {
		did.Inserted++
	}
	if row.table.makesKeys() {
		if _, err := t.giveKey(row.table, row.after); err != nil {
			return err
		}
	}
	if err := t.admit(row.table, guardOf(w, row.table), nil, row.after); err != nil {
		return err
	}
	wait := waiting{t: t, table: row.table, room: 1}
	if err := t.insertRow(&wait, 0, row.after, false); err != nil {
		return err
	}
	wait.emit()
	return nil
}

// overwrite writes what has changed of a row that is there.
func (t *transaction) overwrite(row *touched, guard *query.Guard) error {
	if err := t.alive(); err != nil {
		return err
	}
	before, after := row.there.row, row.after
	var columns []*query.Column
	changed := query.ColumnSet{}
	for i, c := range row.table.Columns {
		if after[i] != before[i] {
			columns = append(columns, c)
			changed.Add(c)
		}
	}
	if guard != nil {
		var set []query.Assignment
		for i := range guard.Set {
			if c := guard.Set[i].Column; !changed.Has(c) {
				set, columns = append(set, guard.Set[i]), append(columns, c)
			}
		}
		var err error
		if after, err = t.assign(row.table, after, before, set, func() error { return nil }); err != nil {
			return err
		}
	}
	if err := t.admit(row.table, guard, before, after); err != nil {
		return err
	}
	if err := neverNulls(row.table, after); err != nil {
		return err
	}
	return t.updateRow(row.table, columns, before, after)
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
	return t.judge(guard.Checks, after, before, func() error { return nil })
}

func guardOf(w *query.Write, entry *table) *query.Guard {
	for i := range w.Guards {
		if w.Guards[i].Table == entry.Table {
			return &w.Guards[i]
		}
	}
	return nil
}
