package access

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// translation turns one text into a tree. It goes on after a fault, so that a
// rule with two mistakes says both; a nil Expr stands where a fault was.
type translation struct {
	c     *compiler
	scope scope
	top   source
	nodes int
	stuck bool                    // too large: stop
	level uint8                   // how many Exists and Lookup are around the node at hand
	asked int                     // Exists and Lookup so far
	enums map[query.Expr][]string // the values that a claim can have
}

// frame is a text being translated: the rule itself, or a macro with the
// arguments of one call.
type frame struct {
	body  *parsed
	macro *macro // nil for the rule itself
	args  map[string]argument
	vars  *variable // of the exists around, the innermost first
	depth int
}

// argument is a tree of the caller's text; it is translated where it is used.
type argument struct {
	expr  ast.Expr
	frame *frame
}

// condition compiles a text that must be true or false, and refuses one that
// does not depend on anything. nil stands for a fault.
func (c *compiler) condition(s source, sc scope) query.Expr {
	body := c.parse(s)
	if body == nil {
		return query.FalseExpr()
	}
	t := &translation{c: c, scope: sc, top: s}
	f := &frame{body: body}
	cond := t.cond(body.root, f)
	if cond == nil {
		return query.FalseExpr()
	}
	cond = query.Simplify(cond)
	if constant, ok := cond.(*query.Literal); ok {
		t.refuseConstant(constant, f)
		return query.FalseExpr()
	}
	return cond
}

func (t *translation) refuseConstant(constant *query.Literal, f *frame) {
	switch {
	case constant.Value.IsNull():
		t.fail(f, 0, fault.New(codeConstant, "this condition is never true: it compares with null").
			WithHint("only the literal null tests for null, as in x == null"))
	case constant.Value.Bool():
		t.fail(f, 0, fault.New(codeConstant, "this condition is always true").
			WithHint(t.scope.constantHint(true)))
	default:
		t.fail(f, 0, fault.New(codeConstant, "this condition is always false").
			WithHint(t.scope.constantHint(false)))
	}
}

// value compiles a text that gives a value for a column.
func (c *compiler) value(s source, sc scope) query.Expr {
	body := c.parse(s)
	if body == nil {
		return nil
	}
	t := &translation{c: c, scope: sc, top: s}
	return t.expr(body.root, &frame{body: body})
}

// fail reports a fault at a byte of the frame's text. Inside a macro it also
// names the text that uses it.
func (t *translation) fail(f *frame, offset int, problem *fault.Fault) {
	if f.macro != nil && problem.Details == "" {
		problem = problem.WithDetails("used by " + t.top.path)
	}
	t.c.report(f.body.source, offset, problem)
}

func (t *translation) failAt(f *frame, e ast.Expr, problem *fault.Fault) {
	t.fail(f, f.body.begin(e), problem)
}

// begin is the first byte of an expression: that of its leftmost part.
func (p *parsed) begin(e ast.Expr) int {
	at := p.offset(e.ID())
	switch e.Kind() {
	case ast.SelectKind:
		return p.begin(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		switch {
		case call.IsMemberFunction():
			return p.begin(call.Target())
		case isOperator(call.FunctionName()):
			if len(call.Args()) > 1 {
				return p.begin(call.Args()[0])
			}
		default: // a call's own place is its bracket
			return p.nameBefore(at)
		}
	}
	return at
}

// nameBefore is where the name in front of the bracket at begins.
func (p *parsed) nameBefore(at int) int {
	for at > 0 && (p.text[at-1] == ' ' || p.text[at-1] == '\t' || p.text[at-1] == '\n') {
		at--
	}
	for at > 0 && isWord(p.text[at-1]) {
		at--
	}
	return at
}

func isOperator(name string) bool {
	return len(name) > 0 && !isWord(name[0])
}

// expr translates one node; nil means a fault was reported.
func (t *translation) expr(e ast.Expr, f *frame) query.Expr {
	if !t.spend() {
		return nil
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return t.literal(e, f)
	case ast.IdentKind, ast.SelectKind:
		return t.chain(e, f)
	case ast.CallKind:
		return t.call(e, f)
	case ast.ListKind:
		t.failAt(f, e, fault.New(codeBadRule, "a list stands only on the right of `in`").WithHint("write status in ['open', 'paid']"))
	case ast.MapKind, ast.StructKind:
		t.failAt(f, e, fault.New(codeBadRule, "{...} is not part of the rule language").WithHint("compare members one by one: meta.color == 'red'"))
	default:
		t.failAt(f, e, fault.New(codeBadRule, "this is not part of the rule language"))
	}
	return nil
}

// spend counts nodes, so that macros cannot multiply without end.
func (t *translation) spend() bool {
	if t.stuck {
		return false
	}
	t.nodes++
	if t.nodes <= maxNodes {
		return true
	}
	t.stuck = true
	t.c.report(t.top, 0, fault.Newf(codeTooComplex, "with its rules put in place this has more than %d parts", maxNodes).
		WithHint("use fewer or smaller rules"))
	return false
}

func (t *translation) literal(e ast.Expr, f *frame) query.Expr {
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		return literal(bool(v))
	case types.Int:
		return &query.Literal{Value: query.Int(int64(v)), Of: query.Type{Kind: query.KindInt}}
	case types.Double:
		return &query.Literal{Value: query.Float(float64(v)), Of: query.Type{Kind: query.KindFloat}}
	case types.String:
		return &query.Literal{Value: query.Text(string(v)), Of: query.Type{Kind: query.KindText}}
	case types.Null:
		return &query.Literal{Value: query.Null(), Of: query.Type{Kind: query.KindNull}}
	case types.Uint:
		t.failAt(f, e, fault.New(codeBadRule, "numbers with u are not part of the rule language").WithHint("leave the u out"))
	default:
		t.failAt(f, e, fault.New(codeBadRule, "b'...' is not part of the rule language").WithHint("write '...'"))
	}
	return nil
}

