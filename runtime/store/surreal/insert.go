package surreal

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

func (t *transaction) insert(entry *table, w *query.Write, did *query.WriteResult) error {
	up, err := t.newUpsert(entry, w)
	if err != nil {
		return err
	}
	did.Keys = make([]query.Value, len(w.Rows))
	if w.Returning {
		did.Rows = make([]query.Row, len(w.Rows))
	}
	wait := waiting{t: t, table: entry, room: len(w.Rows)}
	put := func(i int) error {
		if err := t.alive(); err != nil {
			return err
		}
		row, inserted, err := t.put(entry, w, i, up, &wait)
		if err != nil || row == nil {
			return err
		}
		did.Affected++
		if inserted {
			did.Inserted++
		}
		did.Keys[i] = row[0]
		if w.Returning {
			did.Rows[i] = row // in the order of the request
		}
		return nil
	}
	at := func(i int) error {
		if err := put(i); err != nil {
			return t.failRow(&wait, i, err)
		}
		if t.careful {
			wait.emit()
		}
		return nil
	}
	if entry.selfRef && len(w.Rows) > 1 {
		err = query.ParentsFirst(entry.Table, w.Rows, at)
	} else {
		for i := 0; i < len(w.Rows) && err == nil; i++ {
			err = at(i)
		}
	}
	if err != nil {
		return err
	}
	wait.emit()
	t.row = -1
	if up != nil && up.Ignore {
		did.Rows = slices.DeleteFunc(did.Rows, func(row query.Row) bool { return row == nil })
	}
	return nil
}

// failRow is the error of a row; what was put before it comes first.
func (t *transaction) failRow(wait *waiting, i int, err error) error {
	wait.emit()
	t.row = i
	return t.located(err, t.write, i)
}

// put gives the row as it is stored, and whether it is new; nil is a row that
// was passed over.
func (t *transaction) put(entry *table, w *query.Write, i int, up *upsert, wait *waiting) (query.Row, bool, error) {
	if up != nil {
		return t.upsertRow(entry, w, i, up, wait)
	}
	row, made, err := t.newRow(entry, w, i, wait)
	if err != nil {
		return nil, false, err
	}
	return row, true, t.insertRow(wait, i, row, made)
}

// newRow is a row as it is to be stored, with its key, judged as new. Checks
// come before constraints, so that whom a rule denies does not learn what is
// there.
func (t *transaction) newRow(entry *table, w *query.Write, i int, wait *waiting) (query.Row, bool, error) {
	given := w.Rows[i]
	if len(given) != len(entry.Columns) {
		return nil, false, fmt.Errorf("insert into %q: %d values for %d columns", entry.Name, len(given), len(entry.Columns))
	}
	row := make(query.Row, len(given))
	for j, c := range entry.Columns {
		v, err := stored(given[j], c.Type)
		if err != nil {
			return nil, false, fmt.Errorf("insert into %q.%q: %w", entry.Name, c.Name, err)
		}
		row[j] = v
	}
	made := false
	if entry.makesKeys() {
		var err error
		if made, err = t.giveKey(entry, row); err != nil {
			return nil, false, err
		}
	}
	return row, made, t.judge(w.Checks, row, nil, func() error {
		wait.emit()
		t.row = i
		return nil
	})
}

func (t *transaction) insertRow(wait *waiting, i int, row query.Row, made bool) error {
	if err := neverNulls(wait.table, row); err != nil {
		return err
	}
	wait.add(i, row, made)
	return nil
}

func neverNulls(entry *table, row query.Row) error {
	for i, c := range entry.Columns {
		if row[i].IsNull() && (c.Required || i == 0) {
			return faultNotNull(entry.Name, c.Name)
		}
	}
	return nil
}

// waiting are new rows of one write that go into one statement.
type waiting struct {
	t     *transaction
	table *table
	rows  []query.Row
	first int // the place of rows[0] in the request
	room  int // rows that may come
	// made says that a key is one of ours.
	made bool
	// target is set where the rows were looked for and not found.
	target string
	racing bool
}

func (w *waiting) add(i int, row query.Row, made bool) {
	if w.rows == nil {
		w.rows = make([]query.Row, 0, w.room)
	}
	if len(w.rows) == 0 {
		w.first = i
	}
	w.rows = append(w.rows, row)
	w.made = w.made || made
}

