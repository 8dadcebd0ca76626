package surreal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// enter makes a row the one at hand; prefix is how its fields are called.
func (c *compiler) enter(prefix string) { c.scope.rows = append(c.scope.rows, prefix) }

func (c *compiler) leave() { c.scope.rows = c.scope.rows[:len(c.scope.rows)-1] }

// outside writes body where e stands, which looks beyond the row at hand. What
// it reads of that row is bound to a variable each, in a block of its own: an
// index serves a comparison with a variable, but not one with a variable's
// field. The block has no RETURN, which would end the statement around it.
//
// body is told whether it stands in a block: a select needs no parentheses there.
func (c *compiler) outside(e query.Expr, body func(inBlock bool)) {
	rows, old := slices.Clone(c.scope.rows), c.scope.old
	c.scope.made++
	made := strconv.Itoa(c.scope.made)
	// The rows further out too, which a row that is read along a ref leaves bare.
	variable := func(up int) string {
		if up == 0 {
			return "$r" + made + "_"
		}
		return "$r" + made + "u" + strconv.Itoa(up) + "_"
	}
	bound := map[string]struct{}{}
	outerColumns(e, func(ref *query.ColumnRef, up int) {
		prefix, to := old, "$o"+made+"_"
		if !ref.Old {
			prefix, to = c.scope.prefix(len(rows)-1-up), variable(up)
		}
		name := fieldOf(ref.Table, ref.Column)
		if _, again := bound[to+name]; again || isVariable(prefix) {
			return
		}
		if len(bound) == 0 {
			c.text("{ ")
		}
		bound[to+name] = struct{}{}
		c.text("LET " + to + name + " = " + prefix)
		c.name(name)
		c.text("; ")
	})
	for i, row := range rows {
		if !isVariable(row) {
			c.scope.rows[i] = variable(len(rows) - 1 - i)
		}
	}
	if old != "" && !isVariable(old) {
		c.scope.old = "$o" + made + "_"
	}
	body(len(bound) > 0)
	copy(c.scope.rows, rows)
	c.scope.old = old
	if len(bound) > 0 {
		c.text(" }")
	}
}

// isVariable reports the prefix of a row whose fields are variables each.
func isVariable(prefix string) bool { return strings.HasSuffix(prefix, "_") }

func (s *scope) prefix(at int) string {
	if at < 0 {
		return ""
	}
	return s.rows[at]
}

// outerColumns calls visit with the columns of the row at hand, of those further
// out, up rows from it, and of the row before it, that a node reads which looks
// beyond it.
func outerColumns(e query.Expr, visit func(ref *query.ColumnRef, up int)) { columnsAt(e, 0, visit) }

func columnsAt(e query.Expr, depth uint8, visit func(*query.ColumnRef, int)) {
	query.Walk(e, func(e query.Expr) bool {
		switch e := e.(type) {
		case *query.ColumnRef:
			if e.Old || e.Up >= depth {
				visit(e, int(e.Up)-int(depth))
			}
		case *query.Exists:
			columnsAt(e.Where, depth+1, visit)
			return false
		case *query.Lookup:
			columnsAt(e.Where, depth+1, visit)
			columnsAt(e.Value, depth+1, visit)
			return false
		case *query.Embed:
			columnsAt(e.On, depth, visit)
			columnsAt(e.Rows.Where, depth+1, visit)
			for i := range e.Rows.Columns {
				columnsAt(e.Rows.Columns[i].Expr, depth+1, visit)
			}
			for i := range e.Rows.Order {
				columnsAt(e.Rows.Order[i].Expr, depth+1, visit)
			}
			if e.Via != nil {
				columnsAt(e.Via.Where, depth+1, visit)
			}
			return false
		}
		return true
	})
}

