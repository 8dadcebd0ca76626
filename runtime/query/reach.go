package query

import "strconv"

// Reach narrows a select to the rows that a walk from one row comes to, each
// once. A row is walked to along a step; one that its node's condition does not
// hold for is not come to, nor walked through. It is of the outermost select
// alone, never of an embed's.
type Reach struct {
	// Nodes are the tables that the walk comes through, the select's own first.
	Nodes []ReachNode
	// Start is the key of the row, in Nodes[From], that the walk begins at.
	From  int
	Start Value
	Steps []ReachStep
	// Min and Max bound the least number of steps to a row: 0 is the start.
	Min, Max int
}

// ReachNode is a table of a walk, with what its rows must fulfil: their read
// rule. nil is every row.
type ReachNode struct {
	Table *Table
	Where Expr
}

// ReachStep is a way from the rows of one node to those of another.
type ReachStep struct {
	From, To int // in Nodes
	// Near, a column of From's table, equals Far, one of To's.
	Near, Far *Column
	// Via is the table between: Near then equals its Near, and Far its Far.
	Via *Via
}

// The bounds of a walk: its steps, and the rows that it comes to, the start and
// those between included. One that comes to more is the fault walk-too-large.
const (
	MaxHops    = 5
	MaxReached = 10_000
)

// Hops is the least number of steps from the start of the select's walk to the
// row at hand, an int: in the outputs and the order of a Select with a Reach, and
// in conditions on them. In memory it is unknown.
type Hops struct{}

func (*Hops) expr() {}

// Type is int.
func (*Hops) Type() Type { return Type{Kind: KindInt} }

// appendReach appends the canonical text of a walk.
func appendReach(dst []byte, r *Reach) []byte {
	dst = append(dst, " reach("...)
	for i := range r.Nodes {
		dst = append(append(dst, r.Nodes[i].Table.Name...), ' ')
		dst = append(appendExpr(dst, r.Nodes[i].Where, r.Nodes[i].Table), ' ')
	}
	dst = append(strconv.AppendInt(dst, int64(r.From), 10), ' ')
	dst = appendLiteral(dst, &Literal{Value: r.Start, Of: Type{Kind: r.Start.Kind}})
	for i := range r.Steps {
		s := &r.Steps[i]
		dst = append(strconv.AppendInt(append(dst, ' '), int64(s.From), 10), '.')
		dst = append(append(append(dst, s.Near.Name...), '>'), s.Far.Name...)
		dst = strconv.AppendInt(append(dst, '.'), int64(s.To), 10)
		if s.Via != nil {
			dst = appendVia(dst, s.Via)
		}
	}
	dst = strconv.AppendInt(append(dst, ' '), int64(r.Min), 10)
	return append(strconv.AppendInt(append(dst, '-'), int64(r.Max), 10), ')')
}

// tables calls visit with every table that a walk reads.
func (r *Reach) tables(visit func(*Table)) {
	for i := range r.Nodes {
		visit(r.Nodes[i].Table)
		tablesOfExpr(r.Nodes[i].Where, visit)
	}
	for i := range r.Steps {
		if via := r.Steps[i].Via; via != nil {
			visit(via.Table)
			tablesOfExpr(via.Where, visit)
		}
	}
}
