package query

// Walk calls visit for e and, where visit says so, for all below it, parents
// first. What Exists, Lookup and Embed ask of other tables is below them.
func Walk(e Expr, visit func(Expr) bool) {
	walkAt(e, 0, func(e Expr, _ uint8) bool { return visit(e) })
}

// walkAt is Walk with the number of Exists, Lookup and Embed around a node.
func walkAt(e Expr, depth uint8, visit func(Expr, uint8) bool) {
	if e == nil || !visit(e, depth) {
		return
	}
	switch e := e.(type) {
	case *Path:
		walkAt(e.Base, depth, visit)
	case *Compare:
		walkAt(e.Left, depth, visit)
		walkAt(e.Right, depth, visit)
	case *And:
		walkAll(e.Terms, depth, visit)
	case *Or:
		walkAll(e.Terms, depth, visit)
	case *Not:
		walkAt(e.Term, depth, visit)
	case *Is:
		walkAt(e.Operand, depth, visit)
	case *In:
		walkAt(e.Operand, depth, visit)
		walkAll(e.List, depth, visit)
	case *Like:
		walkAt(e.Operand, depth, visit)
	case *Match:
		walkAt(e.Operand, depth, visit)
	case *Call:
		walkAll(e.Args, depth, visit)
	case *Cond:
		walkAt(e.If, depth, visit)
		walkAt(e.Then, depth, visit)
		walkAt(e.Else, depth, visit)
	default:
		walkBeyond(e, depth, visit)
	}
}

// walkBeyond is walkAt's step for the nodes of beyond.go.
func walkBeyond(e Expr, depth uint8, visit func(Expr, uint8) bool) {
	switch e := e.(type) {
	case *Exists:
		walkAt(e.Where, depth+1, visit)
	case *Lookup:
		walkAt(e.Where, depth+1, visit)
		walkAt(e.Value, depth+1, visit)
	case *Embed:
		walkAt(e.On, depth, visit)
		for i := range e.Rows.Columns {
			walkAt(e.Rows.Columns[i].Expr, depth+1, visit)
		}
		walkAt(e.Rows.Where, depth+1, visit)
		for i := range e.Rows.Order {
			walkAt(e.Rows.Order[i].Expr, depth+1, visit)
		}
		if e.Via != nil {
			walkAt(e.Via.Where, depth+1, visit)
		}
	case *Aggregate:
		walkAt(e.Operand, depth, visit)
	case *Cast:
		walkAt(e.Operand, depth, visit)
	default:
		walkSearch(e, depth, visit)
	}
}

func walkAll(list []Expr, depth uint8, visit func(Expr, uint8) bool) {
	for _, e := range list {
		walkAt(e, depth, visit)
	}
}

// Rewrite rebuilds a tree from its leaves up: f gets each node with its
// children rewritten and gives what stands in its place. Nodes below which
// nothing changed are not copied.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	return rewriteAt(e, 0, func(e Expr, _ uint8) Expr { return f(e) })
}

// rewriteAt is Rewrite with the number of Exists, Lookup and Embed around a
// node. nil stays nil.
func rewriteAt(e Expr, depth uint8, f func(Expr, uint8) Expr) Expr {
	if e == nil {
		return nil
	}
	switch n := e.(type) {
	case *Path:
		if base := rewriteAt(n.Base, depth, f); base != n.Base {
			e = &Path{Base: base, Steps: n.Steps, Text: n.Text}
		}
	case *Compare:
		left, right := rewriteAt(n.Left, depth, f), rewriteAt(n.Right, depth, f)
		if left != n.Left || right != n.Right {
			e = &Compare{Op: n.Op, Left: left, Right: right}
		}
	case *And:
		if terms, changed := rewriteAll(n.Terms, depth, f); changed {
			e = &And{Terms: terms}
		}
	case *Or:
		if terms, changed := rewriteAll(n.Terms, depth, f); changed {
			e = &Or{Terms: terms}
		}
	case *Not:
		if term := rewriteAt(n.Term, depth, f); term != n.Term {
			e = &Not{Term: term}
		}
	case *In:
		operand := rewriteAt(n.Operand, depth, f)
		list, changed := rewriteAll(n.List, depth, f)
		if changed || operand != n.Operand {
			e = &In{Operand: operand, List: list}
		}
	case *Call:
		if args, changed := rewriteAll(n.Args, depth, f); changed {
			e = &Call{Func: n.Func, Args: args, Of: n.Of}
		}
	case *Cond:
		condition, then, other := rewriteAt(n.If, depth, f), rewriteAt(n.Then, depth, f), rewriteAt(n.Else, depth, f)
		if condition != n.If || then != n.Then || other != n.Else {
			e = &Cond{If: condition, Then: then, Else: other}
		}
	case *Exists, *Lookup, *Embed:
		e = rewriteBeyond(e, depth, f)
	case *Search, *Rank, *Distance:
		e = rewriteSearch(e, depth, f)
	default:
		e = rewriteOperand(e, depth, f)
	}
	return f(e, depth)
}