// exists writes whether there is, or is not, such a row.
func (c *compiler) exists(e *query.Exists, want bool) {
	if link, rest := linked(e.Table, e.Where); link != nil {
		if !want {
			c.text("!")
		}
		c.group(func() {
			c.follow(link, func() {
				c.present()
				c.andWhere(&query.And{Terms: rest})
			})
		})
		return
	}
	c.portion(func() {
		c.subquery(e, func() {
			c.text("SELECT VALUE id FROM ")
			c.name(e.Table.Name)
			c.enter("")
			c.where(e.Where)
			c.leave()
			c.text(" LIMIT 1")
		})
	})
	if want {
		c.text(" != []")
	} else {
		c.text(" = []")
	}
}

// subquery writes a select that looks beyond the row at hand.
func (c *compiler) subquery(e query.Expr, body func()) {
	c.outside(e, func(inBlock bool) {
		if inBlock {
			c.timed(body)
			return
		}
		c.text("(")
		c.timed(body)
		c.text(")")
	})
}

// lookup writes a value of the one row, NONE where there is none.
func (c *compiler) lookup(e *query.Lookup) { c.lookupOf(e, func() { c.expr(e.Value) }) }

// lookupOf is lookup where value writes the value.
func (c *compiler) lookupOf(e *query.Lookup, value func()) {
	if link, rest := linked(e.Table, e.Where); link != nil {
		c.follow(link, func() {
			if _, isColumn := e.Value.(*query.ColumnRef); isColumn && len(rest) == 0 && recordsOf(e.Value) == "" {
				value()
				return
			}
			c.group(func() {
				c.text("IF ")
				c.present()
				c.andWhere(&query.And{Terms: rest})
				c.text(" { ")
				value()
				c.text(" }")
			})
		})
		return
	}
	c.portion(func() {
		c.subquery(e, func() {
			c.text("SELECT VALUE ")
			c.enter("")
			value()
			c.text(" FROM ")
			c.name(e.Table.Name)
			c.where(e.Where)
			c.leave()
			c.text(" LIMIT 1")
		})
		c.text("[0]")
	})
}

// linked finds the ref outside whose record alone a condition is about; rest is
// what else is asked of that record.
func linked(t *query.Table, where query.Expr) (link *query.ColumnRef, rest []query.Expr) {
	terms := []query.Expr{where}
	if and, ok := where.(*query.And); ok {
		terms = and.Terms
	}
	for i, term := range terms {
		compare, ok := term.(*query.Compare)
		if !ok || compare.Op != query.Equal {
			continue
		}
		for _, sides := range [][2]query.Expr{{compare.Left, compare.Right}, {compare.Right, compare.Left}} {
			key, _ := sides[0].(*query.ColumnRef)
			outer, _ := sides[1].(*query.ColumnRef)
			if key == nil || outer == nil || key.Up != 0 || key.Old || key.Column != t.Key() || outer.Up != 1 || outer.Old || recordsOf(outer) != t.Name {
				continue
			}
			return outer, append(append(rest, terms[:i]...), terms[i+1:]...)
		}
	}
	return nil, nil
}

// follow writes body with the record at hand that a ref outside of it leads to.
func (c *compiler) follow(link *query.ColumnRef, body func()) {
	mark := len(c.buf)
	from := *link
	from.Up = 0
	c.field(&from)
	prefix := string(c.buf[mark:]) + "."
	c.buf = c.buf[:mark]
	c.enter(prefix)
	body()
	c.leave()
}

// present writes that the row at hand, which a ref leads to, is there.
func (c *compiler) present() {
	c.fieldNamed(c.scope.prefix(len(c.scope.rows)-1), fieldRevision)
	c.text(" != NONE")
}

// embed and aggregate are written by the select whose outputs they are.
func (c *compiler) embed(*query.Embed) { c.misplaced("embed") }

func (c *compiler) aggregate(*query.Aggregate) { c.misplaced("aggregate") }

func (c *compiler) misplaced(what string) {
	c.fault = fault.Newf("XX000", "an %s stands where none can be", what)
}

// hops writes the steps of the walk to the row at hand.
func (c *compiler) hops(*query.Hops) {
	c.fieldNamed(c.scope.prefix(len(c.scope.rows)-1), fieldHops)
}

// fieldHops holds the steps in the rows of a walk.
const fieldHops = "_hops"
