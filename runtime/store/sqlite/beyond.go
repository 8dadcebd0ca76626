package sqlite

import "github.com/edge-hive/edge-hive/runtime/query"

// beyond writes the nodes that are no part of a condition on one row; false is
// another node.
func (c *compiler) beyond(e query.Expr) bool {
	switch e := e.(type) {
	case *query.Exists:
		c.exists(e)
	case *query.Lookup:
		c.lookup(e)
	case *query.Embed:
		c.embed(e)
	case *query.Aggregate:
		c.aggregate(e)
	case *query.Cast:
		c.cast(e)
	case *query.Hops:
		c.text(reachedHops)
	default:
		return c.search(e)
	}
	return true
}

func (c *compiler) exists(e *query.Exists) {
	alias := c.scope.alias(e.Table)
	c.scope.open++
	c.scope.enter(alias)
	c.text("EXISTS (SELECT 1 FROM ")
	c.from(e.Table, alias)
	c.where(e.Where)
	c.text(")")
	c.scope.leave()
	c.scope.open--
}

func (c *compiler) lookup(e *query.Lookup) {
	alias := c.scope.alias(e.Table)
	c.scope.open++
	c.scope.enter(alias)
	c.text("(SELECT ")
	c.expr(e.Value)
	c.text(" FROM ")
	c.from(e.Table, alias)
	c.where(e.Where)
	c.text(" LIMIT 1)")
	c.scope.leave()
	c.scope.open--
}
