package difference

import (
	"fmt"
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
		{r.Granted.Read, []query.Expr{r.Read}, say(a.Read, a.Guards)},
		{r.Granted.Create, []query.Expr{r.Create}, say(a.Create, a.Guards)},
		{r.Granted.Update, []query.Expr{r.UpdateBefore, r.UpdateAfter}, update},
		{r.Granted.Delete, []query.Expr{r.Delete}, say(a.Delete, a.Guards)},
	}
}

var operationNames = [4]string{"read", "create", "update", "delete"}

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
	names := make([]string, len(guards))
	for i := range guards {
		names[i] = guards[i].Name
	}
	return said + ", guarded by " + strings.Join(names, ", ")
}

// access compares who may do what to a table's rows.
func (c *comparer) access(old, next *manifest.Table) {
	var oldRules *access.TableRules
	if old != nil {
		oldRules = c.old.Rules.Tables[old.Name]
	}
	before := operations(old, oldRules)
	after := operations(next, c.next.Rules.Tables[next.Name])
	for i, name := range operationNames {
		change, differs := compareOperation(before[i], after[i], name+" of "+next.Name)
		if !differs {
			continue
		}
		c.add(next.Path+".access."+name, change)
		if name == "read" && !after[i].granted {
			c.closedChannels(next)
		}
	}
}

func compareOperation(old, next operation, what string) (Change, bool) {
	change := Change{Area: Access, Sign: Turns, Was: old.said, Is: next.said}
	switch {
	case !old.granted && !next.granted:
		return change, false
	case !old.granted:
		change.Sign, change.Grade, change.What = Comes, Widens, "opens "+what
		return change, true
	case !next.granted:
		change.Sign, change.Grade, change.What = Goes, Breaks, "closes "+what
		return change, true
	}
	moved := same
	for i := range old.rules {
		moved = together(moved, relate(old.rules[i], next.rules[i]))
	}
	return change, moved != same && grade(&change, moved, what)
}

// grade says in words how access has moved. What cannot be told counts as
// opened: it is for a person to look at.
func grade(change *Change, moved relation, what string) bool {
	switch moved {
	case wider:
		change.Grade, change.What = Widens, "widens "+what
	case narrower:
		change.Grade, change.What = Breaks, "narrows "+what
	default:
		change.Grade, change.What = Widens, "changes "+what+": some may gain, some lose"
	}
	if change.Was == change.Is {
		change.Was, change.Is = "", ""
		change.What += ": what its rule names has changed"
	}
	return true
}

// columnAccess compares what narrows an operation for one column.
func (c *comparer) columnAccess(table string, old, next *manifest.Column) {
	before, after := columnRules(c.old.Rules, old.Name), columnRules(c.next.Rules, next.Name)
	was, is := before(c.oldName(table)), after(table)
	if was == nil || is == nil {
		return
	}
	for _, one := range []struct {
		name      string
		was, is   query.Expr
		old, next manifest.Condition
	}{
		{"read", was.Read, is.Read, old.Access.Read, next.Access.Read},
		{"create", was.Create, is.Create, old.Access.Create, next.Access.Create},
		{"update", was.Update, is.Update, old.Access.Update, next.Access.Update},
	} {
		moved := relate(one.was, one.is)
		if moved == same {
			continue
		}
		change := Change{Area: Access, Sign: Turns, Was: sayColumn(one.old), Is: sayColumn(one.next)}
		grade(&change, moved, one.name+" of column "+table+"."+next.Name)
		c.add(next.Path+".access."+one.name, change)
	}
	c.auto(table, was, is, old, next)
}

func (c *comparer) oldName(table string) string {
	if old := c.formerTable(c.next.Manifest.Table(table)); old != nil {
		return old.Name
	}
	return table
}

func columnRules(r *access.Rules, column string) func(table string) *access.ColumnRules {
	return func(table string) *access.ColumnRules {
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

// auto compares what we set by ourselves: callers may not send it.
func (c *comparer) auto(table string, was, is *access.ColumnRules, old, next *manifest.Column) {
	set := func(r *access.ColumnRules) bool { return r.AutoCreate != nil || r.AutoUpdate != nil }
	name := table + "." + next.Name
	change := Change{Area: Columns, Sign: Turns, Was: sayAuto(old.Auto), Is: sayAuto(next.Auto)}
	switch {
	case set(was) && !set(is):
		change.Grade, change.What = Widens, fmt.Sprintf("column %s is no longer set by the server: callers may send it", name)
	case !set(was) && set(is):
		change.Grade, change.What = Breaks, fmt.Sprintf("column %s is set by the server: callers may no longer send it", name)
	case change.Was != change.Is:
		change.Grade, change.What = Safe, fmt.Sprintf("column %s is set otherwise by the server", name)
	default:
		return
	}
	c.add(next.Path+".auto", change)
}

func sayAuto(a *manifest.Auto) string {
	if a == nil {
		return ""
	}
	var parts []string
	if a.Create != "" {
		parts = append(parts, "create: "+a.Create)
	}
	if a.Update != "" {
		parts = append(parts, "update: "+a.Update)
	}
	return strings.Join(parts, ", ")
}