// cond translates a node that must be a condition. json counts as true where
// it is the JSON value true.
func (t *translation) cond(e ast.Expr, f *frame) query.Expr {
	x := t.expr(e, f)
	if x == nil {
		return nil
	}
	switch x.Type().Kind {
	case query.KindBool:
		return x
	case query.KindJSON:
		return t.made(e, f)(query.NewScalar(x, query.Type{Kind: query.KindBool}))
	case query.KindNull:
		t.failAt(f, e, fault.New(codeMismatch, "null is not a condition").WithHint("write x == null, or false"))
		return nil
	}
	t.failAt(f, e, fault.Newf(codeMismatch, "this is %s, not a condition", describe(x)).
		WithHint("compare it: with ==, !=, <, in, or == null"))
	return nil
}

func (t *translation) conds(args []ast.Expr, f *frame) []query.Expr {
	terms, ok := make([]query.Expr, 0, len(args)), true
	for _, arg := range args {
		term := t.cond(arg, f)
		ok = ok && term != nil
		terms = append(terms, term)
	}
	if !ok {
		return nil
	}
	return terms
}

// call translates an operator, a function or a macro.
func (t *translation) call(e ast.Expr, f *frame) query.Expr {
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd:
		if terms := t.conds(args, f); terms != nil {
			return &query.And{Terms: terms}
		}
		return nil
	case operators.LogicalOr:
		if terms := t.conds(args, f); terms != nil {
			return &query.Or{Terms: terms}
		}
		return nil
	case operators.LogicalNot:
		if term := t.cond(args[0], f); term != nil {
			return &query.Not{Term: term}
		}
		return nil
	case operators.Conditional:
		return t.conditional(e, f)
	case operators.In:
		return t.in(e, f)
	case operators.Index:
		return t.chain(e, f)
	case operators.Negate:
		return t.arithmetic(query.FuncNegate, e, f)
	case operators.Modulo:
		t.fail(f, f.body.offset(e.ID()), fault.New(codeBadRule, "% is not part of the rule language").WithHint("numbers have + - * /"))
		return nil
	default:
		if op, ok := comparison(name); ok {
			return t.compare(op, e, f)
		}
		if fn, ok := arithmetic(name); ok {
			return t.arithmetic(fn, e, f)
		}
		return t.function(e, f)
	}
}

func comparison(name string) (query.CompareOp, bool) {
	switch name {
	case operators.Equals:
		return query.Equal, true
	case operators.NotEquals:
		return query.NotEqual, true
	case operators.Less:
		return query.Less, true
	case operators.LessEquals:
		return query.LessEqual, true
	case operators.Greater:
		return query.Greater, true
	case operators.GreaterEquals:
		return query.GreaterEqual, true
	}
	return 0, false
}

func arithmetic(name string) (query.FuncName, bool) {
	switch name {
	case operators.Add:
		return query.FuncAdd, true
	case operators.Subtract:
		return query.FuncSubtract, true
	case operators.Multiply:
		return query.FuncMultiply, true
	case operators.Divide:
		return query.FuncDivide, true
	}
	return 0, false
}
