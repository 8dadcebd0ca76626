package data

import "github.com/edge-hive/edge-hive/runtime/query"

// selected is what a select shows: the columns that it names, or with `*`
// those that the caller may read. One that he may not is as absent.
func (t *table) selected(r *query.Request, visible *projection) (*projection, error) {
	if r == nil || r.Outputs == nil {
		return visible, nil
	}
	outputs, err := t.members(r, visible)
	if err != nil {
		return nil, err
	}
	return &projection{outputs: outputs, shape: query.NewJSONShape(outputs)}, nil
}

// members are the outputs of a select.
func (t *table) members(r *query.Request, visible *projection) ([]query.Output, error) {
	if r.Outputs == nil {
		return visible.outputs, nil
	}
	outputs := r.Expand(t.schema, visible.columns)
	for i := range outputs {
		if err := t.admit(outputs[i].Expr, visible); err != nil {
			return nil, err
		}
	}
	return outputs, nil
}

// filter is a request's own condition, its key included; nil for none. It may
// speak of nothing that the caller may not read.
func (t *table) filter(r *query.Request, key string, hasKey bool, visible *projection) (query.Expr, error) {
	var where query.Expr
	if r != nil && r.Where != nil {
		if err := t.admit(r.Where, visible); err != nil {
			return nil, err
		}
		where = r.Where
	}
	if !hasKey {
		return where, nil
	}
	id := t.schema.Key()
	v, f := query.ParseLiteral(id.Type, key)
	if f != nil {
		return nil, f
	}
	same := &query.Compare{Op: query.Equal, Left: t.schema.Ref(id), Right: &query.Literal{Value: v, Of: id.Type}}
	return query.Conjunction(where, same), nil
}

// admit refuses an expression of a request that reads what its caller may not:
// with the words for a column that is not there. Whoever parsed the request
// was told what is readable; this is the gate's own look.
func (t *table) admit(e query.Expr, visible *projection) error {
	named := query.NamedColumns(e)
	if visible.set.Contains(named) {
		return nil
	}
	for _, c := range t.schema.Columns {
		if named.Has(c) && !visible.set.Has(c) {
			return query.UnknownColumn(t.schema, c.Name, &visible.set)
		}
	}
	return nil
}

func (t *table) admitOrder(order []query.Order, visible *projection) error {
	for i := range order {
		if err := t.admit(order[i].Expr, visible); err != nil {
			return err
		}
	}
	return nil
}
