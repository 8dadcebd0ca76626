package query

import "github.com/edge-hive/edge-hive/runtime/fault"

// NewAggregate is a value of many rows; a nil operand, which Count alone
// takes, counts the rows themselves.
func NewAggregate(f AggregateFunc, operand Expr) (Expr, *fault.Fault) {
	if f == AggregateCount {
		return &Aggregate{Func: f, Operand: operand, Of: Type{Kind: KindInt}}, nil
	}
	if operand == nil {
		return nil, noAggregate(f, "")
	}
	t := operand.Type()
	switch {
	case f == AggregateAvg && isNumber(t.Kind):
		t = Type{Kind: KindFloat}
	case f == AggregateSum && isNumber(t.Kind):
	case (f == AggregateMin || f == AggregateMax) && isScalar(t.Kind) && t.Kind != KindBool:
	default:
		return nil, noAggregate(f, t.WireName())
	}
	return &Aggregate{Func: f, Operand: operand, Of: t}, nil
}

func noAggregate(f AggregateFunc, of string) *fault.Fault {
	return fault.Newf(CodeNoOperator, "function %s(%s) does not exist", f, of).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

// groupedOrder refuses an order by what the groups do not share.
func (p *requestParser) groupedOrder() *fault.Fault {
	for i := range p.request.Order {
		e := p.request.Order[i].Expr
		if p.grouped(e) {
			continue
		}
		name := "the relation in order"
		if columns := Columns(e); columns.Len() > 0 {
			name = p.nameOf(columns)
		}
		return fault.Newf(CodeGrouping, "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", name).
			WithHint("name it in select beside the aggregate, or leave it out of order")
	}
	return nil
}

// nameOf is the first of some columns, as messages write it.
func (p *requestParser) nameOf(columns ColumnSet) string {
	for _, c := range p.table.Columns {
		if columns.Has(c) {
			return p.table.Name + "." + c.Name
		}
	}
	return p.table.Name
}

// grouped reports whether e is an output that the rows are grouped by.
func (p *requestParser) grouped(e Expr) bool {
	if ref, ok := e.(*ColumnRef); ok && p.request.Star && (p.readable == nil || p.readable.Has(ref.Column)) {
		return true
	}
	if _, ok := e.(*Related); ok {
		return false
	}
	text := String(e)
	for i := range p.request.Outputs {
		out := p.request.Outputs[i].Expr
		if out != nil && !contains(out, isAggregate) && String(out) == text {
			return true
		}
	}
	return false
}
