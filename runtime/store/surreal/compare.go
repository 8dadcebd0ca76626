package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

var operators = [...]string{
	query.Equal: " = ", query.NotEqual: " != ",
	query.Less: " < ", query.LessEqual: " <= ",
	query.Greater: " > ", query.GreaterEqual: " >= ",
}

var negated = [...]query.CompareOp{
	query.Equal: query.NotEqual, query.NotEqual: query.Equal,
	query.Less: query.GreaterEqual, query.GreaterEqual: query.Less,
	query.Greater: query.LessEqual, query.LessEqual: query.Greater,
}

// compare writes a comparison; its negation is that of its operator, as null
// makes both unknown. NONE comes before all else, so a side that may be null is
// asked for where NONE there would make it true.
func (c *compiler) compare(e *query.Compare, want bool) {
	op := e.Op
	if !want {
		op = negated[op]
	}
	if isNull(e.Left) || isNull(e.Right) {
		c.truth(false)
		return
	}
	if a, b := typeOf(e.Left).Kind, typeOf(e.Right).Kind; !haveOrder(a, b) {
		c.unlike(op, e, a < b)
		return
	}
	form := formOf(op, e.Left, e.Right)
	c.operated(op, e, form)
	switch op {
	case query.Equal:
		if nullable(e.Left) && nullable(e.Right) {
			c.known(e.Left)
		}
	case query.NotEqual:
		c.known(e.Left)
		c.known(e.Right)
	case query.Less, query.LessEqual:
		c.known(e.Left)
	default:
		c.known(e.Right)
	}
}

// operated writes the operator between its sides. An index over several fields, and
// a unique one, gives SurrealDB wrong rows where it is asked for all above a value
// without it or for all up to one with it; not so for its complements.
func (c *compiler) operated(op query.CompareOp, e *query.Compare, form form) {
	sides := func(op query.CompareOp) {
		c.side(e.Left, form, form.left)
		c.text(operators[op])
		c.side(e.Right, form, form.right)
	}
	left, right := isLiteral(e.Right) && misreads(e.Left), isLiteral(e.Left) && misreads(e.Right)
	switch {
	case left && op == query.Greater:
		sides(query.GreaterEqual)
	case right && op == query.Less:
		sides(query.LessEqual)
	case left && op == query.LessEqual, right && op == query.GreaterEqual:
		strict := query.Less
		if right {
			strict = query.Greater
		}
		c.text("(")
		sides(strict)
		c.text(" OR ")
		sides(query.Equal)
		c.text(")")
		return
	default:
		sides(op)
		return
	}
	c.text(" AND ")
	sides(query.NotEqual)
}

// misreads reports a column at the head of an index that answers ranges wrongly.
func misreads(e query.Expr) bool {
	ref, ok := e.(*query.ColumnRef)
	return ok && slices.ContainsFunc(ref.Table.Indexes, func(x *query.Index) bool {
		return x.Kind == query.Plain && x.Columns[0] == ref.Column && (x.Unique || len(x.Columns) > 1 || x.Where != nil)
	})
}

// unlike writes a comparison of kinds that do not compare: they are in the order
// of the kinds. Only the members of a list with other members are ever such.
func (c *compiler) unlike(op query.CompareOp, e *query.Compare, less bool) {
	isLess := op == query.Less || op == query.LessEqual
	c.truth(op == query.NotEqual || op != query.Equal && isLess == less)
	c.known(e.Left)
	c.known(e.Right)
}

// haveOrder reports kinds whose values compare.
func haveOrder(a, b query.Kind) bool {
	return a == b || isNumber(a) && isNumber(b) || isText(a) && isText(b) || isJSON(a) && isJSON(b)
}

// known writes " AND e != NONE" where e may be null.
func (c *compiler) known(e query.Expr) {
	if !nullable(e) {
		return
	}
	c.text(" AND ")
	c.raw(e)
	c.text(" != NONE")
}

// isNull reports the literal null.
func isNull(e query.Expr) bool {
	l, ok := e.(*query.Literal)
	return ok && l.Value.IsNull()
}

// form says as what the sides of a comparison are written, so that SurrealDB's
// operators mean what query.CompareValues does.
type form struct {
	// records is the table whose records' ids both sides are.
	records     string
	left, right shape
}

type shape uint8

const (
	asStored shape = iota
	asText         // a uuid beside a text
	asFloat        // a decimal beside a float
	asExact        // floats in a list beside other numbers
	asJSON         // uuids and times in a list beside others: texts
	inOrder        // json and lists where their order counts
	inOrderExact
	inOrderJSON
)

func formOf(op query.CompareOp, left, right query.Expr) form {
	a, b := typeOf(left), typeOf(right)
	switch {
	case isJSON(a.Kind) && isJSON(b.Kind):
		f := listForm(a, b)
		if op != query.Equal && op != query.NotEqual {
			f.left, f.right = ordered(f.left), ordered(f.right)
		}
		return f
	case a.Kind != b.Kind && isText(a.Kind) && isText(b.Kind):
		return form{left: textShape(a), right: textShape(b)}
	case a.Kind == query.KindFloat && b.Kind == query.KindDecimal && b.Scale > 0:
		return form{right: asFloat}
	case b.Kind == query.KindFloat && a.Kind == query.KindDecimal && a.Scale > 0:
		return form{left: asFloat}
	}
	return form{records: sameRecords(left, right)}
}

func textShape(t query.Type) shape {
	if t.Kind == query.KindUUID {
		return asText
	}
	return asStored
}

