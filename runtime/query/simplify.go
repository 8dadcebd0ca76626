package query

import "slices"

var (
	literalTrue    = &Literal{Value: Bool(true), Of: boolType}
	literalFalse   = &Literal{Value: Bool(false), Of: boolType}
	literalUnknown = &Literal{Of: boolType}
)

// TrueExpr is the condition that always holds.
func TrueExpr() Expr { return literalTrue }

// FalseExpr is the condition that never holds.
func FalseExpr() Expr { return literalFalse }

// IsTrueExpr reports whether e is the literal true; no condition at all (nil)
// is true too.
func IsTrueExpr(e Expr) bool {
	if e == nil {
		return true
	}
	t, ok := literalTruth(e)
	return ok && t == True
}

// NeverHolds reports whether e is the literal false or unknown, so that no row
// needs to be asked.
func NeverHolds(e Expr) bool {
	t, ok := literalTruth(e)
	return ok && t != True
}

func literalTruth(e Expr) (Truth, bool) {
	l, ok := e.(*Literal)
	if !ok {
		return Unknown, false
	}
	return TruthOf(l.Value), true
}

func truthLiteral(t Truth) Expr {
	switch t {
	case True:
		return literalTrue
	case False:
		return literalFalse
	}
	return literalUnknown
}

// Conjunction is the simplified AND of terms; nil terms are left out, and no
// terms give nil, which is every row.
func Conjunction(terms ...Expr) Expr {
	n := 0
	var last Expr
	for _, term := range terms {
		if term != nil {
			n++
			last = term
		}
	}
	if n <= 1 {
		return last
	}
	kept := make([]Expr, 0, n)
	for _, term := range terms {
		if term != nil {
			kept = append(kept, term)
		}
	}
	return simplifyAnd(&And{Terms: kept})
}

// Simplify folds what is constant and flattens what is nested, keeping the
// three-valued meaning on every row. It is idempotent and gives the same tree
// where there is nothing to do.
func Simplify(e Expr) Expr {
	if e == nil {
		return nil
	}
	return Rewrite(e, simplifyNode)
}

// simplifyNode simplifies a node whose children are simple already.
func simplifyNode(e Expr) Expr {
	switch e := e.(type) {
	case *And:
		return simplifyAnd(e)
	case *Or:
		return simplifyOr(e)
	case *Not:
		return simplifyNot(e)
	case *Compare:
		return simplifyCompare(e)
	case *In:
		return simplifyIn(e)
	case *Is:
		return foldCondition(e, e.Operand)
	case *Like:
		return foldCondition(e, e.Operand)
	case *Match:
		return foldCondition(e, e.Operand)
	case *Search:
		if !slices.ContainsFunc(e.Operands, isNoLiteral) {
			return truthLiteral(Holds(e, nil, nil))
		}
	case *Path:
		return foldValue(e, e.Base)
	case *Call:
		if e.Func == FuncUUID {
			return e
		}
		return foldValue(e, e.Args...)
	case *Cond:
		return simplifyCond(e)
	case *Exists:
		if neverTrue(e.Where) {
			return literalFalse
		}
	case *Lookup:
		if neverTrue(e.Where) {
			return &Literal{Of: e.Type()}
		}
	}
	return e
}

// neverTrue reports whether a condition is false or unknown whatever the row.
func neverTrue(e Expr) bool {
	switch e := e.(type) {
	case *And:
		return slices.ContainsFunc(e.Terms, neverTrue)
	case *Or:
		return !slices.ContainsFunc(e.Terms, func(term Expr) bool { return !neverTrue(term) })
	}
	return NeverHolds(e)
}

func isLiteral(e Expr) bool {
	_, ok := e.(*Literal)
	return ok
}

func isNoLiteral(e Expr) bool { return !isLiteral(e) }

func isNullLiteral(e Expr) bool {
	l, ok := e.(*Literal)
	return ok && l.Value.IsNull()
}

// foldCondition evaluates a condition on a constant.
func foldCondition(e, operand Expr) Expr {
	if !isLiteral(operand) {
		return e
	}
	return truthLiteral(Holds(e, nil, nil))
}

// foldValue evaluates a function of constants, and a function of null.
func foldValue(e Expr, args ...Expr) Expr {
	constant := true
	for _, arg := range args {
		if isNullLiteral(arg) {
			return &Literal{Of: e.Type()}
		}
		constant = constant && isLiteral(arg)
	}
	if !constant {
		return e
	}
	return &Literal{Value: Eval(e, nil, nil), Of: e.Type()}
}

