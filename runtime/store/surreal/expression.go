package surreal

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// expr writes the value of e as it is stored, null as NONE, but a record's id as
// the key that it is. The text is whole, it needs no parentheses around it.
func (c *compiler) expr(e query.Expr) {
	switch e := e.(type) {
	case *query.Literal:
		c.value(e.Value, e.Of, "")
	case *query.ColumnRef:
		c.column(e)
	case *query.Cond:
		c.choice(e)
	case *query.Lookup:
		c.lookup(e)
	case *query.Embed:
		c.embed(e)
	case *query.Aggregate:
		c.aggregate(e)
	case *query.Rank:
		c.rank(e)
	case *query.Distance:
		c.distance(e)
	case *query.Hops:
		c.hops(e)
	case *query.Made: // made.go puts the key in its place
		c.refuse("the key of a row that was not made")
	case *query.Path:
		c.path(e)
	case *query.Call:
		if slices.ContainsFunc(e.Args, isCompound) {
			c.portion(func() { c.call(e) })
			return
		}
		c.call(e)
	case *query.Cast: // in outputs alone, which are cast where they are read
		c.refuse("a cast in a condition")
	default:
		c.condition(e)
	}
}

// condition writes a condition as a value.
func (c *compiler) condition(e query.Expr) {
	if !nullable(e) {
		c.isTrue(e)
		return
	}
	c.group(func() {
		c.text("IF ")
		c.outcome(e, true, false)
		c.text(" { true } ELSE IF ")
		c.outcome(e, false, false)
		c.text(" { false }")
	})
}

func (c *compiler) choice(e *query.Cond) {
	c.group(func() {
		c.text("IF ")
		c.outcome(e.If, true, false)
		c.text(" { ")
		c.expr(e.Then)
		c.text(" } ELSE IF ")
		c.outcome(e.If, false, false)
		c.text(" { ")
		c.expr(e.Else)
		c.text(" }")
	})
}

// column writes a column's value; a record's id is read as its key.
func (c *compiler) column(e *query.ColumnRef) {
	switch {
	case recordsOf(e) == "":
		c.field(e)
	case !nullable(e):
		c.text("record::id(")
		c.field(e)
		c.text(")")
	default:
		c.text("(IF ")
		c.field(e)
		c.text(" != NONE { record::id(")
		c.field(e)
		c.text(") })")
	}
}

// raw writes e as it is stored, a record's id as such: enough to ask whether it
// is null.
func (c *compiler) raw(e query.Expr) {
	if column, ok := e.(*query.ColumnRef); ok {
		c.field(column)
		return
	}
	c.expr(e)
}

// recordsOf is the table whose records' ids a column holds, "" for one that
// holds plain values.
func recordsOf(e query.Expr) string {
	column, ok := e.(*query.ColumnRef)
	switch {
	case !ok:
		return ""
	case column.Column.Index == 0:
		return column.Table.Name
	case column.Column.Ref != nil:
		return column.Column.Ref.Table
	}
	return ""
}

// isCompound reports an expression that has others in it.
func isCompound(e query.Expr) bool {
	switch e.(type) {
	case *query.Literal, *query.ColumnRef:
		return false
	}
	return true
}

func isLiteral(e query.Expr) bool {
	_, ok := e.(*query.Literal)
	return ok
}

// nullable reports whether a value may be null, a condition unknown.
func nullable(e query.Expr) bool {
	switch e := e.(type) {
	case *query.Literal:
		return e.Value.IsNull()
	case *query.ColumnRef:
		return !e.Column.Required || e.Old
	case *query.Is, *query.Exists:
		return false
	}
	return true
}
