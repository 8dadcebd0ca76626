package surreal

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// found is a row that a write is about to touch, with its revision.
type found struct {
	row query.Row
	rev int64
}

// match reads the rows that a condition picks, in key order, and holds them
// against their revisions where that is needed.
func (t *transaction) match(entry *table, where query.Expr) ([]found, error) {
	if err := t.view.wordsMoved(where); err != nil {
		return nil, err
	}
	asked, judged, err := splitWhere(where)
	if err != nil {
		return nil, err
	}
	answer, outside, err := t.reading(func(c *compiler) {
		if key, rest := keyOf(entry, asked); key != nil {
			c.text("SELECT * FROM ")
			c.value(key.Value, key.Of, entry.Name)
			c.where(rest)
			if !always(rest) {
				c.timeout(left(t.ctx))
			}
			return
		}
		c.text(entry.read)
		c.where(asked)
		c.timeout(left(t.ctx))
	})
	if err != nil {
		return nil, err
	}
	rows, err := readFound(answer, entry)
	if err != nil {
		return nil, err
	}
	if judged != nil {
		rows = slices.DeleteFunc(rows, func(f found) bool { return query.Holds(judged, f.row, nil) != query.True })
	}
	slices.SortFunc(rows, func(a, b found) int { return query.CompareValues(a.row[0], b.row[0]) })
	if outside {
		t.guard(entry, rows)
	}
	return rows, nil
}

// keyOf finds the key that a condition asks for, and what is left of it.
func keyOf(entry *table, where query.Expr) (*query.Literal, query.Expr) {
	switch e := where.(type) {
	case *query.Compare:
		column, isColumn := e.Left.(*query.ColumnRef)
		literal, isLiteral := e.Right.(*query.Literal)
		if e.Op == query.Equal && isColumn && isLiteral && column.Column == entry.Key() && column.Up == 0 && !literal.Value.IsNull() && literal.Value.Kind == entry.Key().Type.Kind {
			return literal, nil
		}
	case *query.And:
		for i, term := range e.Terms {
			if key, rest := keyOf(entry, term); key != nil && rest == nil {
				return key, &query.And{Terms: slices.Delete(slices.Clone(e.Terms), i, i+1)}
			}
		}
	}
	return nil, where
}

func readFound(answer []byte, entry *table) ([]found, error) {
	r := wire.NewReader(answer)
	rows := make([]found, 0, max(r.Array(), 0))
	for range cap(rows) {
		row, rev := readStored(r, entry)
		rows = append(rows, found{row, rev})
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read rows of %q: %w", entry.Name, err)
	}
	return rows, nil
}

// readStored reads a row as it is stored.
func readStored(r *wire.Reader, entry *table) (query.Row, int64) {
	row, rev := make(query.Row, len(entry.Columns)), int64(0)
	for range r.Map() {
		name := r.String()
		switch c := entry.fields[string(name)]; {
		case c != nil:
			row[c.Index] = readValue(r, c.Type)
		case string(name) == fieldRevision && r.Kind() == wire.Int:
			rev = r.Int()
		default:
			r.Skip()
		}
	}
	return row, rev
}

// guard makes the try fail where one of the rows was written since it was read.
func (t *transaction) guard(entry *table, rows []found) {
	if len(rows) == 0 {
		return
	}
	t.throw(op{kind: opMoved}, func(c *compiler) {
		c.text("(SELECT VALUE " + fieldRevision + " FROM ")
		c.bind(func(dst []byte) []byte { return appendKeys(dst, entry, rows) })
		c.text(") != ")
		c.bind(func(dst []byte) []byte {
			dst = wire.AppendArray(dst, len(rows))
			for i := range rows {
				dst = wire.AppendInt(dst, rows[i].rev)
			}
			return dst
		})
	})
}

// appendKeys appends the ids of rows.
func appendKeys(dst []byte, entry *table, rows []found) []byte {
	dst = wire.AppendArray(dst, len(rows))
	for i := range rows {
		dst = appendValue(dst, rows[i].row[0], entry.Key().Type, entry.Name)
	}
	return dst
}

