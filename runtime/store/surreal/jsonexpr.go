package surreal

import "github.com/edge-hive/edge-hive/runtime/query"

// path writes a walk into json or a list.
func (c *compiler) path(e *query.Path) {
	if t := e.Base.Type(); e.Text && t.Kind == query.KindList && t.Elem == query.KindDecimal && len(e.Steps) == 1 {
		c.apply("places", func() { c.steps(e) }, func() { c.number(int(t.Scale)) })
		return
	}
	if e.Text {
		c.apply("text", func() { c.steps(e) })
		return
	}
	c.steps(e)
}

// steps writes the members and items one after the other: a member behind its
// value, an item as a function of it, for SurrealDB reads [0] of an object too.
func (c *compiler) steps(e *query.Path) {
	if t := e.Base.Type(); t.Kind == query.KindList {
		c.listStep(e, t)
		return
	}
	c.walk(e.Base, e.Steps)
}

func (c *compiler) walk(base query.Expr, steps []query.Step) {
	if len(steps) == 0 {
		if _, ok := base.(*query.ColumnRef); ok {
			c.expr(base)
			return
		}
		c.text("(")
		c.expr(base)
		c.text(")")
		return
	}
	last := steps[len(steps)-1]
	if last.IsKey {
		c.walk(base, steps[:len(steps)-1])
		c.text("[")
		c.value(query.Text(last.Key), query.Type{Kind: query.KindText}, "")
		c.text("]")
		return
	}
	item := func() {
		c.apply("at", func() { c.walk(base, steps[:len(steps)-1]) }, func() { c.number(last.Index) })
	}
	if c.isDeep() { // in parentheses, for a member may follow
		c.text("(")
		c.apart(item)
		c.text(")")
		return
	}
	item()
}

// listStep writes the item of a list as json: lists hold nothing that a second
// step leads into.
func (c *compiler) listStep(e *query.Path, t query.Type) {
	if len(e.Steps) == 0 {
		c.itemsOf(e.Base)
		return
	}
	if len(e.Steps) > 1 || e.Steps[0].IsKey {
		c.text("NONE")
		return
	}
	item := func() { c.apply("at", func() { c.expr(e.Base) }, func() { c.number(e.Steps[0].Index) }) }
	if t.Elem == query.KindFloat && !e.Text {
		c.apply("exact", item) // numbers in json are what their texts say
		return
	}
	c.itemAsJSON(t, item)
}

// itemsOf writes a list as the JSON array that it is outside.
func (c *compiler) itemsOf(e query.Expr) {
	switch t := e.Type(); t.Elem {
	case query.KindUUID, query.KindTimestamp, query.KindDate:
		c.apply(itemFunctions[t.Elem]+"s", func() { c.expr(e) })
	default:
		c.expr(e)
	}
}

func (c *compiler) itemAsJSON(t query.Type, item func()) {
	if name := itemFunctions[t.Elem]; name != "" {
		c.apply(name, item)
		return
	}
	item()
}

// itemFunctions give the texts of what JSON has no word for.
var itemFunctions = map[query.Kind]string{
	query.KindUUID: "text_of", query.KindTimestamp: "moment", query.KindDate: "day",
}

// asScalar writes json as a scalar of a type, NONE unless it is a value of that
// type.
func (c *compiler) asScalar(e *query.Call) {
	operand := func() { c.expr(e.Args[0]) }
	switch e.Of.Kind {
	case query.KindText, query.KindUUID:
		c.apply("string", operand)
	case query.KindBool:
		c.apply("bool", operand)
	case query.KindFloat:
		c.apply("number", operand)
	case query.KindInt:
		c.apply("whole", operand)
	default: // of the caller's claims alone, which are bound before
		c.refuse("%s inside json", e.Of)
	}
}

// size writes the number of characters, items or members.
func (c *compiler) size(e query.Expr) {
	name := "items"
	if isText(e.Type().Kind) {
		name = "length"
	}
	c.apply(name, func() { c.expr(e) })
}

// has writes whether a list, or what stands in json, has an element.
func (c *compiler) has(list, want query.Expr) {
	t, of := list.Type(), typeOf(want)
	switch {
	case t.Kind == query.KindJSON:
		switch of.Kind {
		case query.KindTimestamp, query.KindDate:
			c.refuse("a search for %s inside json", of)
		case query.KindUUID:
			c.apply("has", func() { c.expr(list) }, func() { c.apply("text_of", func() { c.expr(want) }) })
		case query.KindFloat:
			c.apply("has", func() { c.expr(list) }, func() { c.apply("exact", func() { c.expr(want) }) })
		default:
			c.apply("has", func() { c.expr(list) }, func() { c.expr(want) })
		}
	case isNumber(t.Elem) && t.Elem != of.Kind:
		c.apply("has", c.exactIf(list, t.Elem), c.exactIf(want, of.Kind))
	case isText(t.Elem) && t.Elem != of.Kind:
		c.apply("has", func() { c.itemsOf(list) }, func() { c.apply("text_of", func() { c.expr(want) }) })
	default:
		c.apply("has", func() { c.expr(list) }, func() { c.expr(want) })
	}
}

// exactIf writes floats as what their texts say.
func (c *compiler) exactIf(e query.Expr, k query.Kind) func() {
	if k != query.KindFloat {
		return func() { c.expr(e) }
	}
	return func() { c.apply("exact", func() { c.expr(e) }) }
}

// collections writes whether one contains the other, or both have something in
// common.
func (c *compiler) collections(name string, left, right query.Expr) {
	f := listForm(typeOf(left), typeOf(right))
	c.apply(name, func() { c.side(left, f, f.left) }, func() { c.side(right, f, f.right) })
}
