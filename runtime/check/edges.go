package check

import (
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// edge checks that an edge table joins two rows.
func (c *checker) edge(t *manifest.Table) {
	e := t.Edge
	if e == nil {
		return
	}
	if t.Name == usersTable {
		c.report(e.Path, fault.New(codeReference, "the table users cannot be an edge").WithHint("declare a table of its own that joins users"))
		return
	}
	for _, end := range []struct{ field, name string }{{"from", e.From}, {"to", e.To}} {
		path := e.Path + "." + end.field
		column := t.Column(end.name)
		switch {
		case column == nil:
			c.report(path, c.noColumn(t, end.name))
		case column.Type != "ref":
			c.report(path, fault.Newf(codeReference, "%s is %s, and an edge joins references", end.name, column.Type).
				WithHint(`make it {type: "ref", table: "...", required: true}`))
		case !column.Required:
			c.report(path, fault.Newf(codeReference, "%s may be null, and an edge has two ends", end.name).
				WithHint("add required: true to the column"))
		}
	}
	if e.From == e.To && e.From != "" {
		c.report(e.Path+".to", fault.New(codeReference, "from and to are one column").WithHint("an edge has two ref columns"))
	}
}

// shortestRetention keeps a slip of the unit from emptying a table.
const shortestRetention = time.Minute

// retention checks what the age of rows is counted from.
func (c *checker) retention(t *manifest.Table) {
	r := t.Retention
	if r == nil {
		return
	}
	column := t.Column(r.Column)
	switch {
	case t.Name == usersTable:
		c.report(r.Path, fault.New(codeReference, "users do not leave by themselves").WithHint("take retention out"))
	case column == nil:
		c.report(r.Path+".column", c.noColumn(t, r.Column))
	case column.Type != "timestamp" && column.Type != "date":
		c.report(r.Path+".column", fault.Newf(codeReference, "%s is %s, and age is counted from a time", r.Column, column.Type).
			WithHint("name a timestamp or date column, such as one with auto: create: \"now()\""))
	}
	if r.Keep < shortestRetention {
		c.report(r.Path+".keep", fault.New(codeRange, "rows are kept for a minute at least").WithHint(`write "30d" for 30 days`))
	}
}
