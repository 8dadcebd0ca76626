package query

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

const (
	operatorList = "eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, in, is"
	wantOperator = `"not" or operator (` + operatorList + `)`
)

// parseFilter reads column=op.value, or path=op.value.
func (p *requestParser) parseFilter(key, value string) (Expr, *fault.Fault) {
	var operand Expr
	c := p.visible(key)
	if c != nil {
		operand = p.table.Ref(c)
	} else {
		s := scanner{what: "filter column", text: key}
		name, f := s.name()
		if f != nil {
			return nil, f
		}
		if s.sees(".") {
			return nil, notEmbedded(name)
		}
		if operand, c, f = p.fieldNamed(&s, name); f != nil {
			return nil, f
		}
		if !s.end() {
			return nil, s.fail(`"->", "->>" or the end`)
		}
	}
	p.request.Filtered.Add(c)

	s := scanner{what: "filter", text: value}
	negate := s.skip("not.")
	op, f := s.operator()
	if f != nil {
		return nil, f
	}
	var list []string
	if op == "in" {
		if list, f = p.list(&s); f != nil {
			return nil, f
		}
		if !s.end() {
			return nil, s.fail("the end")
		}
		return p.predicate(operand, negate, op, "", list)
	}
	return p.predicate(operand, negate, op, s.rest(), nil)
}

func notEmbedded(name string) *fault.Fault {
	return fault.Newf(CodeNotEmbedded, "'%s' is not an embedded resource in this request", clip(name)).
		WithHint(fmt.Sprintf("Verify that '%s' is included in the 'select' query parameter.", clip(name)))
}

// operator reads an operator and the dot behind it.
func (s *scanner) operator() (string, *fault.Fault) {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= 'a' && s.text[s.at] <= 'z' {
		s.at++
	}
	op := s.text[start:s.at]
	switch op {
	case "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is":
		if s.sees("(any)") || s.sees("(all)") {
			return "", notInVersion("the modifier any or all")
		}
	case "cs", "cd", "ov", "sl", "sr", "nxl", "nxr", "adj", "fts", "plfts", "phfts", "wfts", "isdistinct":
		return "", fault.Newf(CodeParse, "the operator %s is not in this version", op).
			WithHint("the operators are " + operatorList)
	default:
		s.at = start
		return "", s.fail(wantOperator)
	}
	if !s.take('.') {
		return "", s.fail(`"."`)
	}
	return op, nil
}

// list reads (a,"b,c",d). A quoted member that goes on behind its quotes is
// taken as it stands, quotes and all.
func (p *requestParser) list(s *scanner) ([]string, *fault.Fault) {
	if !s.take('(') {
		return nil, s.fail(`"("`)
	}
	if s.take(')') {
		return nil, nil
	}
	var items []string
	for {
		items = append(items, s.value())
		if len(items) > p.limits.InList {
			return nil, beyond("in has", p.limits.InList, "members")
		}
		if s.take(')') {
			return items, nil
		}
		if !s.take(',') {
			return nil, s.fail(`"," or ")"`)
		}
	}
}

// value reads a value that ends at , or ): quoted, or as it stands.
func (s *scanner) value() string {
	if s.sees(`"`) {
		text, n, ok := unquote(s.rest())
		if after := s.at + n; ok && (after == len(s.text) || s.text[after] == ',' || s.text[after] == ')') {
			s.at = after
			return text
		}
	}
	rest := s.rest()
	end := strings.IndexAny(rest, ",)")
	if end < 0 {
		end = len(rest)
	}
	s.at += end
	return rest[:end]
}

// predicate types one condition.
func (p *requestParser) predicate(operand Expr, negate bool, op, value string, list []string) (Expr, *fault.Fault) {
	if p.predicates++; p.predicates > p.limits.Predicates {
		return nil, beyond("the filters have", p.limits.Predicates, "conditions")
	}
	var e Expr
	var f *fault.Fault
	switch op {
	case "in":
		e, f = newInTexts(operand, list)
	case "is":
		e, f = newIsText(operand, value)
	case "like", "ilike":
		e, f = p.like(operand, value, op == "ilike")
	case "match", "imatch":
		if utf8.RuneCountInString(value) > p.limits.Pattern {
			return nil, beyond("a regular expression has", p.limits.Pattern, "characters")
		}
		e, f = NewMatch(operand, value, op == "imatch")
	default:
		compare := compareOf(op)
		if negate {
			compare = negated[compare]
		}
		return newCompareText(compare, operand, value)
	}
	if f != nil {
		return nil, f
	}
	if negate {
		return simplifyNot(&Not{Term: e}), nil
	}
	return e, nil
}

func compareOf(op string) CompareOp {
	switch op {
	case "neq":
		return NotEqual
	case "gt":
		return Greater
	case "gte":
		return GreaterEqual
	case "lt":
		return Less
	case "lte":
		return LessEqual
	}
	return Equal
}

func newCompareText(op CompareOp, operand Expr, text string) (Expr, *fault.Fault) {
	t := operand.Type()
	v, f := ParseLiteral(t, text)
	if f != nil {
		return nil, f
	}
	if v.Kind == KindDecimal {
		return NewCompare(op, operand, NewLiteral(v))
	}
	// The literal has the operand's own type: nothing is left to check.
	node := &struct {
		compare Compare
		literal Literal
	}{literal: Literal{Value: v, Of: t}}
	node.compare = Compare{Op: op, Left: operand, Right: &node.literal}
	return &node.compare, nil
}

func newInTexts(operand Expr, texts []string) (Expr, *fault.Fault) {
	t := operand.Type()
	literals := make([]Literal, len(texts))
	list := make([]Expr, len(texts))
	for i, text := range texts {
		v, f := ParseLiteral(t, text)
		if f != nil {
			return nil, f
		}
		literals[i] = Literal{Value: v, Of: t}
		if v.Kind == KindDecimal {
			literals[i].Of.Scale = v.Scale
		}
		list[i] = &literals[i]
	}
	if t.Kind != KindDecimal {
		return simplifyIn(&In{Operand: operand, List: list}), nil
	}
	e, f := NewIn(operand, list)
	if f != nil {
		return nil, f
	}
	return simplifyNode(e), nil
}

func newIsText(operand Expr, text string) (Expr, *fault.Fault) {
	for what, name := range [...]string{IsNull: "null", IsNotNull: "not_null", IsTrue: "true", IsFalse: "false", IsUnknown: "unknown"} {
		if strings.EqualFold(text, name) {
			return NewIs(operand, IsWhat(what))
		}
	}
	return nil, parseFault("filter", "is."+text, len("is."), "null, not_null, true, false or unknown")
}

func (p *requestParser) like(operand Expr, pattern string, fold bool) (Expr, *fault.Fault) {
	pattern = strings.ReplaceAll(pattern, "*", "%")
	if utf8.RuneCountInString(pattern) > p.limits.Pattern {
		return nil, beyond("a pattern has", p.limits.Pattern, "characters")
	}
	if strings.Count(pattern, "%") > p.limits.Wildcards {
		return nil, beyond("a pattern has", p.limits.Wildcards, "wildcards")
	}
	return NewLike(operand, pattern, fold)
}
