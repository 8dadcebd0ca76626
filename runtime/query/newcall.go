package query

import "github.com/edge-hive/edge-hive/runtime/fault"

// funcNames are the functions as rules write them.
var funcNames = [...]string{
	FuncSize: "size", FuncContains: "contains", FuncStartsWith: "startsWith", FuncEndsWith: "endsWith",
	FuncLower: "lower", FuncHas: "in", FuncAdd: "+", FuncSubtract: "-", FuncMultiply: "*", FuncDivide: "/",
	FuncNegate: "-", FuncUUID: "uuid", FuncSuperset: "contains all of", FuncOverlap: "overlaps", FuncScalar: "scalar",
}

// String is the function's name as rules write it.
func (f FuncName) String() string {
	if int(f) < len(funcNames) {
		return funcNames[f]
	}
	return "unknown"
}

// NewCall applies a function of the fixed set; FuncHas takes the list first.
// Scalars come from NewScalar.
func NewCall(f FuncName, args ...Expr) (Expr, *fault.Fault) {
	want := 2
	switch f {
	case FuncUUID:
		want = 0
	case FuncSize, FuncLower, FuncNegate:
		want = 1
	}
	if len(args) != want || f == FuncScalar {
		return nil, fault.Newf(CodeNoOperator, "%s takes %d arguments, these are %d", f, want, len(args))
	}
	switch f {
	case FuncUUID:
		return &Call{Func: f, Of: Type{Kind: KindUUID}}, nil
	case FuncSize:
		return newSize(args[0])
	case FuncHas:
		return newHas(args[0], args[1])
	case FuncContains, FuncStartsWith, FuncEndsWith, FuncLower:
		return newTextCall(f, args)
	case FuncSuperset, FuncOverlap:
		return newContain(f, args)
	}
	return newArithmetic(f, args)
}

func newSize(e Expr) (Expr, *fault.Fault) {
	if k := e.Type().Kind; k != KindText && !isJSON(k) {
		return nil, fault.Newf(CodeNoOperator, "size counts the characters of a text or the items of a list, not %s", article(e.Type()))
	}
	return &Call{Func: FuncSize, Args: []Expr{e}, Of: Type{Kind: KindInt}}, nil
}

func newTextCall(f FuncName, args []Expr) (Expr, *fault.Fault) {
	texts := make([]Expr, len(args))
	for i, arg := range args {
		text, wrong := textOperand(arg, "")
		if wrong != nil {
			return nil, fault.Newf(CodeNoOperator, "%s works on texts, not on %s", f, article(arg.Type()))
		}
		texts[i] = text
	}
	of := boolType
	if f == FuncLower {
		of = Type{Kind: KindText}
	}
	return &Call{Func: f, Args: texts, Of: of}, nil
}

// newHas is "element in list". A literal is read as an element of the list.
func newHas(list, element Expr) (Expr, *fault.Fault) {
	t := list.Type()
	if !isJSON(t.Kind) {
		return nil, fault.Newf(CodeNoOperator, "in asks a list, not %s", article(t))
	}
	e := element.Type()
	if e.Kind == KindJSON {
		if t.Kind != KindList {
			return nil, fault.New(CodeNoOperator, "in cannot tell what type to look for: both sides are json")
		}
		scalar, ok := asScalar(element, t.elem())
		if !ok {
			return nil, noOperator("in", e, t)
		}
		return &Call{Func: FuncHas, Args: []Expr{list, scalar}, Of: boolType}, nil
	}
	if t.Kind == KindList {
		adapted, m := adapt(element, t.elem())
		if m != nil {
			return nil, m.orOperator("in", element, list)
		}
		element, e = adapted, adapted.Type()
		if !haveOrder(e, t.elem()) && !isNullLiteral(element) {
			return nil, noOperator("in", e, t)
		}
	}
	if !isScalar(e.Kind) && !isNullLiteral(element) {
		return nil, noOperator("in", e, t)
	}
	return &Call{Func: FuncHas, Args: []Expr{list, element}, Of: boolType}, nil
}

// newArithmetic types numbers: with a float the result is one, with a decimal
// it is a decimal of enough places, else an int.
func newArithmetic(f FuncName, args []Expr) (Expr, *fault.Fault) {
	operands := make([]Expr, len(args))
	var of Type
	for i, arg := range args {
		if arg.Type().Kind == KindJSON {
			arg = &Call{Func: FuncScalar, Args: []Expr{arg}, Of: Type{Kind: KindFloat}}
		}
		t := arg.Type()
		if !isNumber(t.Kind) {
			return nil, fault.Newf(CodeNoOperator, "%s works on numbers, not on %s", f, article(t))
		}
		operands[i] = arg
		if i == 0 {
			of = t
			continue
		}
		of = joinNumbers(f, of, t)
	}
	if of.Kind == KindDecimal && f == FuncDivide {
		return nil, fault.New(CodeNoOperator, "decimals are not divided exactly").
			WithHint("multiply by the inverse, or divide by a float such as 2.0")
	}
	if of.Kind == KindDecimal && of.Scale > maxScale {
		return nil, fault.Newf(CodeNoOperator, "the product would have %d places after the point, 18 are the most", of.Scale).
			WithHint("make one of the factors a float")
	}
	return &Call{Func: f, Args: operands, Of: of}, nil
}

func joinNumbers(f FuncName, a, b Type) Type {
	switch {
	case a.Kind == KindFloat || b.Kind == KindFloat:
		return Type{Kind: KindFloat}
	case a.Kind == KindInt && b.Kind == KindInt:
		return a
	case f == FuncMultiply:
		return Type{Kind: KindDecimal, Scale: a.Scale + b.Scale}
	}
	return Type{Kind: KindDecimal, Scale: max(a.Scale, b.Scale)}
}
