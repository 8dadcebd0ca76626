package difference

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// relation is how what a condition lets pass has changed.
type relation int

const (
	same relation = iota
	narrower
	wider
	unknown // it cannot be told: some may have gained, some lost
)

// relate compares two conditions. It proves only what their forms show: a term
// more in a conjunction lets less pass, one more in a disjunction lets more.
func relate(old, next query.Expr) relation {
	before, after := text(old), text(next)
	switch {
	case before == after:
		return same
	case isLiteral(old, false), isLiteral(next, true):
		return wider
	case isLiteral(old, true), isLiteral(next, false):
		return narrower
	}
	tighter := contains(conjuncts(next), conjuncts(old)) || contains(disjuncts(old), disjuncts(next))
	looser := contains(conjuncts(old), conjuncts(next)) || contains(disjuncts(next), disjuncts(old))
	switch {
	case tighter && looser:
		return same // the same terms in another order
	case tighter:
		return narrower
	case looser:
		return wider
	}
	return unknown
}

// together is the relation of two conditions that both have to hold.
func together(a, b relation) relation {
	switch {
	case a == same:
		return b
	case b == same || a == b:
		return a
	}
	return unknown
}

// text is a condition's canonical text; nil adds nothing, as true does.
func text(e query.Expr) string {
	if e == nil {
		return "true"
	}
	return query.String(e)
}

func isLiteral(e query.Expr, want bool) bool {
	if e == nil {
		return want
	}
	literal, ok := e.(*query.Literal)
	return ok && literal.Value == query.Bool(want)
}

func conjuncts(e query.Expr) []string {
	if and, ok := e.(*query.And); ok {
		return texts(and.Terms)
	}
	return []string{text(e)}
}

func disjuncts(e query.Expr) []string {
	if or, ok := e.(*query.Or); ok {
		return texts(or.Terms)
	}
	return []string{text(e)}
}

func texts(terms []query.Expr) []string {
	all := make([]string, len(terms))
	for i, term := range terms {
		all[i] = text(term)
	}
	return all
}

// contains reports whether all of part are in whole.
func contains(whole, part []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}
