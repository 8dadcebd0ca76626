package access

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// function translates a call: one of ours, or a macro of the manifest. A
// function may stand before its first argument's dot or around it.
func (t *translation) function(e ast.Expr, f *frame) query.Expr {
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	if call.IsMemberFunction() {
		if asked, made := t.asks(e, f); asked {
			return made
		}
		args = append([]ast.Expr{call.Target()}, args...)
	} else if m := t.c.macros[name]; m != nil {
		return t.inline(m, e, f)
	}
	switch name {
	case "has":
		return t.has(e, args, f)
	case "size":
		return t.plain(query.FuncSize, e, args, f, "size(tags)", 1)
	case "lower":
		return t.plain(query.FuncLower, e, args, f, "lower(title)", 1)
	case "contains":
		return t.contains(e, args, f)
	case "startsWith":
		return t.plain(query.FuncStartsWith, e, args, f, "title.startsWith('x')", 2)
	case "endsWith":
		return t.plain(query.FuncEndsWith, e, args, f, "title.endsWith('x')", 2)
	case "matches":
		return t.matches(e, args, f)
	case "now":
		if t.arity(e, args, f, "now()", 0) && t.clock(e, f) {
			return &query.Now{}
		}
		return nil
	case "uuid":
		if t.arity(e, args, f, "uuid()", 0) && t.uuid(e, f) {
			return t.made(e, f)(query.NewCall(query.FuncUUID))
		}
		return nil
	}
	t.unknownFunction(e, f)
	return nil
}

// arity checks the number of arguments, that before the dot included.
func (t *translation) arity(e ast.Expr, args []ast.Expr, f *frame, example string, want int) bool {
	if len(args) == want {
		return true
	}
	got := len(args)
	if e.AsCall().IsMemberFunction() { // what stands before the dot is not counted
		want, got = max(want-1, 0), got-1
	}
	t.fail(f, t.nameAt(e, f), fault.Newf(codeBadRule, "%s takes %s, not %d", e.AsCall().FunctionName(), count(want, "argument"), got).
		WithHint("write "+example))
	return false
}

// nameAt is where the called name stands.
func (t *translation) nameAt(e ast.Expr, f *frame) int {
	return f.body.nameBefore(f.body.offset(e.ID()))
}

// plain translates a function of text or lists.
func (t *translation) plain(fn query.FuncName, e ast.Expr, args []ast.Expr, f *frame, example string, want int) query.Expr {
	if !t.arity(e, args, f, example, want) {
		return nil
	}
	operands, ok := make([]query.Expr, len(args)), true
	for i, arg := range args {
		operands[i] = t.operand(arg, f)
		ok = ok && operands[i] != nil
	}
	if !ok {
		return nil
	}
	made, problem := query.NewCall(fn, operands...)
	if problem != nil {
		t.badOperands(e, operands, f, example)
		return nil
	}
	return made
}

func (t *translation) badOperands(e ast.Expr, operands []query.Expr, f *frame, example string) {
	kinds := make([]string, len(operands))
	for i, x := range operands {
		kinds[i] = describe(x)
	}
	t.fail(f, t.nameAt(e, f), fault.Newf(codeMismatch, "%s does not take %s", e.AsCall().FunctionName(), strings.Join(kinds, " and ")).
		WithHint("it is used as in "+example))
}

// contains is a part of a text, or an item of a list.
func (t *translation) contains(e ast.Expr, args []ast.Expr, f *frame) query.Expr {
	const example = "title.contains('x')"
	if !t.arity(e, args, f, example, 2) {
		return nil
	}
	whole, part := t.operand(args[0], f), t.operand(args[1], f)
	if whole == nil || part == nil {
		return nil
	}
	if whole.Type().Kind == query.KindList {
		return t.member(whole, part, e, f)
	}
	made, problem := query.NewCall(query.FuncContains, whole, part)
	if problem != nil {
		t.badOperands(e, []query.Expr{whole, part}, f, example)
		return nil
	}
	return made
}

// matches needs its pattern written out, for it is compiled now.
func (t *translation) matches(e ast.Expr, args []ast.Expr, f *frame) query.Expr {
	const example = "isbn.matches('^97[89]')"
	if !t.arity(e, args, f, example, 2) {
		return nil
	}
	operand := t.operand(args[0], f)
	if operand == nil {
		return nil
	}
	pattern, isText := types.String(""), false
	if args[1].Kind() == ast.LiteralKind {
		pattern, isText = args[1].AsLiteral().(types.String)
	}
	if !isText {
		t.failAt(f, args[1], fault.New(codeBadRule, "the pattern of matches must be written out").WithHint("write "+example))
		return nil
	}
	if problem := checkPattern(string(pattern)); problem != nil {
		t.failAt(f, args[1], problem)
		return nil
	}
	made, problem := query.NewMatch(operand, string(pattern), false)
	if problem != nil {
		t.badOperands(e, []query.Expr{operand}, f, example)
		return nil
	}
	return made
}

