package difference

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// columns compares what columns take and what fills them, and who may name
// them.
func (c *comparer) columns() {
	for old, next := range c.keptTables() {
		for i := range next.Columns {
			column := &next.Columns[i]
			before := formerColumn(old, column)
			if before == nil {
				c.newColumn(next, column)
				continue
			}
			was, is := columnRules(c.old.Rules, old.Name, before.Name), columnRules(c.next.Rules, next.Name, column.Name)
			if was == nil || is == nil {
				continue
			}
			c.column(next, before, column)
			c.filled(next, before, column, was, is)
			c.auto(next.Name, before, column, was, is)
			c.columnAccess(next.Name, before, column, was, is)
		}
	}
}

// newColumn tells what the database's step does not: that a create has to send
// it.
func (c *comparer) newColumn(t *manifest.Table, column *manifest.Column) {
	if must(column) {
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
	if old.Metric != next.Metric && old.Type == next.Type {
		c.add(next.Path+".metric", Change{
			Area: Columns, Sign: Turns, Grade: Breaks, Was: old.Metric, Is: next.Metric,
			What: "near means something else for " + name + ": searches give other rows and distances",
		})
	}
}

// filled compares what a column is where a new row leaves it out.
func (c *comparer) filled(t *manifest.Table, old, next *manifest.Column, before, after *access.ColumnRules) {
	was, is := sayDefault(old.Default), sayDefault(next.Default)
	change := Change{Area: Columns, Sign: Turns, Grade: Safe, What: "changes the default of column " + t.Name + "." + next.Name, Was: was, Is: is}
	path := next.Path + ".default"
	switch {
	case must(next) && !must(old):
		change.Grade, change.What = Breaks, fmt.Sprintf("whoever creates %s has to send %s from now on", t.Name, next.Name)
		if was == is {
			path, change.Was, change.Is = next.Path+".required", "", ""
		}
	case was == is && text(before.Default) == text(after.Default):
		return
	}
	c.addMoved(path, change, move{"the default of " + t.Name + "." + next.Name, change.Grade, []string{was, is}, []query.Expr{before.Default, after.Default}})
}

// must reports a column that every new row has to bring.
func must(column *manifest.Column) bool {
	return column.Required && column.Default == nil && column.Auto == nil
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

// auto compares what we set by ourselves: callers may not send it.
func (c *comparer) auto(table string, old, next *manifest.Column, was, is *access.ColumnRules) {
	set := func(r *access.ColumnRules) bool { return r.AutoCreate != nil || r.AutoUpdate != nil }
	name := table + "." + next.Name
	change := Change{Area: Columns, Sign: Turns, Was: sayAuto(old.Auto), Is: sayAuto(next.Auto)}
	switch {
	case set(was) && !set(is):
		change.Grade, change.What = Widens, fmt.Sprintf("column %s is no longer set by the server: callers may send it", name)
	case !set(was) && set(is):
		change.Grade, change.What = Breaks, fmt.Sprintf("column %s is set by the server: callers may no longer send it", name)
	case change.Was != change.Is || text(was.AutoCreate) != text(is.AutoCreate) || text(was.AutoUpdate) != text(is.AutoUpdate):
		change.Grade, change.What = Safe, fmt.Sprintf("column %s is set otherwise by the server", name)
	default:
		return
	}
	c.addMoved(next.Path+".auto", change, move{
		"what the server sets in " + name, change.Grade,
		[]string{change.Was, change.Is},
		[]query.Expr{was.AutoCreate, was.AutoUpdate, is.AutoCreate, is.AutoUpdate},
	})
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
