package difference

import (
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// checks compares the named conditions that no written row may make false.
func (c *comparer) checks() {
	for old, next := range c.keptTables() {
		for i := range next.Checks {
			check := &next.Checks[i]
			at := findCheck(old, check.Name)
			if at >= 0 {
				c.check(old, next, at, i)
				continue
			}
			c.add(check.Path, Change{
				Area: Columns, Sign: Comes, Grade: Breaks, Is: check.Text,
				What: fmt.Sprintf("check %s.%s refuses rows from now on", next.Name, check.Name),
			})
		}
		for i := range old.Checks {
			if check := &old.Checks[i]; findCheck(next, check.Name) < 0 {
				c.add(next.Path, Change{
					Area: Columns, Sign: Goes, Grade: Safe, Was: check.Text,
					What: fmt.Sprintf("check %s.%s no longer refuses rows", next.Name, check.Name),
				})
			}
		}
	}
}

func findCheck(t *manifest.Table, name string) int {
	return slices.IndexFunc(t.Checks, func(k manifest.Check) bool { return k.Name == name })
}

// check compares one that is there before and after, at its places.
func (c *comparer) check(old, next *manifest.Table, at, i int) {
	before, after := c.old.Rules.Tables[old.Name], c.next.Rules.Tables[next.Name]
	if before == nil || after == nil {
		return
	}
	was, is := &old.Checks[at], &next.Checks[i]
	name := next.Name + "." + is.Name
	change := Change{Area: Columns, Sign: Turns, Grade: Breaks, Was: was.Text, Is: is.Text}
	conds := []query.Expr{before.Checks[at].Cond, after.Checks[i].Cond}
	switch relate(conds[0], conds[1]) {
	case same:
		return
	case wider:
		change.Grade, change.What = Safe, "check "+name+" refuses fewer rows"
	case narrower:
		change.What = "check " + name + " refuses more rows"
	default:
		change.What = "check " + name + " refuses other rows"
	}
	c.addMoved(is.Path, change, move{"check " + name, change.Grade, []string{was.Text, is.Text}, conds})
}
