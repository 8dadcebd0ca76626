package querytest

import "github.com/edge-hive/edge-hive/runtime/query"

// predicate makes one condition on one or two columns.
func (g *Generator) predicate() query.Expr {
	switch g.source.IntN(17) {
	case 0:
		return g.constant()
	case 1:
		return must(query.NewIs(g.column(), query.IsWhat(g.source.IntN(2))))
	case 2:
		return g.in()
	case 3:
		return g.like()
	case 4:
		return must(query.NewMatch(g.text(), pick(g, expressions), g.one(2)))
	case 5:
		return g.textCall()
	case 6:
		return g.member()
	case 7:
		return g.inside()
	case 8:
		return g.arithmetic()
	case 9:
		left := g.column()
		return must(query.NewCompare(g.op(), left, g.ref(g.ofKind(left.Type()))))
	case 10, 11:
		return g.contain()
	case 12:
		return g.distinct()
	case 13:
		return g.quantified()
	}
	left := g.column()
	return must(query.NewCompare(g.op(), left, g.literal(left.Type())))
}

// contain asks whether collections contain one another or overlap: a column
// and a constant, or two columns.
func (g *Generator) contain() query.Expr {
	left := g.named(pick(g, []string{"meta", "more", "tags", "marks"}))
	f := query.FuncSuperset
	if left.Type().Kind == query.KindList && g.one(2) {
		f = query.FuncOverlap
	}
	right := g.literal(left.Type())
	switch {
	case left.Type().Kind == query.KindJSON && g.one(3):
		left = g.path(false)
	case g.one(4):
		right = g.ref(g.ofKind(left.Type()))
	}
	if g.one(2) {
		left, right = right, left
	}
	return must(query.NewCall(f, left, right))
}

// distinct is null-safe inequality, or equality.
func (g *Generator) distinct() query.Expr {
	left := g.column()
	right := &query.Literal{Value: g.Value(left.Type()), Of: left.Type()}
	if g.one(2) {
		return must(query.NewAnd(must(query.NewIs(left, query.IsNotNull)), must(query.NewCompare(query.Equal, left, right))))
	}
	return must(query.NewOr(must(query.NewIs(left, query.IsNull)), must(query.NewCompare(query.NotEqual, left, right))))
}

// quantified is one comparison with any, or with all, of some constants; a
// null among them is unknown.
func (g *Generator) quantified() query.Expr {
	left, op := g.column(), g.op()
	terms := make([]query.Expr, g.source.IntN(4))
	for i := range terms {
		terms[i] = must(query.NewCompare(op, left, g.literal(left.Type())))
	}
	if g.one(2) {
		return must(query.NewOr(terms...))
	}
	return must(query.NewAnd(terms...))
}

func (g *Generator) constant() query.Expr {
	switch g.source.IntN(3) {
	case 0:
		return query.TrueExpr()
	case 1:
		return query.FalseExpr()
	}
	return &query.Literal{Of: query.Type{Kind: query.KindBool}}
}

func (g *Generator) op() query.CompareOp { return query.CompareOp(g.source.IntN(6)) }

func (g *Generator) column() query.Expr { return g.ref(pick(g, g.Table.Columns)) }

func (g *Generator) ref(c *query.Column) query.Expr { return g.Table.Ref(c) }

func (g *Generator) named(name string) query.Expr { return g.ref(g.Table.Column(name)) }

// ofKind picks a column that compares with a type; numbers of all kinds do.
func (g *Generator) ofKind(t query.Type) *query.Column {
	var fit []*query.Column
	for _, c := range g.Table.Columns {
		same := c.Type.Kind == t.Kind && c.Type.Elem == t.Elem
		if same || isNumber(c.Type.Kind) && isNumber(t.Kind) {
			fit = append(fit, c)
		}
	}
	return pick(g, fit)
}

func isNumber(k query.Kind) bool {
	return k == query.KindInt || k == query.KindFloat || k == query.KindDecimal
}