// rewriteOperand is rewriteAt's step for the nodes with one operand and more
// beside it.
func rewriteOperand(e Expr, depth uint8, f func(Expr, uint8) Expr) Expr {
	switch n := e.(type) {
	case *Is:
		if operand := rewriteAt(n.Operand, depth, f); operand != n.Operand {
			return &Is{Operand: operand, What: n.What}
		}
	case *Like:
		if operand := rewriteAt(n.Operand, depth, f); operand != n.Operand {
			return &Like{Operand: operand, Pattern: n.Pattern, Fold: n.Fold, matcher: n.matcher}
		}
	case *Match:
		if operand := rewriteAt(n.Operand, depth, f); operand != n.Operand {
			return &Match{Operand: operand, Pattern: n.Pattern, Fold: n.Fold, matcher: n.matcher}
		}
	case *Aggregate:
		if operand := rewriteAt(n.Operand, depth, f); operand != n.Operand {
			return &Aggregate{Func: n.Func, Operand: operand, Of: n.Of}
		}
	case *Cast:
		if operand := rewriteAt(n.Operand, depth, f); operand != n.Operand {
			return &Cast{Operand: operand, Of: n.Of}
		}
	}
	return e
}

// rewriteBeyond is rewriteAt's step for the nodes that ask other tables.
func rewriteBeyond(e Expr, depth uint8, f func(Expr, uint8) Expr) Expr {
	switch n := e.(type) {
	case *Exists:
		if where := rewriteAt(n.Where, depth+1, f); where != n.Where {
			return &Exists{Table: n.Table, Where: where}
		}
	case *Lookup:
		where, value := rewriteAt(n.Where, depth+1, f), rewriteAt(n.Value, depth+1, f)
		if where != n.Where || value != n.Value {
			return &Lookup{Table: n.Table, Where: where, Value: value}
		}
	case *Embed:
		rows, changed := rewriteSelect(&n.Rows, depth+1, f)
		on, via := rewriteAt(n.On, depth, f), n.Via
		if via != nil {
			if where := rewriteAt(via.Where, depth+1, f); where != via.Where {
				via = &Via{Table: via.Table, Near: via.Near, Far: via.Far, Where: where}
			}
		}
		if changed || on != n.On || via != n.Via {
			return &Embed{Rows: rows, On: on, Child: n.Child, Via: via, Many: n.Many}
		}
	}
	return e
}

func rewriteSelect(s *Select, depth uint8, f func(Expr, uint8) Expr) (Select, bool) {
	out, changed := *s, false
	for i := range s.Columns {
		e := rewriteAt(s.Columns[i].Expr, depth, f)
		if e == s.Columns[i].Expr {
			continue
		}
		if &out.Columns[0] == &s.Columns[0] {
			out.Columns = append([]Output(nil), s.Columns...)
		}
		out.Columns[i].Expr, changed = e, true
	}
	if where := rewriteAt(s.Where, depth, f); where != s.Where {
		out.Where, changed = where, true
	}
	for i := range s.Order {
		e := rewriteAt(s.Order[i].Expr, depth, f)
		if e == s.Order[i].Expr {
			continue
		}
		if &out.Order[0] == &s.Order[0] {
			out.Order = append([]Order(nil), s.Order...)
		}
		out.Order[i].Expr, changed = e, true
	}
	return out, changed
}

func rewriteAll(list []Expr, depth uint8, f func(Expr, uint8) Expr) ([]Expr, bool) {
	var out []Expr
	for i, e := range list {
		next := rewriteAt(e, depth, f)
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

// Columns is the set of columns of the row at hand that e reads, old values
// included; what it reads of other rows is not in it.
func Columns(e Expr) ColumnSet {
	var s ColumnSet
	walkAt(e, 0, func(e Expr, depth uint8) bool {
		if ref, ok := e.(*ColumnRef); ok && ref.Up == depth {
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