func simplifyAnd(e *And) Expr {
	if !needsFlat(e.Terms, andTerms) {
		return e
	}
	terms, decided := flatten(e.Terms, True, andTerms)
	switch {
	case decided:
		return literalFalse
	case len(terms) == 0:
		return literalTrue
	case len(terms) == 1:
		return terms[0]
	}
	return &And{Terms: terms}
}

func simplifyOr(e *Or) Expr {
	if !needsFlat(e.Terms, orTerms) {
		return e
	}
	terms, decided := flatten(e.Terms, False, orTerms)
	switch {
	case decided:
		return literalTrue
	case len(terms) == 0:
		return literalFalse
	case len(terms) == 1:
		return terms[0]
	}
	return &Or{Terms: terms}
}

// andTerms are the terms of an And; false for another node.
func andTerms(e Expr) ([]Expr, bool) {
	and, ok := e.(*And)
	if !ok {
		return nil, false
	}
	return and.Terms, true
}

// orTerms are the terms of an Or; false for another node.
func orTerms(e Expr) ([]Expr, bool) {
	or, ok := e.(*Or)
	if !ok {
		return nil, false
	}
	return or.Terms, true
}

// flatten puts the terms of a term in its place, and leaves out those that say
// nothing. It reports whether one decides all. Unknown stays where it is: beside
// false it is false, beside true it is not.
func flatten(list []Expr, nothing Truth, termsOf func(Expr) ([]Expr, bool)) ([]Expr, bool) {
	terms := make([]Expr, 0, len(list)+4)
	for _, term := range list {
		if t, ok := literalTruth(term); ok && t == nothing {
			continue
		} else if ok && t == nothing.Not() {
			return nil, true
		}
		if inner, ok := termsOf(term); ok {
			terms = append(terms, inner...)
			continue
		}
		terms = append(terms, term)
	}
	return terms, false
}

// needsFlat reports whether a list of terms can be made simpler.
func needsFlat(terms []Expr, termsOf func(Expr) ([]Expr, bool)) bool {
	if len(terms) < 2 {
		return true
	}
	for _, term := range terms {
		if t, ok := literalTruth(term); ok && t != Unknown {
			return true
		}
		if _, ok := termsOf(term); ok {
			return true
		}
	}
	return false
}

func simplifyNot(e *Not) Expr {
	switch term := e.Term.(type) {
	case *Literal:
		return truthLiteral(TruthOf(term.Value).Not())
	case *Not:
		return term.Term
	case *Compare:
		return &Compare{Op: negated[term.Op], Left: term.Left, Right: term.Right}
	case *Is:
		if term.What == IsNull {
			return &Is{Operand: term.Operand, What: IsNotNull}
		}
		if term.What == IsNotNull {
			return &Is{Operand: term.Operand, What: IsNull}
		}
	}
	return e
}

// negated gives what an operator's negation is: comparisons are total on what
// is not null, and null makes both unknown.
var negated = [...]CompareOp{
	Equal: NotEqual, NotEqual: Equal,
	Less: GreaterEqual, GreaterEqual: Less,
	Greater: LessEqual, LessEqual: Greater,
}

// mirrored gives the operator with its sides changed.
var mirrored = [...]CompareOp{
	Equal: Equal, NotEqual: NotEqual,
	Less: Greater, Greater: Less,
	LessEqual: GreaterEqual, GreaterEqual: LessEqual,
}

func simplifyCompare(e *Compare) Expr {
	left, right := isLiteral(e.Left), isLiteral(e.Right)
	switch {
	case left && right, isNullLiteral(e.Left), isNullLiteral(e.Right):
		return truthLiteral(compareTruth(e.Op, literalValue(e.Left), literalValue(e.Right)))
	case left:
		return &Compare{Op: mirrored[e.Op], Left: e.Right, Right: e.Left}
	}
	return e
}

// literalValue is a literal's value, null for all else.
func literalValue(e Expr) Value {
	if l, ok := e.(*Literal); ok {
		return l.Value
	}
	return Value{}
}

func simplifyIn(e *In) Expr {
	switch {
	case len(e.List) == 0:
		return literalFalse
	case isNullLiteral(e.Operand):
		return literalUnknown
	case len(e.List) == 1:
		return simplifyCompare(&Compare{Op: Equal, Left: e.Operand, Right: e.List[0]})
	case !isLiteral(e.Operand):
		return e
	}
	for _, item := range e.List {
		if !isLiteral(item) {
			return e
		}
	}
	return truthLiteral(Holds(e, nil, nil))
}

func simplifyCond(e *Cond) Expr {
	t, ok := literalTruth(e.If)
	switch {
	case !ok:
		return e
	case t == True:
		return e.Then
	case t == False:
		return e.Else
	}
	return &Literal{Of: e.Type()}
}
