package query

// Walk calls visit for e and, where visit says so, for all below it, parents
// first.
func Walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	switch e := e.(type) {
	case *Path:
		Walk(e.Base, visit)
	case *Compare:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case *And:
		walkAll(e.Terms, visit)
	case *Or:
		walkAll(e.Terms, visit)
	case *Not:
		Walk(e.Term, visit)
	case *Is:
		Walk(e.Operand, visit)
	case *In:
		Walk(e.Operand, visit)
		walkAll(e.List, visit)
	case *Like:
		Walk(e.Operand, visit)
	case *Match:
		Walk(e.Operand, visit)
	case *Call:
		walkAll(e.Args, visit)
	case *Cond:
		Walk(e.If, visit)
		Walk(e.Then, visit)
		Walk(e.Else, visit)
	}
}

func walkAll(list []Expr, visit func(Expr) bool) {
	for _, e := range list {
		Walk(e, visit)
	}
}

// Rewrite rebuilds a tree from its leaves up: f gets each node with its
// children rewritten and gives what stands in its place. Nodes below which
// nothing changed are not copied.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	switch n := e.(type) {
	case *Path:
		if base := Rewrite(n.Base, f); base != n.Base {
			e = &Path{Base: base, Steps: n.Steps, Text: n.Text}
		}
	case *Compare:
		left, right := Rewrite(n.Left, f), Rewrite(n.Right, f)
		if left != n.Left || right != n.Right {
			e = &Compare{Op: n.Op, Left: left, Right: right}
		}
	case *And:
		if terms, changed := rewriteAll(n.Terms, f); changed {
			e = &And{Terms: terms}
		}
	case *Or:
		if terms, changed := rewriteAll(n.Terms, f); changed {
			e = &Or{Terms: terms}
		}
	case *Not:
		if term := Rewrite(n.Term, f); term != n.Term {
			e = &Not{Term: term}
		}
	case *In:
		operand := Rewrite(n.Operand, f)
		list, changed := rewriteAll(n.List, f)
		if changed || operand != n.Operand {
			e = &In{Operand: operand, List: list}
		}
	case *Call:
		if args, changed := rewriteAll(n.Args, f); changed {
			e = &Call{Func: n.Func, Args: args, Of: n.Of}
		}
	case *Cond:
		condition, then, other := Rewrite(n.If, f), Rewrite(n.Then, f), Rewrite(n.Else, f)
		if condition != n.If || then != n.Then || other != n.Else {
			e = &Cond{If: condition, Then: then, Else: other}
		}
	default:
		e = rewriteOperand(e, f)
	}
	return f(e)
}

// rewriteOperand is Rewrite's step for the nodes with one operand and more
// beside it.
func rewriteOperand(e Expr, f func(Expr) Expr) Expr {
	switch n := e.(type) {
	case *Is:
		if operand := Rewrite(n.Operand, f); operand != n.Operand {
			return &Is{Operand: operand, What: n.What}
		}
	case *Like:
		if operand := Rewrite(n.Operand, f); operand != n.Operand {
			return &Like{Operand: operand, Pattern: n.Pattern, Fold: n.Fold, matcher: n.matcher}
		}
	case *Match:
		if operand := Rewrite(n.Operand, f); operand != n.Operand {
			return &Match{Operand: operand, Pattern: n.Pattern, Fold: n.Fold, matcher: n.matcher}
		}
	}
	return e
}

func rewriteAll(list []Expr, f func(Expr) Expr) ([]Expr, bool) {
	var out []Expr
	for i, e := range list {
		next := Rewrite(e, f)
		if next != e && out == nil {
			out = append(make([]Expr, 0, len(list)), list[:i]...)
		}
		if out != nil {
			out = append(out, next)
		}
	}
	if out == nil {
		return list, false
	}
	return out, true
}

// Columns is the set of columns that e reads, old values included.
func Columns(e Expr) ColumnSet {
	var s ColumnSet
	Walk(e, func(e Expr) bool {
		if ref, ok := e.(*ColumnRef); ok {
			s.Add(ref.Column)
		}
		return true
	})
	return s
}

// IsBound reports whether e holds no Auth, Now or Param.
func IsBound(e Expr) bool {
	return !contains(e, func(e Expr) bool {
		switch e.(type) {
		case *Auth, *Now, *Param:
			return true
		}
		return false
	})
}

// UsesNow reports whether e reads the clock, so that it changes by itself.
func UsesNow(e Expr) bool {
	return contains(e, func(e Expr) bool {
		_, ok := e.(*Now)
		return ok
	})
}

func contains(e Expr, test func(Expr) bool) bool {
	found := false
	Walk(e, func(e Expr) bool {
		found = found || test(e)
		return !found
	})
	return found
}