// emit adds the statements that insert the rows and demand what they refer to.
func (w *waiting) emit() {
	if len(w.rows) == 0 {
		return
	}
	t := w.t
	t.row = -1
	if len(w.rows) == 1 {
		t.row = w.first
	}
	rows := w.rows
	if len(t.gone) > 0 { // the server holds a key that the same transaction freed to be there
		rows = slices.DeleteFunc(slices.Clone(rows), func(row query.Row) bool { return t.gone[idOf(w.table, row[0])] })
		for _, row := range w.rows {
			if t.gone[idOf(w.table, row[0])] {
				w.insert([]query.Row{row}, nil, " ON DUPLICATE KEY UPDATE "+fieldRevision+" = 0")
			}
		}
	}
	if len(rows) > 0 {
		w.insert(rows, nil, "")
	}
	if len(w.table.referrers) > 0 {
		for _, row := range w.rows {
			t.inserted(idOf(w.table, row[0]))
		}
	}
	t.referTo(w.table, w.table.refs, w.rows, nil)
	w.rows, w.made = w.rows[:0], false
}

// insert adds the statement that inserts rows. before is the row as it was in
// another place, nil for new ones. Where otherwise is for rows that the server
// holds to be there, it would take other rows for them that have the same in a
// unique index, which must be refused before.
func (w *waiting) insert(rows []query.Row, before query.Row, otherwise string) {
	t := w.t
	o := op{kind: opInsert, table: w.table, made: w.made, target: w.target, racing: w.racing}
	if t.naming || otherwise != "" {
		for _, row := range rows {
			t.nameBroken(o, row, before)
		}
	}
	c := t.statement(o)
	c.text(w.table.insert)
	c.bind(func(dst []byte) []byte {
		if len(rows) == 1 {
			return appendRow(dst, w.table, rows[0])
		}
		dst = wire.AppendArray(dst, len(rows))
		for _, row := range rows {
			dst = appendRow(dst, w.table, row)
		}
		return dst
	})
	c.text(otherwise)
	c.text(" RETURN NONE")
	for range rows {
		t.changed(w.table)
	}
}

// appendRow appends a row as the object that is stored; what is null is left
// out.
func appendRow(dst []byte, entry *table, row query.Row) []byte {
	n := len(entry.words)
	for i := range row {
		if !row[i].IsNull() {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	for i, c := range entry.Columns {
		if !row[i].IsNull() {
			dst = wire.AppendString(dst, fieldOf(entry.Table, c))
			dst = appendValue(dst, row[i], c.Type, recordTable(entry, c))
		}
	}
	for _, x := range entry.words {
		dst = appendWords(wire.AppendString(dst, indexedWords(x)), x, row)
	}
	return dst
}

// recordTable is the table whose record's id a column is stored as, "" for a
// plain value.
func recordTable(entry *table, c *query.Column) string {
	switch {
	case c.Index == 0:
		return entry.Name
	case c.Ref != nil:
		return c.Ref.Table
	}
	return ""
}

// stored converts a value to the type of its column, exactly or not at all.
func stored(v query.Value, t query.Type) (query.Value, error) {
	switch {
	case v.IsNull():
		return v, nil
	case v.Kind == query.KindVector && t.Kind == query.KindVector && len(v.S) != 4*int(t.Dimensions):
	case v.Kind == query.KindJSON && t.Kind == query.KindJSON && hasHugeNumber(v.S):
		return v, faultHugeNumber()
	case v.Kind == t.Kind && (t.Kind != query.KindDecimal || v.Scale == t.Scale):
		return v, nil
	case isText(v.Kind) && isText(t.Kind), isJSON(v.Kind) && isJSON(t.Kind):
		return query.Value{Kind: t.Kind, S: v.S}, nil
	case v.Kind == query.KindInt && t.Kind == query.KindFloat:
		return query.Float(float64(v.N)), nil
	case (v.Kind == query.KindInt || v.Kind == query.KindDecimal) && t.Kind == query.KindDecimal && v.Scale < t.Scale:
		if n, ok := scaled(v, t.Scale); ok {
			return query.Decimal(n, t.Scale), nil
		}
	}
	return v, fmt.Errorf("a value of type %s does not fit type %s", v.Kind, t)
}

func scaled(v query.Value, scale uint8) (int64, bool) {
	n := v.N
	for s := v.Scale; s < scale; s++ {
		next := n * 10
		if next/10 != n {
			return 0, false
		}
		n = next
	}
	return n, true
}

func isText(k query.Kind) bool { return k == query.KindText || k == query.KindUUID }
func isJSON(k query.Kind) bool { return k == query.KindJSON || k == query.KindList }
