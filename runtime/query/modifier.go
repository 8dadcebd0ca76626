package query

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// operator is what a filter does with its value.
type operator struct {
	name string
	// modifier is any or all, or the configuration of a full-text search; ""
	// for none.
	modifier string
}

// quantified reads op(any).{a,b} and op(all).{a,b}: one condition, or every
// one, of the same operator. A null in it is unknown.
func (p *requestParser) quantified(operand Expr, op operator, text string) (Expr, *fault.Fault) {
	items, ok := splitBraces(strings.TrimSpace(text))
	if !ok {
		return nil, malformedArray(text)
	}
	var terms []Expr
	for _, item := range items {
		term := Expr(literalUnknown)
		var f *fault.Fault
		if !item.quoted && strings.EqualFold(item.text, "null") {
			f = p.condition()
		} else {
			term, f = p.operation(operand, operator{name: op.name}, item.text, nil)
		}
		if f != nil {
			return nil, f
		}
		terms = append(terms, term)
	}
	if op.modifier == "any" {
		return simplifyOr(&Or{Terms: terms}), nil
	}
	return simplifyAnd(&And{Terms: terms}), nil
}

// newDistinctText is IS DISTINCT FROM, which is never unknown. The word null
// is null, but on texts, where it is a text.
func newDistinctText(operand Expr, negate bool, text string) (Expr, *fault.Fault) {
	if operand.Type().Kind != KindText && strings.EqualFold(strings.TrimSpace(text), "null") {
		if negate {
			return NewIs(operand, IsNull)
		}
		return NewIs(operand, IsNotNull)
	}
	op, null := NotEqual, IsNull
	if negate {
		op, null = Equal, IsNotNull
	}
	compare, f := newCompareText(op, operand, text)
	if f != nil {
		return nil, f
	}
	terms := []Expr{&Is{Operand: operand, What: null}, compare}
	if negate {
		return simplifyAnd(&And{Terms: terms}), nil
	}
	return simplifyOr(&Or{Terms: terms}), nil
}

// rangeSigns are the operators of range types, which there are none of.
var rangeSigns = map[string]string{"sl": "<<", "sr": ">>", "nxl": "&>", "nxr": "&<", "adj": "-|-"}

func noRange(op string, t Type) *fault.Fault {
	return noOperator(rangeSigns[op], t, Type{}).WithHint("it is for ranges, this is " + article(t))
}
