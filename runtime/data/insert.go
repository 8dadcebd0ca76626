package data

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Insert writes new rows. Faults beside those of the body and the store: 42501
// where the create rule, or the read rule of a representation, refuses a row;
// 428C9 for a column that the caller may not send; 23502 and 23514 for values.
func (g *Gate) Insert(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	p, err := g.prepareInsert(caller, &w)
	if err != nil {
		return Written{}, err
	}
	return g.commit(ctx, caller, &w, p)
}

func (g *Gate) prepareInsert(caller *auth.Caller, w *Write) (*prepared, error) {
	t, err := g.table(w.Table)
	if err != nil {
		return nil, err
	}
	if err := g.permitsInsert(t, w); err != nil {
		return nil, err
	}
	if !t.takes(caller, w.Resolution) {
		return nil, t.denied
	}
	b := g.binding(caller)
	sees := t.of(caller, b)
	_, shown, err := g.representation(t, w, sees, b)
	if err != nil {
		return nil, err
	}
	sent, err := readBody(w.Body, t.schema, w.columns(), &sees.visible.set, w.made)
	if err != nil {
		return nil, err
	}
	if w.Single && w.Resolution != Ignore && len(sent.rows) != 1 {
		return nil, notSingle(len(sent.rows))
	}
	p := &prepared{table: t, shown: shown, none: len(sent.rows) == 0}
	if p.none {
		p.write.Op = query.Insert
		return p, nil
	}
	var columns query.ColumnSet
	for i := range sent.rows {
		if w.MissingDefault {
			sent.rows[i].sent = sent.rows[i].found
		}
		columns.AddAll(sent.rows[i].sent)
	}
	conflict, err := t.conflict(w, &columns, &sees.visible.set)
	if err != nil {
		return nil, err
	}
	if p.write, err = g.insertion(t, sees, b, sent.rows); err != nil {
		return nil, err
	}
	if conflict != nil && !conflict.Ignore {
		if err := t.merging(conflict, &columns, sees, b, shown); err != nil {
			return nil, err
		}
	}
	p.write.Single, p.write.Conflict = w.Single, conflict
	p.returning(sees)
	return p, nil
}

// takes reports whether somebody like the caller may insert rows at all.
func (t *table) takes(caller *auth.Caller, r Resolution) bool {
	return caller.IsService() || t.rules.Granted.Create && (r != Merge || t.rules.Granted.Update)
}

// insertion is the write of rows that a caller sent: defaults filled, columns
// judged, rules attached.
func (g *Gate) insertion(t *table, sees *sight, b query.Binding, rows []input) (query.Write, error) {
	var sent query.ColumnSet
	for i := range rows {
		sent.AddAll(rows[i].sent)
	}
	w, err := t.creation(sees, b, &sent)
	if err != nil {
		return w, err
	}
	w.Rows = make([]query.Row, 0, len(rows))
	fills := t.fills(b)
	for i := range rows {
		if err := g.add(&w, t, fills, &rows[i]); err != nil {
			return w, err
		}
	}
	return w, nil
}

// creation is an insert of rows in which these columns are sent: rules
// attached, without rows.
func (t *table) creation(sees *sight, b query.Binding, sent *query.ColumnSet) (query.Write, error) {
	w := query.Write{Op: query.Insert, Table: t.schema}
	rule := sees.bind(t.rules.Create, b)
	if rule != nil {
		if query.NeverHolds(rule) {
			return w, t.rowPolicy
		}
		w.Checks = append(w.Checks, query.Check{Cond: rule, Fault: t.rowPolicy})
	}
	for i := range t.columns {
		c := &t.columns[i]
		if !sent.Has(c.schema) {
			continue
		}
		refused, rule := c.refused(c.rules.Create, sees, b)
		if refused {
			return w, c.notInsertable
		}
		if rule != nil {
			w.Checks = append(w.Checks, query.Check{Cond: rule, Fault: c.notInsertable})
		}
	}
	w.Checks = t.appendChecks(w.Checks, b)
	return w, nil
}

// add completes a row and puts it into an insert.
func (g *Gate) add(w *query.Write, t *table, fills []fill, row *input) error {
	if err := g.complete(t, fills, row); err != nil {
		return err
	}
	for _, made := range row.made {
		w.Given = append(w.Given, query.Given{Row: len(w.Rows), Column: made.column, Value: made.value})
	}
	w.Rows = append(w.Rows, row.values)
	return nil
}

// fill is what goes into one column that was not sent.
type fill struct {
	column *column
	value  query.Expr // bound
}

// fills are the defaults of a new row in the order of the columns, and after
// them what is set by us, which may read them.
func (t *table) fills(b query.Binding) []fill {
	var defaults, autos []fill
	for i := range t.columns {
		c := &t.columns[i]
		switch {
		case c.rules.AutoCreate != nil:
			autos = append(autos, fill{c, query.Bind(c.rules.AutoCreate, b)})
		case c.rules.Default != nil:
			defaults = append(defaults, fill{c, query.Bind(c.rules.Default, b)})
		}
	}
	return append(defaults, autos...)
}

// complete fills what a new row leaves out, its key included, and judges its
// columns.
func (g *Gate) complete(t *table, fills []fill, row *input) error {
	key := t.schema.Key()
	if !row.sent.Has(key) && key.Ref == nil && key.Type.Kind == query.KindUUID {
		id, err := g.ids.NewV7AtTime(g.clock())
		if err != nil {
			return fault.Internal(err)
		}
		row.values[0] = query.UUID(id.String())
	}
	for _, f := range fills {
		if !row.sent.Has(f.column.schema) {
			if row.dependsOnMade(f.value) {
				return errComputedFromMade
			}
			v, err := f.column.assigned(query.Eval(f.value, row.values, nil))
			if err != nil {
				return err
			}
			row.values[f.column.schema.Index] = v
		}
	}
	for i := range t.columns {
		if i == 0 && key.Type.Kind == query.KindInt && key.Ref == nil && !row.sent.Has(key) {
			continue // the store makes it
		}
		if row.madeFor(t.columns[i].schema) != nil {
			continue // it is a key that was judged when it was made
		}
		if err := t.columns[i].judge(row.values[i]); err != nil {
			return err
		}
	}
	return nil
}

// appendChecks adds the table's own conditions, which hold for everybody.
func (t *table) appendChecks(checks []query.Check, b query.Binding) []query.Check {
	for i, c := range t.rules.Checks {
		checks = append(checks, query.Check{Cond: query.Bind(c.Cond, b), AllowUnknown: true, Fault: t.checks[i]})
	}
	return checks
}
