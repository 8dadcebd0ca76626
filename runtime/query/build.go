package query

import (
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// NewLiteral is a constant of the value's own type.
func NewLiteral(v Value) *Literal {
	return &Literal{Value: v, Of: Type{Kind: v.Kind, Scale: v.Scale}}
}

// Condition makes e stand where a condition must: a bool as it is, json as
// the boolean that it holds.
func Condition(e Expr) (Expr, *fault.Fault) {
	switch {
	case e.Type().Kind == KindBool:
		return e, nil
	case isNullLiteral(e):
		return literalUnknown, nil
	case e.Type().Kind == KindJSON:
		return NewScalar(e, boolType)
	}
	return nil, fault.Newf(CodeTypeMismatch, "a condition must be boolean, this is %s", article(e.Type())).
		WithHint("compare it with something")
}

// NewAnd is true when all terms are.
func NewAnd(terms ...Expr) (Expr, *fault.Fault) {
	conditions, f := conditionsOf(terms)
	if f != nil {
		return nil, f
	}
	return &And{Terms: conditions}, nil
}

// NewOr is true when one term is.
func NewOr(terms ...Expr) (Expr, *fault.Fault) {
	conditions, f := conditionsOf(terms)
	if f != nil {
		return nil, f
	}
	return &Or{Terms: conditions}, nil
}

func conditionsOf(terms []Expr) ([]Expr, *fault.Fault) {
	out := make([]Expr, len(terms))
	for i, term := range terms {
		condition, f := Condition(term)
		if f != nil {
			return nil, f
		}
		out[i] = condition
	}
	return out, nil
}

// NewNot negates a condition.
func NewNot(term Expr) (Expr, *fault.Fault) {
	condition, f := Condition(term)
	if f != nil {
		return nil, f
	}
	return &Not{Term: condition}, nil
}

// NewIs asks for null, or for the truth of a bool. A JSON null inside json is
// a value, as in PostgreSQL.
func NewIs(operand Expr, what IsWhat) (Expr, *fault.Fault) {
	if what == IsNull || what == IsNotNull {
		return &Is{Operand: operand, What: what}, nil
	}
	if operand.Type().Kind != KindBool {
		return nil, fault.Newf(CodeTypeMismatch, "argument of IS %s must be type boolean, not type %s", isNames[what], operand.Type().WireName())
	}
	return &Is{Operand: operand, What: what}, nil
}

var isNames = [...]string{IsNull: "NULL", IsNotNull: "NOT NULL", IsTrue: "TRUE", IsFalse: "FALSE", IsUnknown: "UNKNOWN"}

// NewNullTest is a rule's "== null", or "!= null": inside json, JSON's null
// is null too.
func NewNullTest(operand Expr, negate bool) Expr {
	if path, ok := operand.(*Path); ok && !path.Text {
		operand = &Path{Base: path.Base, Steps: path.Steps, Text: true}
	}
	if negate {
		return &Is{Operand: operand, What: IsNotNull}
	}
	return &Is{Operand: operand, What: IsNull}
}

// NewLike matches a text with a LIKE pattern.
func NewLike(operand Expr, pattern string, fold bool) (Expr, *fault.Fault) {
	sign := "~~"
	if fold {
		sign = "~~*"
	}
	operand, f := textOperand(operand, sign)
	if f != nil {
		return nil, f
	}
	matcher, err := CompileLike(pattern, fold)
	if err != nil {
		return nil, fault.New(CodeEscape, errLikeEscape.Error()).WithHint(`write \\ for a backslash`)
	}
	return &Like{Operand: operand, Pattern: pattern, Fold: fold, matcher: matcher}, nil
}

// NewMatch matches a text with a regular expression.
func NewMatch(operand Expr, pattern string, fold bool) (Expr, *fault.Fault) {
	sign := "~"
	if fold {
		sign = "~*"
	}
	operand, f := textOperand(operand, sign)
	if f != nil {
		return nil, f
	}
	matcher, err := compileMatch(pattern, fold)
	if err != nil {
		return nil, fault.Newf(CodePattern, "invalid regular expression: %s", clip(err.Error())).
			WithHint("regular expressions are RE2: no backreferences, no lookaround")
	}
	return &Match{Operand: operand, Pattern: pattern, Fold: fold, matcher: matcher}, nil
}

// textOperand takes text as it is, and json as the string that it holds.
func textOperand(e Expr, sign string) (Expr, *fault.Fault) {
	switch e.Type().Kind {
	case KindText:
		return e, nil
	case KindJSON:
		return NewScalar(e, Type{Kind: KindText})
	}
	return nil, noOperator(sign, e.Type(), Type{}).WithHint("it is for text, this is " + article(e.Type()))
}

// NewPath walks into json or a list; a path on a path is one path. text asks
// for text (->>).
func NewPath(base Expr, steps []Step, text bool) (Expr, *fault.Fault) {
	if inner, ok := base.(*Path); ok && !inner.Text {
		joined := append(append(make([]Step, 0, len(inner.Steps)+len(steps)), inner.Steps...), steps...)
		return &Path{Base: inner.Base, Steps: joined, Text: text}, nil
	}
	if !isJSON(base.Type().Kind) {
		return nil, noOperator(arrow(text), base.Type(), Type{}).WithHint(
			fmt.Sprintf("only json and lists have members, this is %s", article(base.Type())))
	}
	return &Path{Base: base, Steps: steps, Text: text}, nil
}

func arrow(text bool) string {
	if text {
		return "->>"
	}
	return "->"
}

// NewCond is condition ? then : other; both branches must be of one type.
func NewCond(condition, then, other Expr) (Expr, *fault.Fault) {
	condition, f := Condition(condition)
	if f != nil {
		return nil, f
	}
	if isNullLiteral(then) {
		then = &Literal{Of: other.Type()}
	}
	if isNullLiteral(other) {
		other = &Literal{Of: then.Type()}
	}
	if then.Type() != other.Type() {
		unified, otherUnified, m := unify(then, other)
		if m != nil && m.literal != nil {
			return nil, m.literal
		}
		if m != nil || unified.Type().Kind != otherUnified.Type().Kind {
			return nil, fault.Newf(CodeTypeMismatch, "the two branches of ? : must be of one type, these are %s and %s",
				article(then.Type()), article(other.Type()))
		}
		then, other = unified, otherUnified
	}
	return &Cond{If: condition, Then: then, Else: other}, nil
}