// has asks whether a value is there, which is: not null.
func (t *translation) has(e ast.Expr, args []ast.Expr, f *frame) query.Expr {
	if !t.arity(e, args, f, "has(auth.claims.team)", 1) {
		return nil
	}
	x := t.operand(args[0], f)
	if x == nil {
		return nil
	}
	return query.NewNullTest(x, true)
}

func (t *translation) clock(e ast.Expr, f *frame) bool {
	if t.scope.clock {
		return true
	}
	t.fail(f, t.nameAt(e, f), fault.Newf(codeBadRule, "now() cannot stand in %s", t.scope.name).
		WithHint("its answer must not change while rows do not: keep the time in a column, or a flag that a write sets"))
	return false
}

func (t *translation) uuid(e ast.Expr, f *frame) bool {
	if t.scope.uuid {
		return true
	}
	t.fail(f, t.nameAt(e, f), fault.Newf(codeBadRule, "uuid() cannot stand in %s", t.scope.name).
		WithHint("it makes a new value each time; it is for `auto` and `default`"))
	return false
}

// inline puts a macro's tree in place of its call.
func (t *translation) inline(m *macro, e ast.Expr, f *frame) query.Expr {
	if m.body == nil || m.broken {
		return nil // reported where it is declared
	}
	args := e.AsCall().Args()
	if len(args) != len(m.rule.Params) {
		t.fail(f, t.nameAt(e, f), fault.Newf(codeBadRule, "rule %s takes %s, not %d", m.rule.Name, count(len(m.rule.Params), "argument"), len(args)).
			WithHint("it is declared as "+m.signature()))
		return nil
	}
	inner := &frame{body: m.body, macro: m, depth: f.depth + 1}
	if inner.depth > maxNesting {
		t.stuck = true
		t.c.report(t.top, 0, fault.Newf(codeTooComplex, "rules call each other deeper than %d levels", maxNesting))
		return nil
	}
	if len(args) > 0 {
		inner.args = make(map[string]argument, len(args))
		for i, name := range m.rule.Params {
			inner.args[name] = argument{args[i], f}
		}
	}
	return t.expr(m.body.root, inner)
}

// elsewhere are names that people bring from CEL and SQL.
var elsewhere = map[string]string{
	"exists":       "another table is asked with tables.NAME.exists(m, m.user == auth.uid); for an item of a list write 'x' in tags",
	"all":          "comprehensions are not part of the rule language",
	"map":          "comprehensions are not part of the rule language",
	"filter":       "comprehensions are not part of the rule language",
	"exists_one":   "comprehensions are not part of the rule language",
	"length":       "write size(x)",
	"len":          "write size(x)",
	"count":        "write size(x)",
	"lowerAscii":   "write lower(x)",
	"toLowerCase":  "write lower(x)",
	"includes":     "write 'x' in tags, or title.contains('x')",
	"any":          "write 'x' in tags",
	"timestamp":    "a time is compared with its text: created_at > '2026-01-31T00:00:00Z'",
	"date":         "a day is compared with its text: since > '2026-01-31'",
	"current_user": "the caller is auth.uid",
	"uid":          "the caller is auth.uid",
	"role":         "the caller's role is auth.role, without ()",
	"email":        "the caller's address is auth.email, without ()",
	"jwt":          "claims of the token are auth.claims.x",
	"string":       "values are not converted in rules; compare with a value of the same type",
	"int":          "values are not converted in rules; compare with a value of the same type",
	"double":       "values are not converted in rules; compare with a value of the same type",
	"like":         "use contains, startsWith, endsWith or matches",
}

func (t *translation) unknownFunction(e ast.Expr, f *frame) {
	call := e.AsCall()
	name := call.FunctionName()
	hint, known := elsewhere[name]
	if !known {
		candidates := append(append([]string{}, functions...), t.c.macroNames...)
		hint = fault.NearestHint(name, candidates, "functions are has, size, contains, startsWith, endsWith, matches, lower; your own stand in `rules`")
	}
	if m := t.c.macros[name]; m != nil {
		hint = "write " + m.signature() + ", without anything before it"
	}
	problem := fault.Newf(codeUnknownRule, "there is no rule or function %s", quoted(name))
	t.fail(f, t.nameAt(e, f), problem.WithHint(hint))
}
