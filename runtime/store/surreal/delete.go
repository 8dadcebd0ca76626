package surreal

import (
	"cmp"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// deletion is everything that goes or changes when rows are deleted, found
// before anything is touched.
type deletion struct {
	gone    map[rowID]bool
	rows    []doomed
	cleared map[rowID]*clearing
	order   []rowID // of cleared, as found
	held    []holding
}

type doomed struct {
	table *table
	found
}

// clearing is a row that stays and loses references.
type clearing struct {
	table   *table
	before  found
	columns []*query.Column
}

// holding is a row that forbids another's end, unless it goes too.
type holding struct {
	child  rowID
	column *query.Column
	parent string
}

func (t *transaction) delete(entry *table, w *query.Write, did *query.WriteResult) error {
	if t.deleteDirectly(entry, w, did) {
		return nil
	}
	rows, err := t.match(entry, w.Where)
	if err != nil {
		return err
	}
	if err := revised(rows, w.Revisions); err != nil {
		return err
	}
	for i := range rows {
		if err := t.alive(); err != nil {
			return err
		}
		if err := t.judge(w.Checks, rows[i].row, rows[i].row, func() error { return nil }); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := t.remove(entry, rows); err != nil {
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

// remove deletes rows with all that their references carry.
func (t *transaction) remove(entry *table, rows []found) error {
	d := deletion{gone: map[rowID]bool{}, cleared: map[rowID]*clearing{}}
	for i := range rows {
		d.doom(entry, rows[i])
	}
	if err := t.follow(&d); err != nil {
		return err
	}
	return t.carryOut(&d)
}

func (d *deletion) doom(entry *table, f found) {
	id := idOf(entry, f.row[0])
	if !d.gone[id] {
		d.gone[id] = true
		d.rows = append(d.rows, doomed{entry, f})
	}
}

// newest is the layout of the tables that are there: it knows of those that point
// at the tables of an older view.
func (t *transaction) newest() *layout {
	if current := t.store.writes.current.Load(); current != nil {
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

// follow walks along the references to the rows that go.
func (t *transaction) follow(d *deletion) error {
	for start := 0; start < len(d.rows); {
		if err := t.alive(); err != nil {
			return err
		}
		end := start + 1
		for end < len(d.rows) && d.rows[end].table.Name == d.rows[start].table.Name {
			end++
		}
		if err := t.followRows(d, start, end); err != nil {
			return err
		}
		start = end
	}
	for _, h := range d.held {
		if !d.gone[h.child] {
			return faultReferenced(h.parent, h.child.table, h.column.Name)
		}
	}
	return nil
}

// followRows finds what points at rows of one table, with one question for each
// column that may. Where that was asked outside of the transaction, its text
// demands that the same rows point at them still.
func (t *transaction) followRows(d *deletion, start, end int) error {
	parent := d.rows[start].table
	referrers := t.referrers(parent)
	if len(referrers) == 0 {
		return nil
	}
	parents := slices.Clone(d.rows[start:end])
	pointing := make([]map[string][]found, len(referrers))
	answers, err := t.pointing(parent, parents, referrers)
	if err != nil {
		return err
	}
	for i, r := range referrers {
		pointing[i] = map[string][]found{}
		for _, child := range answers[i] {
			key := keyText(child.row[r.column.Index])
			pointing[i][key] = append(pointing[i][key], child)
		}
	}
	for _, p := range parents {
		for i, r := range referrers {
			for _, child := range pointing[i][keyText(p.row[0])] {
				d.reach(parent, r, child)
			}
		}
	}
	return nil
}

// pointing reads the rows that point at others, for each column that may.
func (t *transaction) pointing(parent *table, parents []doomed, referrers []referrer) ([][]found, error) {
	keys := func(c *compiler, table string) {
		c.bind(func(dst []byte) []byte {
			dst = wire.AppendArray(dst, len(parents))
			for i := range parents {
				dst = appendValue(dst, parents[i].row[0], parent.Key().Type, table)
			}
			return dst
		})
	}
	source := func(c *compiler, r referrer) {
		c.text(" FROM ")
		if r.column == r.table.Key() {
			keys(c, r.table.Name)
			c.text(" WHERE " + fieldRevision + " != NONE")
			return
		}
		c.name(r.table.Name)
		c.text(" WHERE ")
		c.name(fieldOf(r.table.Table, r.column))
		if len(parents) == 1 {
			c.text(" = ")
			c.value(parents[0].row[0], parent.Key().Type, parent.Name)
			return
		}
		c.text(" INSIDE ")
		keys(c, parent.Name)
	}
	answer, outside, err := t.reading(func(c *compiler) {
		c.text("RETURN [")
		for i, r := range referrers {
			if i > 0 {
				c.text(", ")
			}
			c.text("(SELECT *")
			source(c, r)
			c.timeout(left(t.ctx))
			c.text(")")
		}
		c.text("]")
	})
	if err != nil {
		return nil, err
	}
	list := make([][]found, len(referrers))
	reader := wire.NewReader(answer)
	if reader.Array() != len(referrers) {
		return nil, wire.ErrMalformed
	}
	for i, r := range referrers {
		if list[i], err = readFound(reader.Raw(), r.table); err != nil {
			return nil, err
		}
		slices.SortFunc(list[i], func(a, b found) int { return query.CompareValues(a.row[0], b.row[0]) })
		if !outside {
			continue
		}
		t.throw(op{kind: opMoved}, func(c *compiler) {
			c.text("(SELECT VALUE " + fieldRevision)
			source(c, r)
			c.text(").len() != ")
			c.number(len(list[i]))
		})
		t.guard(r.table, list[i])
	}
	return list, nil
}

func (d *deletion) reach(parent *table, r referrer, child found) {
	id := idOf(r.table, child.row[0])
	switch r.column.Ref.OnDelete {
	case query.Cascade:
		d.doom(r.table, child)
	case query.SetNull:
		known := d.cleared[id]
		if known == nil {
			known = &clearing{table: r.table, before: child}
			d.cleared[id] = known
			d.order = append(d.order, id)
		}
		known.columns = append(known.columns, r.column)
	default:
		d.held = append(d.held, holding{id, r.column, parent.Name})
	}
}

// carryOut clears references, then deletes, tables that point before those that
// they point at: of a node the server purges the edges by itself, and leaves
// their index entries.
func (t *transaction) carryOut(d *deletion) error {
	for _, id := range d.order {
		if d.gone[id] {
			continue
		}
		c := d.cleared[id]
		after := slices.Clone(c.before.row)
		for _, column := range c.columns {
			after[column.Index] = query.Null()
		}
		if err := neverNulls(c.table, after); err != nil {
			return err
		}
		if err := t.updateRow(c.table, c.columns, c.before.row, after); err != nil {
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
		t.deleteRows(d.rows[start:end])
		start = end
	}
	return nil
}

// deleteRows deletes rows of one table in one statement.
func (t *transaction) deleteRows(rows []doomed) {
	entry := rows[0].table
	list := make([]found, len(rows))
	for i := range rows {
		list[i] = rows[i].found
		t.deleted(idOf(entry, rows[i].row[0]))
		t.changed(entry)
	}
	c := t.statement(op{kind: opDelete, table: entry})
	c.text("DELETE ")
	c.bind(func(dst []byte) []byte { return appendKeys(dst, entry, list) })
	c.text(" RETURN NONE")
	t.holdAll(entry, list)
}