// literal picks a constant to compare with a type: mostly of that type, for
// numbers sometimes of another, now and then null.
func (g *Generator) literal(t query.Type) query.Expr {
	if g.one(12) {
		return &query.Literal{Of: t}
	}
	if isNumber(t.Kind) && g.one(4) {
		t = pick(g, []query.Type{
			{Kind: query.KindInt}, {Kind: query.KindFloat}, {Kind: query.KindDecimal, Scale: 1}, {Kind: query.KindDecimal, Scale: 6},
		})
	}
	return &query.Literal{Value: g.Value(t), Of: t}
}

func (g *Generator) in() query.Expr {
	left := g.column()
	list := make([]query.Expr, g.source.IntN(5))
	for i := range list {
		list[i] = g.literal(left.Type())
	}
	return must(query.NewIn(left, list))
}

func (g *Generator) text() query.Expr {
	switch g.source.IntN(4) {
	case 0:
		return g.named("title")
	case 1:
		return g.path(true)
	}
	return g.named("name")
}

func (g *Generator) like() query.Expr {
	return must(query.NewLike(g.text(), pick(g, patterns), g.one(2)))
}

func (g *Generator) textCall() query.Expr {
	switch g.source.IntN(3) {
	case 0:
		size := must(query.NewCall(query.FuncSize, pick(g, []query.Expr{g.text(), g.named("tags"), g.named("meta")})))
		return must(query.NewCompare(g.op(), size, query.NewLiteral(query.Int(int64(g.source.IntN(5))))))
	case 1:
		lower := must(query.NewCall(query.FuncLower, g.text()))
		return must(query.NewCompare(g.op(), lower, query.NewLiteral(query.Text(pick(g, texts)))))
	}
	f := pick(g, []query.FuncName{query.FuncContains, query.FuncStartsWith, query.FuncEndsWith})
	return must(query.NewCall(f, g.text(), query.NewLiteral(query.Text(pick(g, texts)))))
}

// member asks whether a list has an element.
func (g *Generator) member() query.Expr {
	if g.one(2) {
		return must(query.NewCall(query.FuncHas, g.named("marks"), query.NewLiteral(query.Int(pick(g, ints)))))
	}
	return must(query.NewCall(query.FuncHas, g.named("tags"), query.NewLiteral(query.Text(pick(g, texts)))))
}

func (g *Generator) path(text bool) query.Expr {
	base := g.named(pick(g, []string{"meta", "more", "tags"}))
	return must(query.NewPath(base, pick(g, paths), text))
}

// inside compares what stands inside json: as text, as json, as a scalar.
func (g *Generator) inside() query.Expr {
	switch g.source.IntN(4) {
	case 0:
		return must(query.NewCompare(g.op(), g.path(true), query.NewLiteral(query.Text(pick(g, texts)))))
	case 1:
		return must(query.NewCompare(g.op(), g.path(false), query.NewLiteral(query.JSON(pick(g, documents)))))
	case 2:
		t := pick(g, []query.Type{{Kind: query.KindBool}, {Kind: query.KindInt}, {Kind: query.KindFloat}, {Kind: query.KindText}})
		return must(query.NewCompare(g.op(), g.path(false), query.NewLiteral(g.Value(t))))
	}
	return query.NewNullTest(g.path(false), g.one(2))
}

func (g *Generator) arithmetic() query.Expr {
	left := g.ref(g.ofKind(query.Type{Kind: query.KindInt}))
	right := g.ref(g.ofKind(query.Type{Kind: query.KindInt}))
	f := pick(g, []query.FuncName{query.FuncAdd, query.FuncSubtract, query.FuncMultiply, query.FuncDivide})
	if f == query.FuncDivide && (left.Type().Kind == query.KindDecimal || right.Type().Kind == query.KindDecimal) {
		f = query.FuncAdd
	}
	result := must(query.NewCall(f, left, right))
	if g.one(3) {
		result = must(query.NewCall(query.FuncNegate, result))
	}
	return must(query.NewCompare(g.op(), result, g.literal(result.Type())))
}
