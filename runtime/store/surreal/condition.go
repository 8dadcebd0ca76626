package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// A condition has three outcomes, SurrealQL's conditions have two. So each is
// written in one of two ways: as what is true where the condition is true, and
// as what is true where the condition is false. Where it is unknown neither is.
//
// SurrealDB bounds how deep a text is nested (see apart), and a chain of hundreds
// of operators ends it. So parentheses stand only where they must, and long
// chains are halved.

// where writes " WHERE ..." unless every row is asked for; " AND ..." may follow.
func (c *compiler) where(e query.Expr) {
	if !always(e) {
		c.text(" WHERE ")
		c.candidates(e)
		c.outcome(e, true, true)
	}
}

// always reports a condition that every row meets.
func always(e query.Expr) bool {
	and, ok := e.(*query.And)
	return e == nil || ok && len(and.Terms) == 0
}

// isTrue writes, in parentheses, what is true where e is, and else false.
func (c *compiler) isTrue(e query.Expr) { c.whole(e, true) }

// isFalse writes, in parentheses, what is true where e is false, and else false.
func (c *compiler) isFalse(e query.Expr) { c.whole(e, false) }

func (c *compiler) whole(e query.Expr, want bool) {
	c.group(func() { c.outcome(e, want, false) })
}

// outcome writes whether a condition comes out as is wanted. What it writes may
// stand beside OR, and beside AND too where inAnd says that it will.
func (c *compiler) outcome(e query.Expr, want, inAnd bool) {
	switch e := e.(type) {
	case nil:
		c.truth(want)
	case *query.Literal:
		c.truth(query.TruthOf(e.Value) == truthOf(want))
	case *query.And, *query.Or:
		c.terms(e, want, inAnd)
	case *query.Not:
		c.outcome(e.Term, !want, inAnd)
	case *query.Compare:
		c.compare(e, want)
	case *query.Is:
		c.is(e, want)
	case *query.In:
		c.in(e, want, inAnd)
	case *query.Like:
		c.like(e, want)
	case *query.Match:
		c.match(e, want)
	case *query.Exists:
		c.exists(e, want)
	case *query.Search:
		c.search(e, want)
	case *query.Cond:
		c.branches(e, want)
	case *query.Call:
		c.predicate(e, want)
	default:
		c.holds(e, want)
	}
}

// holds writes that a bool has the value that is wanted.
func (c *compiler) holds(e query.Expr, want bool) {
	c.expr(e)
	c.text(" = ")
	c.truth(want)
}

func (c *compiler) truth(is bool) {
	if is {
		c.text("true")
	} else {
		c.text("false")
	}
}

func truthOf(is bool) query.Truth {
	if is {
		return query.True
	}
	return query.False
}

// term is a condition with the outcome that is wanted of it.
type term struct {
	of   query.Expr
	want bool
}

// terms writes an And or an Or: that all terms come out as is wanted, or that
// one does.
func (c *compiler) terms(e query.Expr, want, inAnd bool) {
	_, and := e.(*query.And)
	all := and == want
	flat := flatTerms(nil, term{e, want}, all)
	c.join(len(flat), all, inAnd, func(i int) { c.outcome(flat[i].of, flat[i].want, all) })
}

// flatTerms collects the terms that one operator joins, whether it is written as
// And, as Or or behind Not.
func flatTerms(dst []term, t term, all bool) []term {
	var inner []query.Expr
	switch e := t.of.(type) {
	case *query.Not:
		return flatTerms(dst, term{e.Term, !t.want}, all)
	case *query.And:
		if t.want != all {
			return append(dst, t)
		}
		inner = e.Terms
	case *query.Or:
		if t.want == all {
			return append(dst, t)
		}
		inner = e.Terms
	default:
		return append(dst, t)
	}
	for _, e := range inner {
		dst = flatTerms(dst, term{e, t.want}, all)
	}
	return dst
}

// longestChain is how many terms stand beside each other without parentheses.
const longestChain = 12

// join writes n parts with AND, or with OR, between them. What part writes may
// stand beside that operator.
func (c *compiler) join(n int, all, inAnd bool, part func(i int)) {
	switch n {
	case 0:
		c.truth(all)
	case 1:
		part(0)
	default:
		if !all && inAnd {
			c.group(func() { c.chain(0, n, all, part) })
			return
		}
		c.chain(0, n, all, part)
	}
}

func (c *compiler) chain(from, to int, all bool, part func(i int)) {
	step := 1
	for (to-from+step-1)/step > longestChain {
		step *= longestChain
	}
	for i := from; i < to; i += step {
		switch {
		case i == from:
		case all:
			c.text(" AND ")
		default:
			c.text(" OR ")
		}
		if step == 1 {
			part(i)
			continue
		}
		c.group(func() { c.chain(i, min(i+step, to), all, part) })
	}
}

// branches writes that a condition chosen by another comes out as is wanted.
func (c *compiler) branches(e *query.Cond, want bool) {
	c.group(func() {
		c.outcome(e.If, true, true)
		c.text(" AND ")
		c.outcome(e.Then, want, true)
		c.text(" OR ")
		c.outcome(e.If, false, true)
		c.text(" AND ")
		c.outcome(e.Else, want, true)
	})
}

// unindexedNull reports a column whose nulls a unique index leaves out: SurrealDB
// keeps no entry for a row without any of its values, and yet answers = NONE and
// an order from it, without those rows. They are asked for otherwise.
func unindexedNull(e query.Expr) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && !ref.Column.Required && slices.ContainsFunc(ref.Table.Indexes, func(x *query.Index) bool {
		return x.Unique && x.Where == nil && len(x.Columns) == 1 && x.Columns[0] == ref.Column
	})
}

// is writes a question that is never unknown.
func (c *compiler) is(e *query.Is, want bool) {
	switch e.What {
	case query.IsTrue, query.IsFalse:
		if !want {
			c.text("!")
		}
		c.whole(e.Operand, e.What == query.IsTrue)
	case query.IsUnknown:
		if want {
			c.text("!")
		}
		c.group(func() {
			c.outcome(e.Operand, true, false)
			c.text(" OR ")
			c.outcome(e.Operand, false, false)
		})
	default:
		null := (e.What == query.IsNull) == want
		if !nullable(e.Operand) {
			c.truth(!null)
			return
		}
		if null && unindexedNull(e.Operand) {
			c.text("type::is_none(")
			c.raw(e.Operand)
			c.text(")")
			return
		}
		c.raw(e.Operand)
		if null {
			c.text(" = NONE")
		} else {
			c.text(" != NONE")
		}
	}
}
