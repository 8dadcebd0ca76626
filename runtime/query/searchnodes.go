package query

// The nodes of search. Engines may answer them from an index, but never
// otherwise than Eval and Holds would.
type (
	// Search is whether texts, taken together, are what a full-text query asks
	// for: unknown where all of them are null.
	Search struct {
		Operands []Expr
		Query    *TextQuery
		// Index is set where a request named the index and not the columns.
		Index *Index
	}

	// Rank is how well they are, a float; of nothing but the texts themselves.
	Rank struct{ Of *Search }

	// Distance is how far a vector is from another, a float; the less, the
	// nearer. Build it with NewDistance.
	Distance struct {
		Operand Expr
		To      Value
		Metric  Metric
		numbers []float64 // of To
		length  float64
	}

	// Nearness stands in a Request's outputs for what its search found out
	// about a row. It is never bound nor evaluated: the gate puts a Distance, a
	// Rank or the row's score in its place.
	Nearness struct{ What NearnessKind }
)

// NearnessKind is what a Nearness stands for.
type NearnessKind uint8

// What a search finds out about a row.
const (
	NearnessDistance NearnessKind = iota // _distance
	NearnessRank                         // _rank
	NearnessScore                        // _score
)

func (*Search) expr()   {}
func (*Rank) expr()     {}
func (*Distance) expr() {}
func (*Nearness) expr() {}

// Type is bool.
func (*Search) Type() Type { return boolType }

// Type is float.
func (*Rank) Type() Type { return Type{Kind: KindFloat} }

// Type is float.
func (*Distance) Type() Type { return Type{Kind: KindFloat} }

// Type is float.
func (*Nearness) Type() Type { return Type{Kind: KindFloat} }

// walkSearch is walkAt's step for the nodes of search.
func walkSearch(e Expr, depth uint8, visit func(Expr, uint8) bool) {
	switch e := e.(type) {
	case *Search:
		walkAll(e.Operands, depth, visit)
	case *Rank:
		walkAll(e.Of.Operands, depth, visit)
	case *Distance:
		walkAt(e.Operand, depth, visit)
	}
}

// rewriteSearch is rewriteAt's step for them.
func rewriteSearch(e Expr, depth uint8, f func(Expr, uint8) Expr) Expr {
	switch n := e.(type) {
	case *Search:
		if operands, changed := rewriteAll(n.Operands, depth, f); changed {
			return &Search{Operands: operands, Query: n.Query, Index: n.Index}
		}
	case *Rank:
		if operands, changed := rewriteAll(n.Of.Operands, depth, f); changed {
			return &Rank{Of: &Search{Operands: operands, Query: n.Of.Query, Index: n.Of.Index}}
		}
	case *Distance:
		if operand := rewriteAt(n.Operand, depth, f); operand != n.Operand {
			moved := *n
			moved.Operand = operand
			return &moved
		}
	}
	return e
}

// appendSearch is appendExpr's step for them.
func appendSearch(dst []byte, e Expr, t *Table) []byte {
	switch e := e.(type) {
	case *Search:
		dst = append(dst, "search:"...)
		if e.Query.Language != Simple {
			dst = append(dst, e.Query.Language.String()...)
		}
		return appendList(e.Query.Root.append(dst), t, e.Operands...)
	case *Rank:
		return appendSearch(append(dst, "rank:"...), e.Of, t)
	case *Distance:
		dst = append(append(dst, "distance:"...), e.Metric.String()...)
		return appendList(dst, t, e.Operand, &Literal{Value: e.To, Of: Type{Kind: KindVector}})
	}
	return append(dst, '?')
}