func (t *transaction) update(entry *table, w *query.Write, did *query.WriteResult) error {
	if t.updateDirectly(entry, w, did) {
		return nil
	}
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
	same := alike{t: t, table: entry, columns: columns}
	for i := range rows {
		if err := t.alive(); err != nil {
			return err
		}
		before := rows[i].row
		after, err := t.assign(entry, before, before, w.Set, same.emit)
		if err != nil {
			return same.fail(err)
		}
		if err := t.judge(w.Checks, after, before, same.emit); err != nil {
			return same.fail(err)
		}
		if err := neverNulls(entry, after); err != nil {
			return same.fail(err)
		}
		if err := same.add(before, after); err != nil {
			return err
		}
		did.Affected++
		if w.Returning {
			did.Rows = append(did.Rows, after)
		}
	}
	return same.emit()
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
// old is the row that is stored. before is called ahead of a question.
func (t *transaction) assign(entry *table, row, old query.Row, set []query.Assignment, before func() error) (query.Row, error) {
	after := slices.Clone(row)
	for i := range set {
		c := set[i].Column
		if query.LooksBeyond(set[i].Value) {
			if err := before(); err != nil {
				return nil, err
			}
		}
		v, err := t.value(set[i].Value, row, old)
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

// alike are rows of an update that get the same values: one statement writes
// them.
type alike struct {
	t       *transaction
	table   *table
	columns []*query.Column
	before  []query.Row
	after   []query.Row
}

func (a *alike) add(before, after query.Row) error {
	if len(a.after) > 0 && (a.t.careful || !a.same(after)) || isMove(a.table, before, after) {
		if err := a.emit(); err != nil {
			return err
		}
	}
	a.before, a.after = append(a.before, before), append(a.after, after)
	return nil
}

func (a *alike) same(after query.Row) bool {
	if len(a.table.words) > 0 || isMove(a.table, a.before[0], a.after[0]) {
		return false
	}
	for _, c := range a.columns {
		if a.after[0][c.Index] != after[c.Index] {
			return false
		}
	}
	return true
}

// fail gives an error of a row; what was written before it comes first.
func (a *alike) fail(err error) error {
	if sent := a.emit(); sent != nil {
		return sent
	}
	return err
}

func (a *alike) emit() error {
	if len(a.after) == 0 {
		return nil
	}
	defer func() { a.before, a.after = a.before[:0], a.after[:0] }()
	if len(a.after) == 1 {
		return a.t.updateRow(a.table, a.columns, a.before[0], a.after[0])
	}
	t := a.t
	c := t.statement(op{kind: opUpdate, table: a.table, fault: errCarefully})
	c.text("UPDATE ")
	c.bind(func(dst []byte) []byte {
		dst = wire.AppendArray(dst, len(a.after))
		for _, row := range a.after {
			dst = appendValue(dst, row[0], a.table.Key().Type, a.table.Name)
		}
		return dst
	})
	t.set(a.table, a.columns, a.after[0])
	for range a.after {
		t.changed(a.table)
	}
	t.referTo(a.table, refsOf(a.columns), a.after, nil)
	return nil
}

// set writes what an UPDATE assigns.
func (t *transaction) set(entry *table, columns []*query.Column, after query.Row) {
	c := &t.c
	separator := " SET "
	for _, column := range columns {
		if column.Index == 0 || entry.Edge.Joins() && (column == entry.Edge.From || column == entry.Edge.To) {
			continue // it is the same
		}
		c.text(separator)
		separator = ", "
		c.name(fieldOf(entry.Table, column))
		c.text(" = ")
		c.value(after[column.Index], column.Type, recordTable(entry, column))
	}
	for _, x := range entry.words {
		c.text(separator)
		separator = ", "
		c.name(indexedWords(x))
		c.text(" = ")
		c.bind(func(dst []byte) []byte { return appendWords(dst, x, after) })
	}
	c.text(" RETURN NONE")
}

func refsOf(columns []*query.Column) []*query.Column {
	var refs []*query.Column
	for _, c := range columns {
		if c.Ref != nil {
			refs = append(refs, c)
		}
	}
	return refs
}

// updateRow writes some columns of one row.
func (t *transaction) updateRow(entry *table, columns []*query.Column, before, after query.Row) error {
	if isMove(entry, before, after) {
		return t.move(entry, columns, before, after)
	}
	o := op{kind: opUpdate, table: entry}
	if t.naming {
		t.nameBroken(o, after, before)
	}
	c := t.statement(o)
	c.text("UPDATE ")
	c.value(before[0], entry.Key().Type, entry.Name)
	t.set(entry, columns, after)
	t.changed(entry)
	t.referTo(entry, refsOf(columns), []query.Row{after}, before)
	return nil
}

// isMove reports an update that SurrealDB has no word for: of a key, or of what
// an edge joins.
func isMove(entry *table, before, after query.Row) bool {
	if before[0] != after[0] {
		return true
	}
	e := entry.Edge
	return e.Joins() && (before[e.From.Index] != after[e.From.Index] || before[e.To.Index] != after[e.To.Index])
}

// move writes a row anew in another place. The feed has both halves of it.
func (t *transaction) move(entry *table, columns []*query.Column, before, after query.Row) error {
	old := func(c *compiler) { c.value(before[0], entry.Key().Type, entry.Name) }
	if before[0] != after[0] {
		for _, r := range t.referrers(entry) {
			refused := faultReferenced(entry.Name, r.table.Name, r.column.Name)
			t.throw(op{kind: opThrow, fault: refused}, func(c *compiler) {
				if r.column == r.table.Key() {
					c.text("(SELECT VALUE " + fieldRevision + " FROM ONLY ")
					c.value(before[0], entry.Key().Type, r.table.Name)
					c.text(") != NONE")
					return
				}
				c.text("(SELECT VALUE " + fieldRevision + " FROM ")
				c.name(r.table.Name)
				c.text(" WHERE ")
				c.name(fieldOf(r.table.Table, r.column))
				c.text(" = ")
				old(c)
				c.text(" LIMIT 1) != []")
			})
		}
		if entry.makesKeys() {
			t.takings(entry.Name).note(after[0].N)
		}
		t.holdAll(entry, []found{{row: before}})
	}
	c := t.statement(op{kind: opDelete, table: entry})
	c.text("DELETE ")
	old(c)
	c.text(" RETURN NONE")
	t.deleted(idOf(entry, before[0]))
	w := waiting{t: t, table: entry, first: t.row}
	rows := []query.Row{after}
	if t.gone[idOf(entry, after[0])] {
		w.insert(rows, before, " ON DUPLICATE KEY UPDATE "+fieldRevision+" = 0")
	} else {
		w.insert(rows, before, "")
	}
	if len(entry.referrers) > 0 {
		t.inserted(idOf(entry, after[0]))
	}
	t.referTo(entry, refsOf(columns), rows, before)
	return nil
}
