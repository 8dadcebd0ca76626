package sqlite

import (
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The walk of a select and its columns, as no manifest can name them.
const (
	reached     = "_reached"
	reachedNode = reached + "._node"
	reachedKey  = reached + "._key"
	reachedHops = "_hops" // bare: no other row of a statement has it
)

// visited are the rows that a walk has come to. It belongs to one run of one
// statement.
type visited struct {
	rows map[visit]struct{}
}

// visit is a row of a walk: its node, and its key as a number or a text.
type visit struct {
	node   int64
	number int64
	text   string
}

// reach writes the walk of a select in front of it: each row that it comes to
// with the least number of steps. Those that are fewest steps away are taken
// first, and functionVisit keeps a row from being taken again, so each is there
// once, and too many of them end the statement at once.
func (c *compiler) reach(r *query.Reach) {
	if r == nil {
		return
	}
	seen := &visited{rows: map[visit]struct{}{}}
	c.scope.open++
	c.text("WITH RECURSIVE " + reached + "(_node,_key,_hops) AS (SELECT ")
	start := r.Nodes[r.From]
	row := c.scope.alias(start.Table)
	key := start.Table.Key()
	c.node(r.From)
	c.text(",+")
	c.of(row, key)
	c.text(",0 FROM ")
	c.from(start.Table, row)
	c.text(" WHERE ")
	equal := func() {
		c.of(row, key)
		c.text("=")
		c.value(r.Start)
	}
	equal()
	c.visit(r, seen, r.From, row, equal)
	for i := range r.Steps {
		c.text(" UNION ALL SELECT ")
		c.step(r, &r.Steps[i], seen)
	}
	c.text(" ORDER BY 3) ")
	c.scope.open--
}

// step writes the rows that are one step from those that the walk is at.
func (c *compiler) step(r *query.Reach, s *query.ReachStep, seen *visited) {
	to := r.Nodes[s.To].Table
	row := c.scope.alias(to)
	near, far := 0, s.Far // the alias that row's far column equals a column of
	c.node(s.To)
	c.text(",+")
	c.of(row, to.Key())
	c.text("," + reached + "._hops+1 FROM " + reached)
	var joined *query.Column
	switch {
	case s.Via != nil:
		near, joined = c.scope.alias(s.Via.Table), s.Via.Far
		c.text(" CROSS JOIN ")
		c.from(s.Via.Table, near)
	case s.Near.Index != 0:
		near, joined = c.scope.alias(r.Nodes[s.From].Table), s.Near
		c.text(" CROSS JOIN ")
		c.from(r.Nodes[s.From].Table, near)
	}
	c.text(" CROSS JOIN ")
	c.from(to, row)
	c.text(" WHERE " + reachedNode + "=")
	c.node(s.From)
	c.text(" AND " + reached + "._hops<")
	c.value(query.Int(int64(r.Max)))
	if near != 0 {
		c.text(" AND ")
		if s.Via != nil {
			c.of(near, s.Via.Near)
		} else {
			c.of(near, r.Nodes[s.From].Table.Key())
		}
		c.text("=" + reachedKey)
	}
	equal := func() {
		c.of(row, far)
		c.text("=")
		if near != 0 {
			c.of(near, joined)
		} else {
			c.text(reachedKey)
		}
	}
	c.text(" AND ")
	equal()
	c.visit(r, seen, s.To, row, func() {
		equal()
		if s.Via != nil {
			c.scope.enter(near)
			c.and(s.Via.Where)
			c.scope.leave()
		}
	})
}

// visit writes the last condition of a row, which marks it as come to: only
// where all others hold, in whatever order SQLite judges them. It judges those
// with a subquery after all others, so the rules of edge and row stand inside.
func (c *compiler) visit(r *query.Reach, seen *visited, node, row int, led func()) {
	c.text(" AND CASE WHEN ")
	led()
	c.scope.enter(row)
	c.and(r.Nodes[node].Where)
	c.scope.leave()
	c.text(" THEN " + functionVisit + "(")
	c.argument(argument{pointer: seen})
	c.text(",")
	c.node(node)
	c.text(",")
	c.of(row, r.Nodes[node].Table.Key())
	c.text(") END")
}

func (c *compiler) node(n int) { c.buf = strconv.AppendInt(c.buf, int64(n), 10) }

// of writes a column of an alias.
func (c *compiler) of(alias int, column *query.Column) {
	c.alias(alias)
	c.text(".")
	c.name(column.Name)
}

// source writes what a select reads, and its condition: the rows of its table,
// or those of them that its walk came to.
func (c *compiler) source(sel *query.Select) {
	r := sel.Reach
	if r == nil {
		c.name(sel.Table.Name)
		c.where(sel.Where)
		return
	}
	c.text(reached + " CROSS JOIN ")
	c.name(sel.Table.Name)
	c.text(" WHERE " + reachedNode + "=")
	c.node(0)
	c.text(" AND " + reachedHops + ">=")
	c.value(query.Int(int64(r.Min)))
	c.text(" AND ")
	c.name(sel.Table.Name)
	c.text(".")
	c.name(sel.Table.Key().Name)
	c.text("=" + reachedKey)
	c.and(sel.Where)
}

// visitFunction reports a row that the walk, its first argument, comes to for
// the first time.
func visitFunction(ctx sqlite3.Context, args ...sqlite3.Value) {
	seen, ok := args[0].Pointer().(*visited)
	if !ok {
		ctx.ResultError(errNode)
		return
	}
	defer recovered(ctx, functionVisit)
	if interrupted(ctx) {
		return
	}
	at := visit{node: args[1].Int64()}
	if args[2].Type() == sqlite3.INTEGER {
		at.number = args[2].Int64()
	} else {
		at.text = args[2].Text()
	}
	if _, again := seen.rows[at]; again {
		ctx.ResultBool(false)
		return
	}
	if len(seen.rows) == query.MaxReached {
		resultFault(ctx, faultWalkTooLarge())
		return
	}
	seen.rows[at] = struct{}{}
	ctx.ResultBool(true)
}

func faultWalkTooLarge() *fault.Fault {
	return fault.Newf(query.CodeWalk, "a walk may come to %d rows at most", query.MaxReached).
		WithHint("walk fewer steps, or along fewer ways; filters of the answer do not shorten a walk")
}
