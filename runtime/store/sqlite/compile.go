package sqlite

import (
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// compiler writes a bound tree as SQL. Where SQL means exactly what the tree
// means, it is SQL, so that indexes serve; all else becomes a call of
// functionEval, which hands the columns to query.Eval itself.
type compiler struct {
	buf  []byte
	args []argument
	// types are those of a select's outputs.
	types []query.Type
	scope scope
	// embeds are the bytes that the statement's embeds gave so far.
	embeds int
	// fault is why the tree has no SQL.
	fault *fault.Fault
}

// argument is one bound parameter: a value, or what a function of ours is
// handed as its first.
type argument struct {
	value   query.Value
	pointer any
}

func (c *compiler) reset() {
	c.buf = c.buf[:0]
	clear(c.args)
	c.args = c.args[:0]
	c.types = c.types[:0]
	c.scope.reset()
	c.embeds, c.fault = 0, nil
}

func (c *compiler) text(s string) { c.buf = append(c.buf, s...) }

func (c *compiler) name(s string) {
	c.buf = append(c.buf, '"')
	c.buf = append(c.buf, s...) // names hold no quote: [A-Za-z_0-9]
	c.buf = append(c.buf, '"')
}

func (c *compiler) argument(a argument) {
	c.args = append(c.args, a)
	c.buf = append(c.buf, '?')
	c.buf = strconv.AppendInt(c.buf, int64(len(c.args)), 10)
}

func (c *compiler) value(v query.Value) {
	if v.IsNull() {
		c.text("NULL")
		return
	}
	c.argument(argument{value: v})
}

// bind sets the parameters of a statement that the compiler wrote.
func (c *compiler) bind(stmt *sqlite3.Stmt) error {
	for i := range c.args {
		var err error
		if p := c.args[i].pointer; p != nil {
			err = stmt.BindPointer(i+1, p)
		} else {
			err = bind(stmt, i+1, c.args[i].value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// where writes " WHERE ..." unless every row is asked for.
func (c *compiler) where(e query.Expr) {
	if !always(e) {
		c.text(" WHERE ")
		c.passes(e)
	}
}

// always reports a condition that every row meets.
func always(e query.Expr) bool {
	and, ok := e.(*query.And)
	return e == nil || ok && len(and.Terms) == 0
}

// expr writes a node; the text is whole, it needs no parentheses around it.
func (c *compiler) expr(e query.Expr) {
	switch e := e.(type) {
	case *query.Literal:
		c.value(e.Value)
		return
	case *query.ColumnRef:
		if !e.Old {
			c.column(e)
			return
		}
	case *query.Compare:
		if c.compare(e) {
			return
		}
	case *query.And:
		c.terms(e.Terms, " AND ", "1")
		return
	case *query.Or:
		c.terms(e.Terms, " OR ", "0")
		return
	case *query.Not:
		c.text("(NOT ")
		c.expr(e.Term)
		c.text(")")
		return
	case *query.Is:
		if c.is(e) {
			return
		}
	case *query.In:
		if c.in(e) {
			return
		}
	default:
		if c.beyond(e) {
			return
		}
	}
	c.evaluate(e)
}

// terms halves a long list, so that the tree is not as deep as it is long.
func (c *compiler) terms(terms []query.Expr, operator, none string) {
	switch len(terms) {
	case 0:
		c.text(none)
	case 1:
		c.expr(terms[0])
	default:
		half := len(terms) / 2
		c.text("(")
		c.terms(terms[:half], operator, none)
		c.text(operator)
		c.terms(terms[half:], operator, none)
		c.text(")")
	}
}

func (c *compiler) compare(e *query.Compare) bool {
	left, right, ok := operands(e.Left, e.Right)
	if !ok {
		return false
	}
	c.text("(")
	c.expr(left)
	c.text(operatorText(e.Op))
	c.expr(right)
	c.text(")")
	return true
}

func operatorText(op query.CompareOp) string {
	switch op {
	case query.Equal:
		return "="
	case query.NotEqual:
		return "<>"
	case query.Less:
		return "<"
	case query.LessEqual:
		return "<="
	case query.Greater:
		return ">"
	}
	return ">="
}

func (c *compiler) is(e *query.Is) bool {
	if _, isPath := e.Operand.(*query.Path); isPath {
		return false
	}
	isBool := e.Operand.Type().Kind == query.KindBool
	suffix := " IS NULL)"
	switch e.What {
	case query.IsNull:
	case query.IsNotNull:
		suffix = " IS NOT NULL)"
	default:
		if !isBool {
			return false
		}
		switch e.What {
		case query.IsTrue:
			suffix = " IS 1)"
		case query.IsFalse:
			suffix = " IS 0)"
		}
	}
	c.text("(")
	c.expr(e.Operand)
	c.text(suffix)
	return true
}

func (c *compiler) in(e *query.In) bool {
	if len(e.List) == 0 {
		c.text("0")
		return true
	}
	items := make([]query.Expr, len(e.List))
	operand := e.Operand
	for i, item := range e.List {
		left, right, ok := operands(e.Operand, item)
		if !ok || left != operand {
			return false
		}
		items[i] = right
	}
	c.text("(")
	c.expr(operand)
	c.text(" IN (")
	for i, item := range items {
		if i > 0 {
			c.text(",")
		}
		c.expr(item)
	}
	c.text("))")
	return true
}

// operands gives both sides of a comparison that SQLite makes exactly as
// query.CompareValues does: texts by bytes, numbers by value, decimals as
// integers of one scale.
func operands(left, right query.Expr) (query.Expr, query.Expr, bool) {
	if !isPlain(left) || !isPlain(right) {
		return left, right, false
	}
	a, b := typeOf(left), typeOf(right)
	switch {
	case a.Kind == query.KindNull || b.Kind == query.KindNull:
		return left, right, true
	case isText(a.Kind) && isText(b.Kind):
		return left, right, true
	case a.Kind == query.KindDecimal || b.Kind == query.KindDecimal:
		return oneScale(left, right, a, b)
	case isNumber(a.Kind) && isNumber(b.Kind):
		return left, right, true
	case a.Kind != b.Kind:
		return left, right, false
	}
	return left, right, a.Kind == query.KindBool || a.Kind == query.KindTimestamp || a.Kind == query.KindDate
}

// isPlain reports a column, a constant, or what another table says: what SQL
// has as it is.
func isPlain(e query.Expr) bool {
	switch e := e.(type) {
	case *query.Literal, *query.Exists, *query.Hops:
		return true
	case *query.Lookup:
		return isPlain(e.Value)
	case *query.ColumnRef:
		return !e.Old
	}
	return false
}

// typeOf is the type that evaluation would see.
func typeOf(e query.Expr) query.Type {
	switch e := e.(type) {
	case *query.Literal:
		return query.Type{Kind: e.Value.Kind, Scale: e.Value.Scale}
	case *query.Lookup:
		return typeOf(e.Value)
	}
	return e.Type()
}

// oneScale brings a constant to the scale of the other side, where that is
// exact.
func oneScale(left, right query.Expr, a, b query.Type) (query.Expr, query.Expr, bool) {
	if !isExact(a.Kind) || !isExact(b.Kind) {
		return left, right, false
	}
	if a.Scale == b.Scale {
		return left, right, true
	}
	if literal, ok := right.(*query.Literal); ok && b.Scale < a.Scale {
		scaled, ok := rescale(literal.Value, a.Scale)
		return left, scaled, ok
	}
	if literal, ok := left.(*query.Literal); ok && a.Scale < b.Scale {
		scaled, ok := rescale(literal.Value, b.Scale)
		return scaled, right, ok
	}
	return left, right, false
}

func rescale(v query.Value, scale uint8) (query.Expr, bool) {
	n := v.N
	for s := v.Scale; s < scale; s++ {
		next := n * 10
		if next/10 != n {
			return nil, false
		}
		n = next
	}
	scaled := query.Decimal(n, scale)
	return &query.Literal{Value: scaled, Of: query.Type{Kind: query.KindDecimal, Scale: scale}}, true
}

func isText(k query.Kind) bool   { return k == query.KindText || k == query.KindUUID }
func isNumber(k query.Kind) bool { return k == query.KindInt || k == query.KindFloat }
func isExact(k query.Kind) bool  { return k == query.KindInt || k == query.KindDecimal }
func isJSON(k query.Kind) bool   { return k == query.KindJSON || k == query.KindList }
