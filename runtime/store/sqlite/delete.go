package sqlite

import (
	"cmp"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// deletion is everything that goes or changes when rows are deleted, found
// before anything is touched, so that all of it is in the feed.
type deletion struct {
	gone    map[rowID]bool
	rows    []doomed
	cleared map[rowID]*clearing
	order   []rowID // of cleared, as found
	held    []hold
}

// rowID is one row of one table.
type rowID struct{ table, key string }

type doomed struct {
	table *table
	found
}

// clearing is a row that stays and loses references.
type clearing struct {
	table   *table
	before  query.Row
	columns []*query.Column
}

// hold is a row that forbids another's end, unless it goes too.
type hold struct {
	child  rowID
	column *query.Column
	parent string
}

func (t *transaction) delete(entry *table, w *query.Write, did *query.WriteResult) error {
	rows, err := t.match(entry, w.Where)
	if err != nil {
		return err
	}
	if err := revised(rows, w.Revisions); err != nil {
		return err
	}
	checks := weigh(w.Checks)
	for i := range rows {
		if err := t.alive(); err != nil {
			return err
		}
		if err := t.judge(checks, rows[i].row, rows[i].row); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	d := deletion{gone: map[rowID]bool{}, cleared: map[rowID]*clearing{}}
	for i := range rows {
		d.doom(entry, rows[i])
	}
	if err := t.follow(&d); err != nil {
		return err
	}
	if err := t.carryOut(&d); err != nil {
		return err
	}
	did.Affected = len(rows)
	if w.Returning {
		for i := range rows {
			did.Rows = append(did.Rows, rows[i].row)
		}
	}
	return nil
}

func (d *deletion) doom(entry *table, f found) {
	id := rowID{entry.Name, keyText(f.row[0])}
	if !d.gone[id] {
		d.gone[id] = true
		d.rows = append(d.rows, doomed{entry, f})
	}
}

// follow walks along the references to the rows that go.
func (t *transaction) follow(d *deletion) error {
	for i := 0; i < len(d.rows); i++ {
		if err := t.alive(); err != nil {
			return err
		}
		parent := d.rows[i].table
		for _, r := range t.referrers(parent) {
			children, err := t.pointing(r, d.rows[i].row[0])
			if err != nil {
				return err
			}
			for _, child := range children {
				d.reach(parent, r, child)
			}
		}
	}
	for _, h := range d.held {
		if !d.gone[h.child] {
			return faultReferenced(h.parent, h.child.table, h.column.Name)
		}
	}
	return nil
}

// newest is the layout of the view that was opened last: it knows of tables
// that point at those of an older view.
func (t *transaction) newest() *layout {
	if current := t.writer.store.current.Load(); current != nil {
		return current
	}
	return t.layout
}

// referrers are the columns that point at a table, also those that its view
// does not know yet.
func (t *transaction) referrers(entry *table) []referrer {
	if current := t.newest().byName[entry.Name]; current != nil {
		return current.referrers
	}
	return entry.referrers
}

func (d *deletion) reach(parent *table, r referrer, child found) {
	id := rowID{r.table.Name, keyText(child.row[0])}
	switch r.column.Ref.OnDelete {
	case query.Cascade:
		d.doom(r.table, child)
	case query.SetNull:
		known := d.cleared[id]
		if known == nil {
			known = &clearing{table: r.table, before: child.row}
			d.cleared[id] = known
			d.order = append(d.order, id)
		}
		known.columns = append(known.columns, r.column)
	default:
		d.held = append(d.held, hold{id, r.column, parent.Name})
	}
}

// carryOut clears references, then deletes, tables that point before those
// that they point at. The database's own actions find nothing left to do.
func (t *transaction) carryOut(d *deletion) error {
	for _, id := range d.order {
		if d.gone[id] {
			continue
		}
		c := d.cleared[id]
		after := slices.Clone(c.before)
		for _, column := range c.columns {
			after[column.Index] = query.Null()
		}
		if err := neverNulls(c.table, after); err != nil {
			return err
		}
		if err := t.updateRow(c.table, c.columns, c.before, after); err != nil {
			return err
		}
	}
	if len(d.rows) > 1 {
		order := t.newest()
		slices.SortStableFunc(d.rows, func(a, b doomed) int {
			return cmp.Compare(order.deletion[a.table.Name], order.deletion[b.table.Name])
		})
	}
	for start := 0; start < len(d.rows); {
		end := start + 1
		for end < len(d.rows) && d.rows[end].table.Name == d.rows[start].table.Name {
			end++
		}
		if err := t.deleteRows(d.rows[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// deleteRows deletes rows of one table in one statement, so that rows which
// point at each other can go together.
func (t *transaction) deleteRows(rows []doomed) error {
	entry := rows[0].table
	text := "DELETE FROM " + entry.sqlName + ` WHERE "id"=?`
	keys := rows[0].row[0]
	if len(rows) > 1 {
		text = "DELETE FROM " + entry.sqlName + ` WHERE "id" IN (SELECT value FROM json_each(?))`
		list := []byte{'['}
		for i := range rows {
			if i > 0 {
				list = append(list, ',')
			}
			list = query.AppendJSON(list, rows[i].row[0])
		}
		keys = query.Text(string(append(list, ']')))
	}
	stmt, err := t.conn.stmts.get([]byte(text))
	if err != nil {
		return err
	}
	defer stmt.ClearBindings()
	if err := bind(stmt, 1, keys); err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return t.deleteConstraint(entry, rows, err)
	}
	for i := range rows {
		entry.version.rev = max(entry.version.rev, rows[i].rev+1)
		t.changed(entry, query.Delete, rows[i].row, nil)
	}
	return nil
}

// deleteConstraint names who still points at the rows: rows that point at each
// other in a circle of tables, each forbidding the other's end.
func (t *transaction) deleteConstraint(entry *table, rows []doomed, err error) error {
	for i := range rows {
		for _, r := range t.referrers(entry) {
			children, readErr := t.pointing(r, rows[i].row[0])
			if readErr != nil {
				return readErr
			}
			if len(children) > 0 {
				return faultReferenced(entry.Name, r.table.Name, r.column.Name)
			}
		}
	}
	return err
}
