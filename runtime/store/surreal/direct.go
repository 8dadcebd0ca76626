package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// direct is a write that names one row by its key and of which nothing hangs on
// what is in that row but whether it is written: it is one text that reads
// nothing first. The other writes are judged here, on rows that are read before.
type direct struct {
	key *query.Literal
	// rest is what else the row must meet.
	rest query.Expr
	// demands are checks that the server makes of the row.
	demands []query.Check
}

// direct is nil where the write is none. after are the values that an update
// assigns, by their columns.
func (t *transaction) direct(entry *table, w *query.Write, after query.Row, assigned []*query.Column) *direct {
	b := t.batch
	switch {
	case t.talk != nil, len(t.ops) > 0, len(b.Writes) > 1, b.Once != nil, b.Rollback, b.Position, t.careful:
		return nil
	case w.Returning, w.Single, w.Revisions != nil, w.AtMost != nil && *w.AtMost < 1:
		return nil // what becomes of the batch hangs on how many rows there are
	case w.Where == nil, len(entry.words) > 0, !judgedThere(w.Where):
		return nil
	}
	d := &direct{}
	if d.key, d.rest = keyOf(entry, w.Where); d.key == nil {
		return nil
	}
	for _, check := range w.Checks {
		if !judgedThere(check.Cond) {
			return nil
		}
		own := true // nothing but what is assigned
		placed := query.RewriteLeaves(check.Cond, func(leaf query.Expr) query.Expr {
			ref, ok := leaf.(*query.ColumnRef)
			if !ok || ref.Old || ref.Up > 0 || !slices.Contains(assigned, ref.Column) {
				own = false
				return leaf
			}
			return &query.Literal{Value: after[ref.Column.Index], Of: ref.Column.Type}
		})
		if !own {
			check.Cond = placed
			d.demands = append(d.demands, check)
			continue
		}
		if truth := query.Holds(check.Cond, after, nil); truth != query.True && (truth != query.Unknown || !check.AllowUnknown) {
			return nil // refused, if the row is there
		}
	}
	return d
}

// judgedThere reports a condition on the row at hand that the server judges
// alone.
func judgedThere(e query.Expr) bool { return !query.LooksBeyond(e) && !asksForesight(e) }

// demand adds what ends the text where the row breaks a check.
func (d *direct) demand(t *transaction, entry *table) {
	for _, check := range d.demands {
		t.throw(op{kind: opThrow, fault: check.Fault}, func(c *compiler) {
			c.text("(SELECT VALUE " + fieldRevision + " FROM ")
			d.row(c, entry)
			if always(d.rest) {
				c.text(" WHERE ")
			} else {
				c.where(d.rest)
				c.text(" AND ")
			}
			c.breaks(check.Cond, check.AllowUnknown)
			c.text(") != []")
		})
	}
}

func (d *direct) row(c *compiler, entry *table) { c.value(d.key.Value, d.key.Of, entry.Name) }

// write begins the statement that writes the row; what it returns is one value
// for a row that was there. Until then the row counts as written.
func (d *direct) write(t *transaction, entry *table, kind opKind, did *query.WriteResult) *compiler {
	d.demand(t, entry)
	did.Affected = 1
	t.changed(entry)
	return t.statement(op{kind: kind, table: entry, answer: func(r *wire.Reader) error {
		if r.Array() == 0 {
			did.Affected = 0
			t.changes, t.touched = 0, nil
		}
		return nil
	}})
}

// updateDirectly reports whether the update was one that is direct.
func (t *transaction) updateDirectly(entry *table, w *query.Write, did *query.WriteResult) bool {
	after := make(query.Row, len(entry.Columns))
	columns := make([]*query.Column, len(w.Set))
	for i := range w.Set {
		c := w.Set[i].Column
		literal, ok := w.Set[i].Value.(*query.Literal)
		if !ok || c.Index == 0 || c.Ref != nil || slices.Contains(columns, c) {
			return false
		}
		v, err := stored(literal.Value, c.Type)
		if err != nil || v.IsNull() && c.Required {
			return false // an error, if the row is there
		}
		after[c.Index], columns[i] = v, c
	}
	d := t.direct(entry, w, after, columns)
	if d == nil || len(columns) == 0 {
		return false
	}
	c := d.write(t, entry, opUpdate, did)
	c.text("UPDATE ")
	d.row(c, entry)
	separator := " SET "
	for _, column := range columns {
		c.text(separator)
		separator = ", "
		c.name(fieldOf(entry.Table, column))
		c.text(" = ")
		c.value(after[column.Index], column.Type, "")
	}
	c.where(d.rest)
	c.text(" RETURN VALUE " + fieldRevision)
	return true
}

// deleteDirectly reports whether the deletion was one that is direct: of a row
// that none can point at.
func (t *transaction) deleteDirectly(entry *table, w *query.Write, did *query.WriteResult) bool {
	if len(t.referrers(entry)) > 0 {
		return false
	}
	d := t.direct(entry, w, nil, nil)
	if d == nil {
		return false
	}
	c := d.write(t, entry, opDelete, did)
	c.text("DELETE ")
	d.row(c, entry)
	c.where(d.rest)
	c.text(" RETURN BEFORE")
	return true
}
