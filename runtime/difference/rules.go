package difference

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// nobody is who an operation that was left out is for.
const nobody = "nobody but the service role"

// operation is one of a table's operations on one side.
type operation struct {
	granted bool
	rules   []query.Expr // all have to hold
	texts   []string     // as they are written, guards too
	said    string
}

// operations are read, create, update and delete of a table, in this order; of
// one that is not there, nothing is granted.
func operations(t *manifest.Table, r *access.TableRules) [4]operation {
	if t == nil || r == nil {
		var none [4]operation
		for i := range none {
			none[i].said = nobody
		}
		return none
	}
	a := &t.Access
	update := say(a.UpdateBefore, a.Guards)
	if a.UpdateBefore.Text != a.UpdateAfter.Text || a.UpdateBefore.Always != a.UpdateAfter.Always {
		update = "before: " + say(a.UpdateBefore, a.Guards) + "; after: " + say(a.UpdateAfter, a.Guards)
	}
	if !r.Granted.Update {
		update = nobody
	}
	return [4]operation{
		{r.Granted.Read, []query.Expr{r.Read}, written(a.Guards, a.Read), say(a.Read, a.Guards)},
		{r.Granted.Create, []query.Expr{r.Create}, written(a.Guards, a.Create), say(a.Create, a.Guards)},
		{r.Granted.Update, []query.Expr{r.UpdateBefore, r.UpdateAfter}, written(a.Guards, a.UpdateBefore, a.UpdateAfter), update},
		{r.Granted.Delete, []query.Expr{r.Delete}, written(a.Guards, a.Delete), say(a.Delete, a.Guards)},
	}
}

var operationNames = [4]string{"read", "create", "update", "delete"}

// written are the texts of conditions and guards.
func written(guards []manifest.Guard, conditions ...manifest.Condition) []string {
	var texts []string
	for _, condition := range conditions {
		texts = append(texts, condition.Text)
	}
	for i := range guards {
		texts = append(texts, guards[i].Text)
	}
	return texts
}

// say is a condition and its guards for a reader.
func say(c manifest.Condition, guards []manifest.Guard) string {
	if !c.Declared {
		return nobody
	}
	said := c.Text
	if c.Always {
		said = "everyone"
	}
	if len(guards) == 0 {
		return said
	}
	all := make([]string, len(guards))
	for i := range guards {
		all[i] = guards[i].Name + " (" + sayCall(guards[i].Condition) + ")"
	}
	return said + ", guarded by " + strings.Join(all, ", ")
}

// access compares who may do what to the rows of tables.
func (c *comparer) access() {
	for old, next := range c.tables() {
		var rules *access.TableRules
		if old != nil {
			rules = c.old.Rules.Tables[old.Name]
		}
		before, after := operations(old, rules), operations(next, c.next.Rules.Tables[next.Name])
		for i, name := range operationNames {
			c.operation(next, name, before[i], after[i])
		}
	}
}

func (c *comparer) operation(t *manifest.Table, name string, old, next operation) {
	what := name + " of " + t.Name
	path := t.Path + ".access." + name
	change := Change{Area: Access, Sign: Turns, Was: old.said, Is: next.said}
	switch {
	case !old.granted && !next.granted:
	case !old.granted:
		change.Sign, change.Grade, change.What = Comes, Widens, "opens "+what
		c.add(path, change)
	case !next.granted:
		change.Sign, change.Grade, change.What = Goes, Breaks, "closes "+what
		c.add(path, change)
	default:
		moved := same
		for i := range old.rules {
			moved = together(moved, relate(old.rules[i], next.rules[i]))
		}
		if moved != same {
			grade(&change, moved, what)
			c.addMoved(path, change, move{what, change.Grade, slices.Concat(old.texts, next.texts), slices.Concat(old.rules, next.rules)})
		}
	}
}

// grade says in words how access has moved. What cannot be told counts as
// opened: it is for a person to look at.
func grade(change *Change, moved relation, what string) {
	switch moved {
	case wider:
		change.Grade, change.What = Widens, "widens "+what
	case narrower:
		change.Grade, change.What = Breaks, "narrows "+what
	default:
		change.Grade, change.What = Widens, "changes "+what+": some may gain, some lose"
	}
}

// columnAccess compares what narrows an operation for one column.
func (c *comparer) columnAccess(table string, old, next *manifest.Column, was, is *access.ColumnRules) {
	for _, one := range []struct {
		name      string
		was, is   query.Expr
		old, next manifest.Condition
	}{
		{"read", was.Read, is.Read, old.Access.Read, next.Access.Read},
		{"create", was.Create, is.Create, old.Access.Create, next.Access.Create},
		{"update", was.Update, is.Update, old.Access.Update, next.Access.Update},
	} {
		what := one.name + " of column " + table + "." + next.Name
		c.condition(next.Path+".access."+one.name, Access, what, one.was, one.is, one.old, one.next, sayColumn)
	}
}

// condition compares one condition that lets callers do something.
func (c *comparer) condition(path string, area Area, what string, was, is query.Expr, old, next manifest.Condition, say func(manifest.Condition) string) {
	moved := relate(was, is)
	if moved == same {
		return
	}
	change := Change{Area: area, Sign: Turns, Was: say(old), Is: say(next)}
	grade(&change, moved, what)
	c.addMoved(path, change, move{what, change.Grade, []string{old.Text, next.Text}, []query.Expr{was, is}})
}

// columnRules finds the compiled rules of a column.
func columnRules(r *access.Rules, table, column string) *access.ColumnRules {
	rules := r.Tables[table]
	if rules == nil {
		return nil
	}
	for i := range rules.Columns {
		if rules.Columns[i].Column.Name == column {
			return &rules.Columns[i]
		}
	}
	return nil
}

// sayColumn is a column's condition for a reader; left out, the table's alone
// holds.
func sayColumn(c manifest.Condition) string {
	switch {
	case !c.Declared:
		return "whoever the table's rule lets"
	case c.Always:
		return "everyone"
	case c.Text == "":
		return nobody
	}
	return c.Text
}
