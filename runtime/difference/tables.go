package difference

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// table compares a table with what it is now.
func (c *comparer) table(next *manifest.Table) {
	old := c.formerTable(next)
	c.access(old, next)
	if old == nil {
		return
	}
	if old.Name != next.Name {
		c.add(next.Path+".was", Change{
			Area: Columns, Sign: Turns, Grade: Breaks, Was: old.Name, Is: next.Name,
			What: fmt.Sprintf("table %s is called %s from now on", old.Name, next.Name),
		})
	}
	for i := range next.Columns {
		column := &next.Columns[i]
		before := formerColumn(old, column)
		if before == nil {
			c.newColumn(next, column)
			continue
		}
		c.column(next, before, column)
		c.columnAccess(next.Name, before, column)
	}
	c.checks(old, next)
	if old.Rows != next.Rows {
		c.bound(next.Path+".rows", Columns, "rows of "+next.Name+" an answer", int64(old.Rows), int64(next.Rows), plain)
	}
}

// newColumn tells what the database's step does not: that a create has to send
// it.
func (c *comparer) newColumn(t *manifest.Table, column *manifest.Column) {
	if column.Required && column.Default == nil && column.Auto == nil {
		c.add(column.Path, Change{
			Area: Columns, Sign: Comes, Grade: Breaks,
			What: fmt.Sprintf("whoever creates %s has to send %s from now on", t.Name, column.Name),
		})
	}
}

// column compares what a column takes. Its type is the database's affair.
func (c *comparer) column(t *manifest.Table, old, next *manifest.Column) {
	name := t.Name + "." + next.Name
	if old.Name != next.Name {
		c.add(next.Path+".was", Change{
			Area: Columns, Sign: Turns, Grade: Breaks, Was: old.Name, Is: next.Name,
			What: fmt.Sprintf("column %s.%s is called %s from now on", t.Name, old.Name, next.Name),
		})
	}
	c.taken(next.Path+".min", name+".min", old.Min, next.Min, lower(next.Min, old.Min))
	c.taken(next.Path+".max", name+".max", old.Max, next.Max, lower(old.Max, next.Max))
	c.taken(next.Path+".pattern", name+".pattern", old.Pattern, next.Pattern, false)
	c.taken(next.Path+".enum", name+".enum", strings.Join(old.Enum, ", "), strings.Join(next.Enum, ", "),
		len(next.Enum) > 0 && contains(next.Enum, old.Enum))
	was, is := sayDefault(old.Default), sayDefault(next.Default)
	if was == is {
		return
	}
	change := Change{Area: Columns, Sign: Turns, Grade: Safe, What: "changes the default of column " + name, Was: was, Is: is}
	if next.Default == nil && next.Required && next.Auto == nil {
		change.Grade, change.What = Breaks, fmt.Sprintf("whoever creates %s has to send %s from now on", t.Name, next.Name)
	}
	c.add(next.Path+".default", change)
}

// taken compares a bound of a column's values; loosened tells that what was
// taken before still is.
func (c *comparer) taken(path, name, was, is string, loosened bool) {
	if was == is {
		return
	}
	change := Change{Area: Columns, Sign: Turns, Grade: Breaks, What: name + " takes less, or other values", Was: was, Is: is}
	switch {
	case is == "" || was != "" && loosened:
		change.Grade, change.What = Safe, name+" takes more values"
	case was == "":
		change.What = name + " takes less values"
	}
	c.add(path, change)
}

// lower reports whether a is at most b, both being numbers.
func lower(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) <= 0
}

func sayDefault(d *manifest.Default) string {
	switch {
	case d == nil:
		return ""
	case d.CEL != "":
		return d.CEL
	}
	return d.JSON
}

// checks compares the named conditions that no written row may make false.
func (c *comparer) checks(old, next *manifest.Table) {
	find := func(t *manifest.Table, name string) *manifest.Check {
		if i := slices.IndexFunc(t.Checks, func(k manifest.Check) bool { return k.Name == name }); i >= 0 {
			return &t.Checks[i]
		}
		return nil
	}
	for i := range next.Checks {
		check := &next.Checks[i]
		before := find(old, check.Name)
		switch {
		case before == nil:
			c.add(check.Path, Change{
				Area: Columns, Sign: Comes, Grade: Breaks, Is: check.Text,
				What: fmt.Sprintf("check %s.%s refuses rows from now on", next.Name, check.Name),
			})
		case c.checkMoved(old, next, check.Name) || before.Text != check.Text:
			c.add(check.Path, Change{
				Area: Columns, Sign: Turns, Grade: Breaks, Was: before.Text, Is: check.Text,
				What: fmt.Sprintf("check %s.%s refuses other rows", next.Name, check.Name),
			})
		}
	}
	for i := range old.Checks {
		if find(next, old.Checks[i].Name) == nil {
			c.add(next.Path, Change{
				Area: Columns, Sign: Goes, Grade: Safe, Was: old.Checks[i].Text,
				What: fmt.Sprintf("check %s.%s no longer refuses rows", next.Name, old.Checks[i].Name),
			})
		}
	}
}

// checkMoved finds a check whose text is the same and whose macros are not.
func (c *comparer) checkMoved(old, next *manifest.Table, name string) bool {
	before, after := c.old.Rules.Tables[old.Name], c.next.Rules.Tables[next.Name]
	if before == nil || after == nil {
		return false
	}
	for _, b := range before.Checks {
		for _, a := range after.Checks {
			if strings.HasSuffix(a.Name, "_"+name+"_check") && strings.HasSuffix(b.Name, "_"+name+"_check") && len(a.Name)-len(next.Name) == len(b.Name)-len(old.Name) {
				return relate(b.Cond, a.Cond) != same
			}
		}
	}
	return false
}
