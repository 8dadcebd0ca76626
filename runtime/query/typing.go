package query

import (
	"fmt"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The New functions build checked trees. They are where types are decided,
// for every language that becomes an Expr: a text literal beside a uuid, a
// timestamp or a date is read as one, numbers widen, now() beside a date is
// its day, and untyped json (a column's path, an undeclared claim) beside a
// scalar is read as that scalar, null where it is of another type. Their
// faults are written for the author of a rule and the caller of the API
// alike; nil stands for none.

var operatorSigns = [...]string{Equal: "=", NotEqual: "<>", Less: "<", LessEqual: "<=", Greater: ">", GreaterEqual: ">="}

// NewCompare compares two operands.
func NewCompare(op CompareOp, left, right Expr) (Expr, *fault.Fault) {
	if isLiteral(left) && !isLiteral(right) {
		return NewCompare(mirrored[op], right, left)
	}
	l, r, f := unify(left, right)
	if f != nil {
		return nil, f.orOperator(operatorSigns[op], left, right)
	}
	if l.Type().Kind == KindDecimal && isLiteral(r) && !isLiteral(l) {
		return compareDecimal(op, l, r.(*Literal)), nil
	}
	return &Compare{Op: op, Left: l, Right: r}, nil
}

// mismatch is why two types do not go together: a literal that does not
// parse, or else that there is no such operator.
type mismatch struct{ literal *fault.Fault }

func (m *mismatch) orOperator(sign string, left, right Expr) *fault.Fault {
	if m.literal != nil {
		return m.literal
	}
	return noOperator(sign, left.Type(), right.Type())
}

func noOperator(sign string, left, right Type) *fault.Fault {
	f := fault.Newf(CodeNoOperator, "operator does not exist: %s %s %s", left.WireName(), sign, right.WireName())
	return f.WithHint(fmt.Sprintf("the left side is %s, the right side %s", article(left), article(right)))
}

func article(t Type) string {
	if t.Kind == KindInt {
		return "an int"
	}
	return "a " + t.String()
}

// unify makes two operands comparable.
func unify(left, right Expr) (Expr, Expr, *mismatch) {
	l, r := left.Type(), right.Type()
	switch {
	case isNullLiteral(left), isNullLiteral(right):
		return left, right, nil
	case l.Kind == KindJSON && isScalar(r.Kind):
		scalar, ok := asScalar(left, r)
		if !ok {
			return nil, nil, &mismatch{}
		}
		return scalar, right, nil
	case r.Kind == KindJSON && isScalar(l.Kind):
		scalar, ok := asScalar(right, l)
		if !ok {
			return nil, nil, &mismatch{}
		}
		return left, scalar, nil
	}
	right, m := adapt(right, l)
	if m != nil {
		return nil, nil, m
	}
	left, m = adapt(left, right.Type())
	if m != nil {
		return nil, nil, m
	}
	if !haveOrder(left.Type(), right.Type()) {
		return nil, nil, &mismatch{}
	}
	return left, right, nil
}

func haveOrder(l, r Type) bool {
	switch {
	case l.Kind == KindList && r.Kind == KindList:
		return l.Elem == r.Elem || isNumber(l.Elem) && isNumber(r.Elem) || isText(l.Elem) && isText(r.Elem)
	case l.Kind == r.Kind:
		return true
	}
	return isNumber(l.Kind) && isNumber(r.Kind) || isText(l.Kind) && isText(r.Kind) || isJSON(l.Kind) && isJSON(r.Kind)
}

func isScalar(k Kind) bool { return k >= KindBool && k <= KindUUID }

// adapt reads a literal as the other side's type, where that is meant, and
// now() as a day.
func adapt(e Expr, other Type) (Expr, *mismatch) {
	if now, ok := e.(*Now); ok && other.Kind == KindDate && !now.Day {
		return &Now{Day: true}, nil
	}
	l, ok := e.(*Literal)
	if !ok || l.Of.Kind == other.Kind {
		return e, nil
	}
	switch {
	case l.Of.Kind == KindText && (other.Kind == KindUUID || other.Kind == KindTimestamp || other.Kind == KindDate):
		v, f := ParseLiteral(other, l.Value.S)
		if f != nil {
			return nil, &mismatch{literal: f}
		}
		return &Literal{Value: v, Of: other}, nil
	case l.Of.Kind == KindInt && other.Kind == KindFloat && exactFloat(l.Value.N):
		return &Literal{Value: Float(float64(l.Value.N)), Of: other}, nil
	case l.Of.Kind == KindInt && other.Kind == KindDecimal:
		return &Literal{Value: Decimal(l.Value.N, 0), Of: Type{Kind: KindDecimal}}, nil
	case l.Of.Kind == KindFloat && other.Kind == KindDecimal:
		// The shortest text of the float is what its author wrote. One that no
		// decimal can hold compares as the float it is.
		v, f := parseDecimal(Type{Kind: KindDecimal}, strconv.FormatFloat(l.Value.Float(), 'g', -1, 64), false)
		if f != nil {
			return e, nil
		}
		return &Literal{Value: v, Of: Type{Kind: KindDecimal, Scale: v.Scale}}, nil
	}
	return e, nil
}

func exactFloat(n int64) bool { return magnitude(n) <= 1<<53 }

// asScalar reads json as what it is compared with. Times and decimals can be
// read from the caller's claims alone, which are bound before any engine.
func asScalar(e Expr, t Type) (Expr, bool) {
	switch t.Kind {
	case KindUUID:
		t = Type{Kind: KindText}
	case KindInt, KindDecimal:
		t = Type{Kind: KindFloat}
	case KindTimestamp, KindDate:
		if !fromClaims(e) {
			return nil, false
		}
	}
	return &Call{Func: FuncScalar, Args: []Expr{e}, Of: t}, true
}

func fromClaims(e Expr) bool {
	return !contains(e, func(e Expr) bool {
		_, ok := e.(*ColumnRef)
		return ok
	})
}

// NewScalar reads untyped json as a declared type: null where it is of
// another. Decimals, timestamps, dates and lists are for the caller's claims
// alone.
func NewScalar(e Expr, t Type) (Expr, *fault.Fault) {
	switch {
	case e.Type() == t:
		return e, nil
	case t.Kind == KindJSON || t.Kind == KindList && !fromClaims(e):
		return e, nil
	case e.Type().Kind != KindJSON || !isScalar(t.Kind) && t.Kind != KindList:
		return nil, fault.Newf(CodeTypeMismatch, "%s cannot be read as %s", article(e.Type()), article(t))
	case (t.Kind == KindTimestamp || t.Kind == KindDate || t.Kind == KindDecimal) && !fromClaims(e):
		return nil, fault.Newf(CodeTypeMismatch, "a value inside a json column cannot be read as %s", article(t)).
			WithHint("give it a column of its own")
	}
	return &Call{Func: FuncScalar, Args: []Expr{e}, Of: t}, nil
}

// compareDecimal brings a literal to the scale of what it is compared with,
// so that engines compare whole numbers. Where the literal lies between two
// values of that scale, or beyond all of them, the operator changes with it.
func compareDecimal(op CompareOp, e Expr, l *Literal) Expr {
	if l.Value.Kind != KindDecimal {
		return &Compare{Op: op, Left: e, Right: l}
	}
	scale := e.Type().Scale
	n, exact, side := fitDecimal(l.Value, scale)
	if side != 0 {
		return outside(op, e, side)
	}
	literal := &Literal{Value: Decimal(n, scale), Of: Type{Kind: KindDecimal, Scale: scale}}
	if exact {
		return &Compare{Op: op, Left: e, Right: literal}
	}
	switch op { // n is the next value below
	case Equal, NotEqual:
		return outside(op, e, 1)
	case Less, LessEqual:
		return &Compare{Op: LessEqual, Left: e, Right: literal}
	}
	return &Compare{Op: Greater, Left: e, Right: literal}
}

// fitDecimal gives the literal at a scale, rounded down, and whether that is
// exact; where it is beyond all int64, the third result is 1 (above) or -1.
func fitDecimal(v Value, scale uint8) (int64, bool, int) {
	if v.Scale <= scale {
		n, ok := rescale(v.N, v.Scale, scale)
		if ok {
			return n, true, 0
		}
		if v.N < 0 {
			return 0, false, -1
		}
		return 0, false, 1
	}
	n, rest := floorDiv(v.N, powersOfTen[v.Scale-scale])
	return n, rest == 0, 0
}

// outside is the comparison with what no value equals and, for the orders,
// what stands above (side 1) or below all: true or false, unknown for null.
func outside(op CompareOp, e Expr, side int) Expr {
	holds := op == NotEqual
	switch op {
	case Less, LessEqual:
		holds = side > 0
	case Greater, GreaterEqual:
		holds = side < 0
	}
	if holds {
		return &Compare{Op: Equal, Left: e, Right: e}
	}
	return &Compare{Op: NotEqual, Left: e, Right: e}
}

// NewIn is membership in a list of operands.
func NewIn(operand Expr, list []Expr) (Expr, *fault.Fault) {
	if len(list) == 0 {
		return FalseExpr(), nil
	}
	left := operand
	items := make([]Expr, 0, len(list))
	for _, item := range list {
		l, r, m := unify(operand, item)
		if m != nil {
			return nil, m.orOperator("=", operand, item)
		}
		if literal, ok := r.(*Literal); ok && literal.Value.Kind == KindDecimal && l.Type().Kind == KindDecimal {
			n, exact, side := fitDecimal(literal.Value, l.Type().Scale)
			if !exact || side != 0 {
				continue // no value of this scale equals it
			}
			r = &Literal{Value: Decimal(n, l.Type().Scale), Of: l.Type()}
		}
		if left != operand && l.Type() != left.Type() {
			return nil, noOperator("=", left.Type(), item.Type()).WithHint("all members of the list must be of one type")
		}
		if l != operand {
			left = l
		}
		items = append(items, r)
	}
	if len(items) == 0 {
		return outside(Equal, operand, 1), nil
	}
	return &In{Operand: left, List: items}, nil
}

// Coerce makes an expression fit a column that it is assigned to.
func Coerce(e Expr, t Type) (Expr, *fault.Fault) {
	if l, ok := e.(*Literal); ok {
		return coerceLiteral(l, t)
	}
	if now, ok := e.(*Now); ok && t.Kind == KindDate && !now.Day {
		return &Now{Day: true}, nil
	}
	from := e.Type()
	if from.Kind == t.Kind && (t.Kind != KindDecimal || from.Scale == t.Scale) && (t.Kind != KindList || from.Elem == t.Elem) {
		return e, nil
	}
	if isText(from.Kind) && isText(t.Kind) {
		return e, nil
	}
	if from.Kind == KindJSON && isScalar(t.Kind) {
		return NewScalar(e, t)
	}
	if isNumber(from.Kind) && (t.Kind == KindFloat || t.Kind == KindDecimal && from.Kind != KindFloat && from.Scale < t.Scale) {
		return &Call{Func: FuncAdd, Args: []Expr{e, &Literal{Value: zero(t), Of: t}}, Of: t}, nil
	}
	return nil, fault.Newf(CodeTypeMismatch, "%s does not fit a column of type %s", article(from), t)
}

func coerceLiteral(l *Literal, t Type) (Expr, *fault.Fault) {
	if l.Value.IsNull() || l.Of.Kind == t.Kind && t.Kind != KindDecimal && t.Kind != KindList {
		return &Literal{Value: l.Value, Of: t}, nil
	}
	if l.Of.Kind == KindText && (isNumber(t.Kind) || t.Kind == KindBool) {
		return nil, fault.Newf(CodeTypeMismatch, "a text does not fit a column of type %s", t)
	}
	v, f := DecodeJSON(t, AppendJSON(nil, l.Value))
	if f != nil {
		return nil, f
	}
	return &Literal{Value: v, Of: t}, nil
}
