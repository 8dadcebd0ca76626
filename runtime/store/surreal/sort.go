package surreal

import (
	"slices"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// order plans the terms of the order: fields that the server sorts by, or values
// that are sorted by here.
func (b *builder) order() {
	sel := b.level.sel
	local := slices.ContainsFunc(sel.Order, func(o query.Order) bool { return !sortsAlike(o.Expr.Type()) })
	for i := range sel.Order {
		o := &sel.Order[i]
		if local {
			b.level.order = append(b.level.order, b.output(o.Expr))
			continue
		}
		if nullsHigh(o) {
			b.level.made++
			f := b.field("_"+strconv.Itoa(b.level.made), nil)
			f.nulls = o.Expr
		} else {
			b.term(o)
		}
	}
	b.field("id", nil)
}

// nullsHigh reports a term of an order that may be null, as if that were more than
// all values.
func nullsHigh(o *query.Order) bool { return o.NullsFirst == o.Descending && !neverNull(o.Expr) }

// term gives the field that a term of an order sorts by.
func (b *builder) term(o *query.Order) *field {
	switch e := o.Expr.(type) {
	case *query.ColumnRef:
		if !unindexedNull(e) {
			return b.column(e)
		}
	case *query.Hops:
		return b.field(fieldHops, nil)
	}
	return b.made(o.Expr)
}

// above is more to the server than any value that a term is: after arrays come
// the ids of records, and ranges last.
func above(term query.Expr) string {
	if recordsOf(term) != "" {
		return "(0..0)"
	}
	return "[]"
}

// sortsAlike reports a type whose values SurrealDB sorts as query.CompareValues
// does.
func sortsAlike(t query.Type) bool {
	switch t.Kind {
	case query.KindJSON, query.KindList, query.KindVector:
		return false
	}
	return true
}

func neverNull(e query.Expr) bool {
	if _, isHops := e.(*query.Hops); isHops {
		return true
	}
	ref, ok := e.(*query.ColumnRef)
	return ok && ref.Up == 0 && !ref.Old && (ref.Column.Required || ref.Column.Index == 0)
}

// order writes the order, which always ends with the key, so that pages do not
// overlap.
func (c *compiler) order(l *level) {
	c.text(" ORDER BY ")
	if len(l.order) == 0 {
		for i := range l.sel.Order {
			o := &l.sel.Order[i]
			if nullsHigh(o) {
				c.name(l.find(func(f *field) bool { return f.nulls == o.Expr }))
			} else {
				c.name(l.term(o.Expr))
			}
			c.direction(o.Descending)
			if isKey(o.Expr, l.sel.Table) {
				return
			}
			c.text(", ")
		}
	}
	c.text("id")
}

func (c *compiler) direction(descending bool) {
	if descending {
		c.text(" DESC")
	}
}

func (l *level) term(e query.Expr) string {
	switch e := e.(type) {
	case *query.ColumnRef:
		if e.Up == 0 && !e.Old && !unindexedNull(e) {
			return fieldOf(e.Table, e.Column)
		}
	case *query.Hops:
		return fieldHops
	}
	return l.find(func(f *field) bool { return f.expr == e })
}
