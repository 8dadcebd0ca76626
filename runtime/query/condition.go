package query

import (
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// predicate types what a filter asks.
func (p *requestParser) predicate(operand Expr, negate bool, op operator, value string, list []string) (Expr, *fault.Fault) {
	if related, ok := operand.(*Related); ok {
		return p.presence(related, negate, op, value)
	}
	if texts, ok := operand.(*Texts); ok && !strings.HasSuffix(op.name, "fts") {
		return nil, noWords(texts, op.name)
	}
	switch op.name {
	case "eq", "neq", "gt", "gte", "lt", "lte":
		if op.modifier != "" {
			break
		}
		if f := p.condition(); f != nil {
			return nil, f
		}
		compare := compareOf(op.name)
		if negate {
			compare = negated[compare]
		}
		return newCompareText(compare, operand, value)
	case "isdistinct":
		if f := p.condition(); f != nil {
			return nil, f
		}
		return newDistinctText(operand, negate, value)
	}
	var e Expr
	var f *fault.Fault
	if op.modifier == "any" || op.modifier == "all" {
		e, f = p.quantified(operand, op, value)
	} else {
		e, f = p.operation(operand, op, value, list)
	}
	if f != nil {
		return nil, f
	}
	if negate {
		return simplifyNot(&Not{Term: e}), nil
	}
	return e, nil
}

// condition counts one.
func (p *requestParser) condition() *fault.Fault {
	if p.spent.predicates++; p.spent.predicates > p.limits.Predicates {
		return beyond("the filters have", p.limits.Predicates, "conditions")
	}
	return nil
}

// operation types one condition, as it is without not.
func (p *requestParser) operation(operand Expr, op operator, value string, list []string) (Expr, *fault.Fault) {
	if f := p.condition(); f != nil {
		return nil, f
	}
	switch op.name {
	case "in":
		return newInTexts(operand, list)
	case "is":
		return newIsText(operand, value)
	case "like", "ilike":
		return p.like(operand, value, op.name == "ilike")
	case "match", "imatch":
		if utf8.RuneCountInString(value) > p.limits.Pattern {
			return nil, beyond("a regular expression has", p.limits.Pattern, "characters")
		}
		return NewMatch(operand, value, op.name == "imatch")
	case "cs", "cd", "ov":
		return p.contain(operand, op.name, value)
	case "sl", "sr", "nxl", "nxr", "adj":
		return nil, noRange(op.name, operand.Type())
	case "fts", "plfts", "phfts", "wfts":
		return p.fullText(operand, op.name, op.modifier, value)
	}
	return newCompareText(compareOf(op.name), operand, value)
}

// presence is is.null and not.is.null on an embed: whether it has no rows.
func (p *requestParser) presence(related *Related, negate bool, op operator, value string) (Expr, *fault.Fault) {
	if f := p.condition(); f != nil {
		return nil, f
	}
	if op.name != "is" || !strings.EqualFold(value, "null") {
		return nil, fault.Newf(CodeRelatedFilter, "Bad operator on the '%s' embedded resource", clip(related.Of.Name)).
			WithDetails("Only is null or not is null filters are allowed on embedded resources")
	}
	if negate {
		return related, nil
	}
	return &Not{Term: related}, nil
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
