package sqlite

import (
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// scope says how the rows that a column may belong to are called at the place
// that is being written. The outermost row has no name until a subquery is
// open, and then its table's; partial indexes and writes need it bare. All
// others have an alias, which no manifest can utter and no other row of the
// statement has.
type scope struct {
	// outer is the alias of the outermost row, 0 where it has none.
	outer int
	// inner are the aliases of the rows of open subqueries, the innermost last.
	inner []int
	// open counts the subqueries around what is written.
	open int
	// embeds counts those of them that are embeds.
	embeds int
	// tables are those of all aliases so far: alias 1 is tables[0]. nil is a
	// subquery.
	tables []*query.Table
}

func (s *scope) reset() {
	s.outer, s.open, s.embeds = 0, 0, 0
	s.inner = s.inner[:0]
	clear(s.tables)
	s.tables = s.tables[:0]
}

// alias makes a new one for a table, or for a subquery (nil).
func (s *scope) alias(t *query.Table) int {
	s.tables = append(s.tables, t)
	return len(s.tables)
}

// enter makes an alias's row the one at hand; leave must follow.
func (s *scope) enter(alias int) { s.inner = append(s.inner, alias) }
func (s *scope) leave()          { s.inner = s.inner[:len(s.inner)-1] }

func (c *compiler) alias(alias int) {
	c.buf = append(c.buf, '_')
	c.buf = strconv.AppendInt(c.buf, int64(alias), 10)
}

// from writes a table with its alias.
func (c *compiler) from(t *query.Table, alias int) {
	c.name(t.Name)
	c.text(" AS ")
	c.alias(alias)
}

// column writes a column of the row that it belongs to.
func (c *compiler) column(e *query.ColumnRef) {
	c.row(int(e.Up), e.Table)
	c.name(e.Column.Name)
}

// row writes the name of a row, with the point after it.
func (c *compiler) row(up int, t *query.Table) {
	alias := c.scope.outer
	if up < len(c.scope.inner) {
		alias = c.scope.inner[len(c.scope.inner)-1-up]
	}
	switch {
	case alias > 0:
		c.alias(alias)
	case c.scope.open > 0:
		c.name(t.Name)
	default:
		return
	}
	c.text(".")
}

// outside writes what is about the row outside of the innermost subquery.
func (c *compiler) outside(e query.Expr) {
	last := len(c.scope.inner) - 1
	alias := c.scope.inner[last]
	c.scope.inner = c.scope.inner[:last]
	c.expr(e)
	c.scope.inner = append(c.scope.inner, alias)
}
