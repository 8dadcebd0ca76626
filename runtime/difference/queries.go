package difference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// queries compares the named queries. They see all rows, so one that more
// callers reach widens access, and a text that changes may show other rows.
func (c *comparer) queries() {
	for i := range c.next.Manifest.Queries {
		next := &c.next.Manifest.Queries[i]
		if old := c.old.Manifest.Query(next.Name); old != nil {
			c.query(old, next)
			continue
		}
		change := Change{Area: Queries, Sign: Comes, Grade: Safe, What: "adds query " + next.Name, Is: sayCall(next.Call)}
		if rules := c.next.Rules.Queries[next.Name]; rules != nil && access.ReachOf(rules.Call) > access.ReachService {
			change.Grade = Widens
		}
		c.add(next.Path, change)
	}
	for i := range c.old.Manifest.Queries {
		if old := &c.old.Manifest.Queries[i]; c.next.Manifest.Query(old.Name) == nil {
			c.add("queries", Change{Area: Queries, Sign: Goes, Grade: Breaks, What: "removes query " + old.Name})
		}
	}
}

// queryText compares the texts for one engine; asked tells that it is the one that
// serves.
func (c *comparer) queryText(next *manifest.Query, field, engine, was, is string, asked, shown bool) {
	if was == is {
		return
	}
	change := Change{Area: Queries, Sign: Turns, Grade: Safe, What: "query " + next.Name + " has another text", Was: was, Is: is}
	switch {
	case !asked:
		change.What += " for " + engine + ", which is not asked"
	case shown:
		change.Grade, change.What = Widens, change.What+": it may show other rows"
	}
	c.add(next.Path+"."+field, change)
}

func (c *comparer) query(old, next *manifest.Query) {
	before, after := c.old.Rules.Queries[old.Name], c.next.Rules.Queries[next.Name]
	if before == nil || after == nil {
		return
	}
	c.condition(next.Path+".access.call", Queries, "who may call "+next.Name, before.Call, after.Call, old.Call, next.Call, sayCall)
	shown := access.ReachOf(after.Call) > access.ReachService
	onServer := c.next.Manifest.Database.Engine == manifest.SurrealDB
	c.queryText(next, "sql", "SQLite", old.SQL, next.SQL, !onServer, shown)
	c.queryText(next, "surql", "SurrealDB", old.SurQL, next.SurQL, onServer, shown)
	if old.Write != next.Write {
		change := Change{Area: Queries, Sign: Turns, Grade: Safe, What: "query " + next.Name + " only reads from now on"}
		if next.Write {
			change.Grade, change.What = Breaks, "query "+next.Name+" writes from now on: it is called by POST alone"
			if shown {
				change.Grade = Widens
			}
		}
		c.add(next.Path+".write", change)
	}
	c.reads(old, next, shown)
	c.params(old, next)
	c.returns(old, next)
	if was, is := sayPolicy(c.old.Manifest, old.Cache), sayPolicy(c.next.Manifest, next.Cache); was != is {
		c.add(next.Path+".cache", Change{Area: Cache, Sign: Turns, Grade: Safe, What: "answers of " + next.Name + " are kept otherwise", Was: was, Is: is})
	}
}

// reads compares the tables that a query is held to; shown tells that others
// than the service role may call it.
func (c *comparer) reads(old, next *manifest.Query, shown bool) {
	former := make([]string, 0, len(next.Reads)) // by the names of before
	for _, name := range next.Reads {
		if table := c.next.Manifest.Table(name); table != nil {
			if before := c.formerTable(table); before != nil {
				name = before.Name
			}
		}
		former = append(former, name)
	}
	more, fewer := !contains(old.Reads, former), !contains(former, old.Reads)
	if !more && !fewer {
		return
	}
	change := Change{
		Area: Queries, Sign: Turns, Grade: Safe, What: "query " + next.Name + " may read other tables",
		Was: strings.Join(old.Reads, ", "), Is: strings.Join(next.Reads, ", "),
	}
	if more && shown {
		change.Grade = Widens
	}
	c.add(next.Path+".reads", change)
}

