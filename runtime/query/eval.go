package query

// Eval gives the value of an expression on a row in memory; old is the row
// before the write, nil where there is none. It must agree with what engines
// compute, to the letter. A tree that is not bound evaluates Auth, Now and
// Param to null, so that what is forgotten denies. Arithmetic that leaves its
// type, and division by zero, is null in every evaluator.
func Eval(e Expr, row, old Row) Value {
	switch e := e.(type) {
	case *Literal:
		return e.Value
	case *ColumnRef:
		return evalColumn(e, row, old)
	case *Path:
		return evalPath(e, Eval(e.Base, row, old))
	case *Call:
		return evalCall(e, row, old)
	case *Cond:
		switch Holds(e.If, row, old) {
		case True:
			return Eval(e.Then, row, old)
		case False:
			return Eval(e.Else, row, old)
		}
		return Value{}
	case *Rank:
		return evalRank(e.Of, row, old)
	case *Distance:
		return evalDistance(e, Eval(e.Operand, row, old))
	case *Cast:
		v, f := CastValue(Eval(e.Operand, row, old), e.Of)
		if f != nil {
			return Value{} // an engine gives the fault
		}
		return v
	case *Auth, *Now, *Param, *Exists, *Lookup, *Embed, *Aggregate, *Made, *Related, *Nearness, *Hops, *Texts:
		return Value{} // what a store alone knows denies, as what is not bound
	}
	return Holds(e, row, old).Value()
}

func evalColumn(e *ColumnRef, row, old Row) Value {
	if e.Old {
		row = old
	}
	if e.Column.Index >= len(row) {
		return Value{}
	}
	return row[e.Column.Index]
}

func evalPath(e *Path, base Value) Value {
	if !isJSON(base.Kind) {
		return Value{}
	}
	raw, ok := jsonPath(base.S, e.Steps)
	switch {
	case !ok:
		return Value{}
	case e.Text:
		return jsonText(raw)
	}
	return JSON(raw)
}

// Holds gives the outcome of a condition on a row in memory; old as in Eval.
// It allocates nothing but where json strings have escapes, numbers fractions,
// or objects are compared.
func Holds(e Expr, row, old Row) Truth {
	switch e := e.(type) {
	case *Compare:
		return compareTruth(e.Op, Eval(e.Left, row, old), Eval(e.Right, row, old))
	case *And:
		least := True
		for _, term := range e.Terms {
			if least = min(least, Holds(term, row, old)); least == False {
				return False
			}
		}
		return least
	case *Or:
		greatest := False
		for _, term := range e.Terms {
			if greatest = max(greatest, Holds(term, row, old)); greatest == True {
				return True
			}
		}
		return greatest
	case *Not:
		return Holds(e.Term, row, old).Not()
	case *Is:
		return truth(isTruth(e.What, Eval(e.Operand, row, old)))
	case *In:
		return holdsIn(e, row, old)
	case *Like:
		return holdsLike(e, Eval(e.Operand, row, old))
	case *Match:
		return holdsMatch(e, Eval(e.Operand, row, old))
	case *Search:
		return holdsSearch(e, row, old)
	}
	return TruthOf(Eval(e, row, old))
}

func compareTruth(op CompareOp, a, b Value) Truth {
	if a.Kind == KindNull || b.Kind == KindNull {
		return Unknown
	}
	c := CompareValues(a, b)
	switch op {
	case Equal:
		return truth(c == 0)
	case NotEqual:
		return truth(c != 0)
	case Less:
		return truth(c < 0)
	case LessEqual:
		return truth(c <= 0)
	case Greater:
		return truth(c > 0)
	}
	return truth(c >= 0)
}

func isTruth(what IsWhat, v Value) bool {
	switch what {
	case IsNull:
		return v.IsNull()
	case IsNotNull:
		return !v.IsNull()
	case IsTrue:
		return TruthOf(v) == True
	case IsFalse:
		return TruthOf(v) == False
	}
	return TruthOf(v) == Unknown
}

func holdsIn(e *In, row, old Row) Truth {
	if len(e.List) == 0 {
		return False
	}
	operand := Eval(e.Operand, row, old)
	if operand.IsNull() {
		return Unknown
	}
	result := False
	for _, item := range e.List {
		switch compareTruth(Equal, operand, Eval(item, row, old)) {
		case True:
			return True
		case Unknown:
			result = Unknown
		}
	}
	return result
}

func holdsLike(e *Like, v Value) Truth {
	if !isText(v.Kind) {
		return Unknown
	}
	if e.matcher == nil {
		return truth(likeOnce(e.Pattern, v.S, e.Fold))
	}
	return truth(e.matcher.Match(v.S))
}

func holdsMatch(e *Match, v Value) Truth {
	if !isText(v.Kind) {
		return Unknown
	}
	matcher := e.matcher
	if matcher == nil {
		var err error
		if matcher, err = compileMatch(e.Pattern, e.Fold); err != nil {
			return Unknown
		}
	}
	return truth(matcher.MatchString(v.S))
}
