// Package clienttypes writes the types of a backend's rows in the languages of
// its clients: TypeScript as supabase-js takes it, and Go. It goes by the
// manifest alone, and gives the same bytes for the same manifest. The command
// calls it; it reads no row and opens no database.
package clienttypes

import (
	"fmt"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// table is a table with what its types are made from.
type table struct {
	declared *manifest.Table
	columns  []column
	// refers are the relations along the table's own references.
	refers []query.Relation
}

// column is a column with what its type is made from.
type column struct {
	*query.Column
	// enum are the texts that the column allows, enumName their name:
	// TABLE_COLUMN, with a number where another is called so.
	enum     []string
	enumName string
	// hidden says that some callers, or all but the service role, do not see the
	// column: it may not be there.
	hidden access.Reach
	// auto says that the backend writes the column, and no caller.
	auto bool
	// optional says that a new row may leave the column out.
	optional bool
}

// tables gathers the tables of a checked manifest, in its order.
func tables(m *manifest.Manifest, rules *access.Rules) ([]table, error) {
	out := make([]table, 0, len(m.Tables))
	for i := range m.Tables {
		declared := &m.Tables[i]
		compiled := rules.Tables[declared.Name]
		if compiled == nil {
			return nil, fmt.Errorf("types of table %q: it has no rules", declared.Name)
		}
		t := table{declared: declared}
		for i := range compiled.Columns {
			t.columns = append(t.columns, newColumn(declared, &compiled.Columns[i]))
		}
		out = append(out, t)
	}
	nameEnums(out)
	relate(out, rules)
	return out, nil
}

// relate finds each table's own references.
func relate(all []table, rules *access.Rules) {
	known := make([]*query.Table, len(all))
	for i := range all {
		known[i] = rules.Tables[all[i].declared.Name].Table
	}
	schema := query.NewSchema(known)
	for i := range all {
		for _, r := range schema.Relations(known[i]) {
			if r.Via == nil && r.Near.Ref != nil && r.Near.Ref.Table == r.To.Name && r.Far == r.To.Key() {
				all[i].refers = append(all[i].refers, r)
			}
		}
	}
}

func nameEnums(all []table) {
	var taken names
	for i := range all {
		for j := range all[i].columns {
			if c := &all[i].columns[j]; len(c.enum) > 0 {
				c.enumName = taken.free(all[i].declared.Name + "_" + c.Name)
			}
		}
	}
}

// names are those given out in one scope.
type names map[string]bool

// free gives the name, with a number behind it where it is taken.
func (n *names) free(name string) string {
	if *n == nil {
		*n = names{}
	}
	made := name
	for i := 2; (*n)[made]; i++ {
		made = name + "_" + strconv.Itoa(i)
	}
	(*n)[made] = true
	return made
}

func newColumn(t *manifest.Table, rules *access.ColumnRules) column {
	c := column{Column: rules.Column, hidden: access.ReachOf(rules.Read)}
	d := rules.Declared
	if d == nil { // the key
		c.optional = t.Key.Type == "uuid" || t.Key.Type == "int"
		return c
	}
	c.enum, c.auto = d.Enum, d.Auto != nil
	c.optional = !c.Required || d.Default != nil || c.auto
	return c
}

// seenBy is a comment on who sees the column, "" for everyone who sees the row.
func (c *column) seenBy() string {
	switch c.hidden {
	case access.ReachService:
		return "Seen by the service role alone."
	case access.ReachSome:
		return "Not every caller sees it."
	}
	return ""
}