// listForm is that of json and lists where they are equal. The items of lists of
// one kind are compared as they are, else as their JSON says.
func listForm(a, b query.Type) form {
	if a.Kind == b.Kind && a.Elem == b.Elem {
		return form{}
	}
	return form{left: itemShape(a), right: itemShape(b)}
}

func itemShape(t query.Type) shape {
	switch t.Elem {
	case query.KindFloat:
		return asExact
	case query.KindUUID, query.KindTimestamp, query.KindDate:
		return asJSON
	}
	return asStored
}

func ordered(s shape) shape {
	switch s {
	case asExact:
		return inOrderExact
	case asJSON:
		return inOrderJSON
	}
	return inOrder
}

// sameRecords is the table whose records both sides name, "" where they are
// compared as keys.
func sameRecords(left, right query.Expr) string {
	a, b := recordsOf(left), recordsOf(right)
	switch {
	case a != "" && (b == a || isLiteral(right) && typeOf(right).Kind == left.Type().Kind):
		return a
	case b != "" && isLiteral(left) && typeOf(left).Kind == right.Type().Kind:
		return b
	}
	return ""
}

// side writes one side of a comparison.
func (c *compiler) side(e query.Expr, f form, s shape) {
	switch {
	case f.records != "":
		c.record(e, f.records)
		return
	case s == asStored:
		c.expr(e)
		return
	case isLiteral(e) && c.constant(e.(*query.Literal), s):
		return
	}
	switch s {
	case asText:
		c.apply("text_of", func() { c.expr(e) })
	case asExact:
		c.apply("exact", func() { c.expr(e) })
	case asJSON:
		c.itemsOf(e)
	case inOrder:
		c.apply("order", func() { c.expr(e) })
	case inOrderExact:
		c.apply("order", func() { c.apply("exact", func() { c.expr(e) }) })
	case inOrderJSON:
		c.apply("order", func() { c.itemsOf(e) })
	case asFloat:
		c.decimalFloat(e)
	}
}

// constant writes a literal in a shape, where Go can say it.
func (c *compiler) constant(l *query.Literal, s shape) bool {
	switch s {
	case asText:
		c.value(query.Text(l.Value.S), query.Type{Kind: query.KindText}, "")
	case asFloat:
		c.value(query.CallValue(query.FuncAdd, query.Type{Kind: query.KindFloat}, l.Value, query.Float(0)), query.Type{Kind: query.KindFloat}, "")
	default:
		return false
	}
	return true
}

// decimalFloat writes a decimal as the float that query takes it for.
func (c *compiler) decimalFloat(e query.Expr) {
	scale := typeOf(e).Scale
	if scale == 0 {
		c.expr(e)
		return
	}
	c.apply("float", func() { c.expr(e) }, func() { c.unit(scale) })
}

// unit writes 10^scale as an int.
func (c *compiler) unit(scale uint8) {
	c.text("1")
	for range scale {
		c.text("0")
	}
}

// literals writes constants as one list, a parameter.
func (c *compiler) literals(list []*query.Literal, table string) {
	c.bind(func(dst []byte) []byte {
		dst = wire.AppendArray(dst, len(list))
		for _, l := range list {
			dst = appendValue(dst, l.Value, l.Of, table)
		}
		return dst
	})
}

// record writes an operand as the id of a table's record.
func (c *compiler) record(e query.Expr, table string) {
	if l, ok := e.(*query.Literal); ok {
		c.value(l.Value, l.Of, table)
		return
	}
	c.raw(e)
}

// in writes membership: unknown where the operand is null, or where it is no
// member and null is one. Constants of one form are one list, which an index
// serves.
func (c *compiler) in(e *query.In, want, inAnd bool) {
	var list []*query.Literal
	var others []query.Expr
	null := false
	for _, item := range e.List {
		l, ok := item.(*query.Literal)
		switch {
		case ok && l.Value.IsNull():
			null = true
		case ok && haveOrder(typeOf(e.Operand).Kind, l.Value.Kind) && formOf(query.Equal, e.Operand, item) == (form{records: recordsOf(e.Operand)}):
			list = append(list, l)
		default:
			others = append(others, item)
		}
	}
	switch {
	case len(e.List) == 0:
		c.truth(!want)
		return
	case null && !want || isNull(e.Operand):
		c.truth(false)
		return
	}
	var parts []func()
	if len(list) > 0 {
		parts = append(parts, func() { c.inList(e.Operand, list, want) })
	}
	for _, item := range others {
		parts = append(parts, func() { c.compare(&query.Compare{Op: query.Equal, Left: e.Operand, Right: item}, want) })
	}
	c.join(len(parts), !want, inAnd, func(i int) { parts[i]() })
}

// inList writes membership in constants.
func (c *compiler) inList(operand query.Expr, list []*query.Literal, want bool) {
	table := recordsOf(operand)
	c.record(operand, table)
	if want {
		c.text(" IN ")
	} else {
		c.text(" NOT IN ")
	}
	c.literals(list, table)
	if !want {
		c.known(operand)
	}
}

// typeOf is the type that evaluation would see.
func typeOf(e query.Expr) query.Type {
	switch e := e.(type) {
	case *query.Literal:
		t := e.Of
		t.Kind, t.Scale = e.Value.Kind, e.Value.Scale
		return t
	case *query.Lookup:
		return typeOf(e.Value)
	}
	return e.Type()
}

func isNumber(k query.Kind) bool {
	return k == query.KindInt || k == query.KindFloat || k == query.KindDecimal
}
