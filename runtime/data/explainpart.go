package data

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// part judges a condition and its parts. Without a row only what the caller
// alone decides is known.
func (x *explaining) part(e query.Expr, row, old query.Row) (Part, error) {
	p := Part{Text: access.Text(e)}
	var terms []query.Expr
	switch e := e.(type) {
	case *query.And:
		p.Join, terms = "all", e.Terms
	case *query.Or:
		p.Join, terms = "any", e.Terms
	default:
		p.Values = x.values(e, row, old)
	}
	for _, term := range terms {
		part, err := x.part(term, row, old)
		if err != nil {
			return p, err
		}
		p.Parts = append(p.Parts, part)
	}
	truth, known, err := x.truth(e, row, old)
	if known {
		p.Truth = truth.String()
	}
	return p, err
}

// truth is a condition's outcome; false where it depends on a row that was not
// named.
func (x *explaining) truth(e query.Expr, row, old query.Row) (query.Truth, bool, error) {
	bound := query.Bind(e, x.binding)
	if row != nil {
		bound = query.Place(bound, row, old)
	}
	if l, ok := bound.(*query.Literal); ok {
		return query.TruthOf(l.Value), true, nil
	}
	if read := query.Columns(bound); row == nil && read.Len() > 0 {
		return query.Unknown, false, nil
	}
	truths, err := x.gate.view.Test(x.ctx, []query.Expr{bound})
	if err != nil {
		return query.Unknown, false, fmt.Errorf("ask the database about %s: %w", access.Text(e), err)
	}
	return truths[0], true, nil
}

// values are what the names in a condition stood for: columns of the row, the
// caller's attributes and claims. What other rows hold is not among them.
func (x *explaining) values(e query.Expr, row, old query.Row) []PartValue {
	var all []PartValue
	add := func(e query.Expr) {
		name, value := access.Text(e), query.Eval(query.Bind(e, x.binding), row, old)
		if !slices.ContainsFunc(all, func(v PartValue) bool { return v.Name == name }) {
			text := access.Text(&query.Literal{Value: value, Of: e.Type()})
			if value.Kind == query.KindJSON || value.Kind == query.KindList {
				text = value.S
			}
			all = append(all, PartValue{name, text})
		}
	}
	query.Walk(e, func(e query.Expr) bool {
		if access.ClaimName(e) != "" {
			add(e)
			return false
		}
		switch e := e.(type) {
		case *query.Exists, *query.Lookup:
			x.outer(e, row, old, add)
			return false
		case *query.ColumnRef:
			if row != nil {
				add(e)
			}
		case *query.Auth:
			add(e)
		case *query.Path:
			if read := query.Columns(e); row != nil || read.Len() == 0 {
				add(e)
			}
			return false
		}
		return true
	})
	return all
}

// outer adds what of the row and the caller a look at other rows depends on.
func (x *explaining) outer(e query.Expr, row, old query.Row, add func(query.Expr)) {
	read := query.Columns(e)
	for _, c := range x.table.schema.Columns {
		if row != nil && old == nil && read.Has(c) {
			add(x.table.schema.Ref(c))
		}
	}
	query.Walk(e, func(e query.Expr) bool {
		if _, isCaller := e.(*query.Auth); isCaller || access.ClaimName(e) != "" {
			add(e)
			return false
		}
		return true
	})
}
