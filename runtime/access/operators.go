package access

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// made passes on what a constructor of query built, or says in the rule's
// words why the types do not meet.
func (t *translation) made(e ast.Expr, f *frame) func(query.Expr, *fault.Fault) query.Expr {
	return func(x query.Expr, problem *fault.Fault) query.Expr {
		if problem == nil {
			return x
		}
		t.fail(f, f.body.offset(e.ID()), refused(problem))
		return nil
	}
}

// compare translates a comparison. The literal null tests for null; any other
// null operand makes the comparison unknown.
func (t *translation) compare(op query.CompareOp, e ast.Expr, f *frame) query.Expr {
	args := e.AsCall().Args()
	at := f.body.offset(e.ID())
	leftNull, rightNull := isNull(args[0]), isNull(args[1])
	if leftNull || rightNull {
		return t.compareNull(op, e, f)
	}
	left, right := t.operand(args[0], f), t.operand(args[1], f)
	if left == nil || right == nil {
		return nil
	}
	if !t.checkValues(left, right, args[1], f) || !t.checkValues(right, left, args[0], f) {
		return nil
	}
	made, problem := query.NewCompare(op, left, right)
	if problem != nil {
		t.fail(f, at, mismatch("compare", left, right))
		return nil
	}
	return made
}

func (t *translation) compareNull(op query.CompareOp, e ast.Expr, f *frame) query.Expr {
	args := e.AsCall().Args()
	negate := op == query.NotEqual
	if op != query.Equal && !negate {
		t.fail(f, f.body.offset(e.ID()), fault.New(codeMismatch, "null is neither smaller nor greater than anything").
			WithHint("write == null or != null"))
		return nil
	}
	asked := args[0]
	if isNull(asked) {
		asked = args[1]
	}
	if isNull(asked) {
		return literal(!negate)
	}
	x := t.expr(asked, f)
	if x == nil {
		return nil
	}
	return query.NewNullTest(x, negate)
}

func isNull(e ast.Expr) bool {
	if e.Kind() != ast.LiteralKind {
		return false
	}
	_, ok := e.AsLiteral().(types.Null)
	return ok
}

// operand translates one side of an operator; null must not stand there.
func (t *translation) operand(e ast.Expr, f *frame) query.Expr {
	if isNull(e) {
		t.failAt(f, e, fault.New(codeMismatch, "null cannot stand here").WithHint("only x == null and x != null test for null"))
		return nil
	}
	x := t.expr(e, f)
	if x != nil && x.Type().Kind == query.KindNull {
		t.failAt(f, e, fault.New(codeMismatch, "this is always null").WithHint("only x == null and x != null test for null"))
		return nil
	}
	return x
}

// in translates membership: of a written list, or of a list or json value.
func (t *translation) in(e ast.Expr, f *frame) query.Expr {
	args := e.AsCall().Args()
	left := t.operand(args[0], f)
	items, frame := t.written(args[1], f)
	if items == nil {
		list := t.operand(args[1], f)
		if left == nil || list == nil {
			return nil
		}
		return t.member(list, left, e, f)
	}
	elements, ok := make([]query.Expr, 0, items.Size()), left != nil
	for _, item := range items.Elements() {
		if isNull(item) {
			t.failAt(frame, item, fault.New(codeMismatch, "null in a list never matches").WithHint("add || x == null"))
			ok = false
			continue
		}
		x := t.operand(item, frame)
		if x == nil || left != nil && !t.checkValues(left, x, item, frame) {
			ok = false
			continue
		}
		elements = append(elements, x)
	}
	if !ok {
		return nil
	}
	made, problem := query.NewIn(left, elements)
	if problem != nil {
		for i, x := range elements {
			if _, problem := query.NewCompare(query.Equal, left, x); problem != nil {
				t.failAt(frame, items.Elements()[i], mismatch("compare", left, x))
				return nil
			}
		}
		t.fail(f, f.body.offset(e.ID()), refused(problem))
		return nil
	}
	return made
}

// written is the list literal that an expression is, or that a macro's
// parameter stands for.
func (t *translation) written(e ast.Expr, f *frame) (ast.ListExpr, *frame) {
	for e.Kind() == ast.IdentKind {
		arg, ok := f.args[e.AsIdent()]
		if !ok {
			break
		}
		e, f = arg.expr, arg.frame
	}
	if e.Kind() != ast.ListKind {
		return nil, nil
	}
	return e.AsList(), f
}

// member asks whether a list or json array has an element.
func (t *translation) member(list, element query.Expr, e ast.Expr, f *frame) query.Expr {
	made, problem := query.NewCall(query.FuncHas, list, element)
	if problem != nil {
		at := f.body.offset(e.ID())
		switch list.Type().Kind {
		case query.KindList:
			t.fail(f, at, fault.Newf(codeMismatch, "%s cannot be in a %s", describe(element), list.Type()).
				WithHint("its items are of type "+list.Type().Elem.String()))
		case query.KindText:
			t.fail(f, at, fault.New(codeMismatch, "`in` asks a list, and this is text").WithHint("for a part of a text write title.contains('x')"))
		default:
			t.fail(f, at, fault.Newf(codeMismatch, "`in` asks a list, and this is %s", describe(list)).
				WithHint("write x in ['a', 'b'], or name a list column"))
		}
		return nil
	}
	return made
}

func (t *translation) conditional(e ast.Expr, f *frame) query.Expr {
	args := e.AsCall().Args()
	test, yes, no := t.cond(args[0], f), t.expr(args[1], f), t.expr(args[2], f)
	if test == nil || yes == nil || no == nil {
		return nil
	}
	made, problem := query.NewCond(test, yes, no)
	if problem != nil {
		t.fail(f, f.body.offset(e.ID()), fault.Newf(codeMismatch, "the two sides of ?: are %s and %s", describe(yes), describe(no)).
			WithHint("both must be of one type"))
		return nil
	}
	return made
}

func (t *translation) arithmetic(fn query.FuncName, e ast.Expr, f *frame) query.Expr {
	args := e.AsCall().Args()
	operands, ok := make([]query.Expr, 0, len(args)), true
	for _, arg := range args {
		x := t.operand(arg, f)
		ok = ok && x != nil
		operands = append(operands, x)
	}
	if !ok {
		return nil
	}
	made, problem := query.NewCall(fn, operands...)
	if problem == nil {
		return made
	}
	t.fail(f, f.body.offset(e.ID()), noNumber(operands, problem))
	return nil
}

// noNumber says which operand is not a number; where all are, the constructor
// has said what is wrong.
func noNumber(operands []query.Expr, problem *fault.Fault) *fault.Fault {
	for _, x := range operands {
		switch x.Type().Kind {
		case query.KindInt, query.KindFloat, query.KindDecimal, query.KindJSON:
		case query.KindText:
			return fault.Newf(codeMismatch, "%s is not a number", describe(x)).WithHint("+ - * / work on numbers; texts are not joined in rules")
		default:
			return fault.Newf(codeMismatch, "%s is not a number", describe(x)).WithHint("+ - * / work on numbers")
		}
	}
	return refused(problem)
}
