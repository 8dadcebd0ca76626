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
	p, err := g.prepareUpdate(caller, &w)
	if err != nil {
		return Written{}, err
	}
	if p.untouched {
		if _, err := w.Once.named(caller); err != nil {
			return Written{}, err
		}
		return g.untouched(ctx, &w, p) // nothing is written, so nothing is remembered
	}
	return g.commit(ctx, caller, &w, p)
}

func (g *Gate) prepareUpdate(caller *auth.Caller, w *Write) (*prepared, error) {
	p, sees, b, err := g.prepareChange(caller, w, query.Update)
	if err != nil {
		return nil, err
	}
	t, where := p.table, p.write.Where
	sent, err := readBody(w.Body, t.schema, w.columns(), &sees.visible.set, w.made)
	if err != nil {
		return nil, err
	}
	if sent.array {
		return nil, errBody.WithDetails("a PATCH takes one object")
	}
	row := &sent.rows[0]
	if query.NeverHolds(where) || row.sent.Len() == 0 {
		p.untouched = w.HasKey && !query.NeverHolds(where)
		p.none = !p.untouched
		return p, nil
	}
	if rule := sees.bind(t.rules.UpdateAfter, b); rule != nil {
		p.write.Checks = append(p.write.Checks, query.Check{Cond: rule, Fault: t.rowPolicy})
	}
	if w.MissingDefault {
		if err := t.refill(row, b); err != nil {
			return nil, err
		}
	}
	if err := t.assign(&p.write, row, sees, b); err != nil {
		return nil, err
	}
	p.write.Checks = t.appendChecks(p.write.Checks, b)
	p.returning(sees)
	return p, nil
}

// untouched answers an update of one row by its key that changes nothing: the
// row as it is, if the caller could have changed it.
func (g *Gate) untouched(ctx context.Context, w *Write, p *prepared) (Written, error) {
	t := p.table
	s := query.Select{
		Table: t.schema, Columns: t.service.visible.outputs[:1], // the key
		Where: p.write.Where, Limit: 1, Revision: w.Match != nil,
	}
	var rows query.JSONWriter
	var into query.RowWriter = &rows
	rows.Reset(nil, t.service.visible.shape)
	var table *query.CSVWriter
	if p.shown != nil {
		s.Columns = p.shown.outputs
		into, table = p.shown.writer(&rows, 1)
	}
	info, err := g.view.Select(ctx, s, into)
	if err != nil {
		return Written{}, err
	}
	switch {
	case w.Match != nil && (info.Rows == 0 || !w.Match.admits(info.Revision)):
		return Written{}, errMoved
	case w.Single && info.Rows == 0:
		return Written{}, notSingle(0)
	}
	out := Written{Affected: info.Rows}
	switch {
	case table != nil:
		out.Body = table.Bytes()
	case p.shown != nil:
		out.Body = object(rows.Bytes(), w.Single)
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
			if !sees.visible.set.Has(c.schema) || row.madeFor(c.schema) != nil {
				return c.notUpdated
			}
			w.Checks = append(w.Checks, query.Check{Cond: unchanged(t.schema, c.schema, value), Fault: c.notUpdated})
			continue
		}
		made := row.madeFor(c.schema)
		if made != nil {
			w.Set = append(w.Set, query.Assignment{Column: c.schema, Value: made})
		} else {
			if err := c.judge(value); err != nil {
				return err
			}
			w.Set = append(w.Set, query.Assignment{Column: c.schema, Value: &query.Literal{Value: value, Of: c.schema.Type}})
		}
		if rule != nil {
			if made == nil && sees.visible.set.Has(c.schema) {
				rule = query.Simplify(&query.Or{Terms: []query.Expr{unchanged(t.schema, c.schema, value), rule}})
			}
			w.Checks = append(w.Checks, query.Check{Cond: rule, Fault: c.notUpdated})
		}
	}
	var err error
	w.Set, err = t.setOwn(w.Set, &row.sent, sees, b)
	return err
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

// setOwn adds to what an update assigns what is set by us at every update. It
// sees the row with what was sent; where it is no constant, the store computes
// it row by row.
func (t *table) setOwn(set []query.Assignment, sent *query.ColumnSet, sees *sight, b query.Binding) ([]query.Assignment, error) {
	for i := range t.columns {
		c := &t.columns[i]
		if c.rules.AutoUpdate == nil || sent.Has(c.schema) && sees.everything() {
			continue
		}
		value, err := c.ownUpdate(b, set)
		if err != nil {
			return nil, err
		}
		set = append(set, query.Assignment{Column: c.schema, Value: value})
	}
	return set, nil
}

// ownUpdate is what we set a column to at every update, over the row with what
// set assigns.
func (c *column) ownUpdate(b query.Binding, set []query.Assignment) (query.Expr, error) {
	value := query.Simplify(query.Rewrite(query.Bind(c.rules.AutoUpdate, b), func(e query.Expr) query.Expr {
		return resulting(e, set)
	}))
	literal, ok := value.(*query.Literal)
	if !ok {
		return value, nil
	}
	v, err := c.assigned(literal.Value)
	if err == nil {
		err = c.judge(v)
	}
	if err != nil {
		return nil, err
	}
	return &query.Literal{Value: v, Of: c.schema.Type}, nil
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