// params compares what a query takes, by name.
func (c *comparer) params(old, next *manifest.Query) {
	find := func(q *manifest.Query, name string) *manifest.QueryParam {
		if i := slices.IndexFunc(q.Params, func(p manifest.QueryParam) bool { return p.Name == name }); i >= 0 {
			return &q.Params[i]
		}
		return nil
	}
	for i := range next.Params {
		param := &next.Params[i]
		before := find(old, param.Name)
		change := Change{Area: Queries, Sign: Comes, Grade: Safe, What: "query " + next.Name + " takes " + param.Name, Is: sayParam(param)}
		switch {
		case before == nil && param.Required:
			change.Grade, change.What = Breaks, "query "+next.Name+" cannot be called without "+param.Name
		case before == nil:
		case sayParam(before) == sayParam(param):
			continue
		default:
			change.Sign, change.Was = Turns, sayParam(before)
			change.What = "query " + next.Name + " takes " + param.Name + " otherwise"
			if before.QueryType != param.QueryType || param.Required && !before.Required {
				change.Grade = Breaks
			}
		}
		c.add(param.Path, change)
	}
	for i := range old.Params {
		if param := &old.Params[i]; find(next, param.Name) == nil {
			c.add(next.Path+".params", Change{Area: Queries, Sign: Goes, Grade: Breaks, What: "query " + next.Name + " takes " + param.Name + " no longer", Was: sayParam(param)})
		}
	}
}

// returns compares what a query gives: a column more hurts nobody.
func (c *comparer) returns(old, next *manifest.Query) {
	was, is := sayReturns(old), sayReturns(next)
	same := func(a, b manifest.QueryColumn) bool { return a.Name == b.Name && a.QueryType == b.QueryType }
	has := func(column manifest.QueryColumn) bool {
		return slices.ContainsFunc(next.Columns, func(b manifest.QueryColumn) bool { return same(column, b) })
	}
	if old.Returns == next.Returns && slices.EqualFunc(old.Columns, next.Columns, same) {
		return
	}
	change := Change{Area: Queries, Sign: Turns, Grade: Breaks, What: "query " + next.Name + " gives something else", Was: was, Is: is}
	lost := slices.ContainsFunc(old.Columns, func(column manifest.QueryColumn) bool { return !has(column) })
	if old.Returns == next.Returns && next.Returns == manifest.ReturnsRows && !lost {
		change.Grade, change.What = Safe, "query "+next.Name+" gives more columns, or in another order"
	}
	c.add(next.Path+".returns", change)
}

func sayParam(p *manifest.QueryParam) string {
	said := sayType(p.QueryType)
	if p.Required {
		said += ", required"
	}
	if p.Default != "" {
		said += ", default " + p.Default
	}
	return said
}

func sayReturns(q *manifest.Query) string {
	if len(q.Columns) == 0 {
		return q.Returns
	}
	columns := make([]string, len(q.Columns))
	for i := range q.Columns {
		columns[i] = q.Columns[i].Name + " " + sayType(q.Columns[i].QueryType)
	}
	return q.Returns + ": " + strings.Join(columns, ", ")
}

func sayType(t manifest.QueryType) string {
	switch {
	case t.Table != "":
		return t.Type + " to " + t.Table
	case t.Of != "":
		return t.Type + " of " + t.Of
	case t.Type == "decimal":
		return fmt.Sprintf("decimal of scale %d", t.Scale)
	}
	return t.Type
}

// sayCall says who may call a query.
func sayCall(c manifest.Condition) string {
	if !c.Declared {
		return nobody
	}
	return sayColumn(c)
}

// sayQuery says what a route calls.
func sayQuery(q *manifest.CallQuery) string {
	text := "query " + q.Name
	for i := range q.With {
		a := &q.With[i]
		text += fmt.Sprintf(", %s from %s", a.Name, sayArgument(a))
	}
	return text
}

func sayArgument(a *manifest.Argument) string {
	switch {
	case a.Param != "":
		return "{" + a.Param + "}"
	case a.URL != "":
		return "?" + a.URL + "="
	}
	return a.JSON
}
