package data

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Update changes the rows that the filter picks, that the caller may read and
// that the rule on the row before lets him change; others are passed over. A
// resulting row that the rule refuses undoes everything: 42501. Without a
// filter it is 21000.
func (g *Gate) Update(ctx context.Context, caller *auth.Caller, w Write) (Written, error) {
	t, err := g.table(w.Table)
	if err != nil {
		return Written{}, err
	}
	if !caller.IsService() && !t.rules.Granted.Update {
		return Written{}, t.denied
	}
	b := g.binding(caller)
	sees := t.of(caller, b)
	where, err := t.target(&w, sees, b, t.rules.UpdateBefore, "UPDATE")
	if err != nil {
		return Written{}, err
	}
	shown, err := t.representation(&w, sees)
	if err != nil {
		return Written{}, err
	}
	sent, err := readBody(w.Body, t.schema, w.columns(), &sees.visible.set)
	if err != nil {
		return Written{}, err
	}
	if sent.array {
		return Written{}, errBody.WithDetails("a PATCH takes one object")
	}
	row := &sent.rows[0]
	write := query.Write{Op: query.Update, Table: t.schema, Where: where, Single: w.Single, AtMost: w.AtMost}
	switch {
	case query.NeverHolds(where):
		return shown.nothing(w.Single)
	case row.sent.Len() == 0 && w.HasKey:
		return g.untouched(ctx, t, where, shown, w.Single)
	case row.sent.Len() == 0:
		return shown.nothing(w.Single)
	}
	if rule := sees.bind(t.rules.UpdateAfter, b); rule != nil {
		write.Checks = append(write.Checks, query.Check{Cond: rule, Fault: t.rowPolicy})
	}
	if w.MissingDefault {
		if err := t.refill(row, b); err != nil {
			return Written{}, err
		}
	}
	if err := t.assign(&write, row, sees, b); err != nil {
		return Written{}, err
	}
	write.Checks = t.appendChecks(write.Checks, b)
	t.returning(&write, shown, sees)
	return g.apply(ctx, write, shown)
}

// untouched answers an update of one row by its key that changes nothing: the
// row as it is, if the caller could have changed it.
func (g *Gate) untouched(ctx context.Context, t *table, where query.Expr, shown *representation, single bool) (Written, error) {
	outputs, shape := t.service.visible.outputs[:1], t.service.visible.shape // the key
	if shown != nil {
		outputs, shape = shown.outputs, shown.shape
	}
	w := query.NewJSONWriter(nil, shape)
	if _, err := g.view.Select(ctx, query.Select{Table: t.schema, Columns: outputs, Where: where, Limit: 1}, w); err != nil {
		return Written{}, err
	}
	rows := w.Rows()
	if single && rows == 0 {
		return Written{}, notSingle(rows)
	}
	out := Written{Affected: rows}
	if shown != nil {
		out.Body = object(w.Bytes(), single)
	}
	return out, nil
}

// assign turns what was sent into assignments, and into conditions where a
// column may not be changed.
func (t *table) assign(w *query.Write, row *input, sees *sight, b query.Binding) error {
	for i := range t.columns {
		c := &t.columns[i]
		if !row.sent.Has(c.schema) {
			continue
		}
		value := row.values[i]
		refused, rule := c.refused(c.rules.Update, sees, b)
		if i == 0 || refused {
			// What the caller may not read must not tell whether he guessed it.
			if !sees.visible.set.Has(c.schema) {
				return c.notUpdated
			}
			w.Checks = append(w.Checks, query.Check{Cond: unchanged(t.schema, c.schema, value), Fault: c.notUpdated})
			continue
		}
		if err := c.judge(value); err != nil {
			return err
		}
		if rule != nil {
			if sees.visible.set.Has(c.schema) {
				rule = query.Simplify(&query.Or{Terms: []query.Expr{unchanged(t.schema, c.schema, value), rule}})
			}
			w.Checks = append(w.Checks, query.Check{Cond: rule, Fault: c.notUpdated})
		}
		w.Set = append(w.Set, query.Assignment{Column: c.schema, Value: &query.Literal{Value: value, Of: c.schema.Type}})
	}
	return t.assignOwn(w, row, sees, b)
}

// refill gives columns that columns= lists and the body leaves out their
// default.
func (t *table) refill(row *input, b query.Binding) error {
	for i := range t.columns {
		c := &t.columns[i]
		if !row.sent.Has(c.schema) || row.found.Has(c.schema) || c.rules.Default == nil {
			continue
		}
		v, err := c.assigned(query.Eval(query.Bind(c.rules.Default, b), nil, nil))
		if err != nil {
			return err
		}
		row.values[i] = v
	}
	return nil
}

// assignOwn adds what is set by us at every update. It sees the row with what
// was sent; where it is no constant, the store computes it row by row.
func (t *table) assignOwn(w *query.Write, row *input, sees *sight, b query.Binding) error {
	for i := range t.columns {
		c := &t.columns[i]
		if c.rules.AutoUpdate == nil || row.sent.Has(c.schema) && sees.everything() {
			continue
		}
		value := query.Simplify(query.Rewrite(query.Bind(c.rules.AutoUpdate, b), func(e query.Expr) query.Expr {
			return resulting(e, w.Set)
		}))
		if literal, ok := value.(*query.Literal); ok {
			v, err := c.assigned(literal.Value)
			if err == nil {
				err = c.judge(v)
			}
			if err != nil {
				return err
			}
			value = &query.Literal{Value: v, Of: c.schema.Type}
		}
		w.Set = append(w.Set, query.Assignment{Column: c.schema, Value: value})
	}
	return nil
}

// resulting puts what an update assigns in the place of a column.
func resulting(e query.Expr, set []query.Assignment) query.Expr {
	ref, ok := e.(*query.ColumnRef)
	if !ok || ref.Old {
		return e
	}
	for i := range set {
		if set[i].Column == ref.Column {
			return set[i].Value
		}
	}
	return e
}

// unchanged holds where the row before has the value already; null is a value
// here.
func unchanged(t *query.Table, c *query.Column, v query.Value) query.Expr {
	old := &query.ColumnRef{Table: t, Column: c, Old: true}
	if v.IsNull() {
		return &query.Is{Operand: old, What: query.IsNull}
	}
	return &query.Compare{Op: query.Equal, Left: old, Right: &query.Literal{Value: v, Of: c.Type}}
}
