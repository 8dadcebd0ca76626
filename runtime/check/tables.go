package check

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Bounds of a table.
const (
	mostColumns = 500
	mostRows    = 100_000
)

// table checks what a table refers to; access checks its rules.
func (c *checker) table(t *manifest.Table) {
	c.key(t)
	if len(t.Columns) > mostColumns {
		c.report(t.Path, fault.Newf(codeRange, "table %s has %d columns; at most %d are possible", t.Name, len(t.Columns), mostColumns).
			WithHint("put what belongs together into a json column, or a table of its own"))
	}
	if t.Rows < 0 || t.Rows > mostRows {
		c.report(t.Path+".rows", fault.Newf(codeRange, "rows is %d; it can be 1 to %d", t.Rows, mostRows).WithHint("clients page through more with limit and offset"))
	}
	for i := range t.Columns {
		c.column(&t.Columns[i])
	}
	for i := range t.Indexes {
		c.index(t, &t.Indexes[i])
	}
	if t.Cache != "" && !slices.ContainsFunc(c.m.Cache.Policies, func(p manifest.Policy) bool { return p.Name == t.Cache }) {
		c.report(t.Path+".cache", fault.Newf(codePolicy, "there is no cache policy %q", t.Cache).
			WithHint(fault.NearestHint(t.Cache, c.policyNames(), "declare it in cache.policies")))
	}
	c.renamedTable(t)
	c.edge(t)
	c.retention(t)
	if t.Seed != "" {
		c.seed(t)
	}
}

func (c *checker) key(t *manifest.Table) {
	path := t.Path + ".key"
	switch t.Key.Type {
	case "uuid", "int", "text":
	case "ref":
		if c.find(t.Key.Table) == nil {
			c.report(path+".table", c.noTable(t.Key.Table))
		}
		if t.Key.OnDelete == "setNull" {
			c.report(path+".onDelete", fault.New(codeReference, "a key cannot become null when the row it refers to goes").WithHint(`use "cascade" or "restrict"`))
		}
	default:
		c.report(path, fault.Newf(codeColumnType, "%q is no type for a key", t.Key.Type).
			WithHint(fault.NearestHint(t.Key.Type, []string{"uuid", "int", "text", "ref"}, "a key is uuid, int, text or ref")))
	}
	if t.Name == "users" && t.Key.Type != "uuid" && t.Key.Type != "" {
		c.report(path, fault.New(codeColumnType, "the key of users is a uuid and cannot be changed").WithHint("leave key out of users"))
	}
}

func (c *checker) noTable(name string) *fault.Fault {
	names := make([]string, len(c.m.Tables))
	for i := range c.m.Tables {
		names[i] = c.m.Tables[i].Name
	}
	return fault.Newf(codeTable, "there is no table %q", name).WithHint(fault.NearestHint(name, names, "tables are "+fault.Listed(names)))
}

func (c *checker) noColumn(t *manifest.Table, name string) *fault.Fault {
	names := append(make([]string, 0, len(t.Columns)+1), "id")
	for i := range t.Columns {
		names = append(names, t.Columns[i].Name)
	}
	return fault.Newf(codeColumn, "table %s has no column %q", t.Name, name).WithHint(fault.NearestHint(name, names, "its columns are "+fault.Listed(names)))
}

func (c *checker) policyNames() []string {
	names := make([]string, len(c.m.Cache.Policies))
	for i := range c.m.Cache.Policies {
		names[i] = c.m.Cache.Policies[i].Name
	}
	return names
}

func (c *checker) index(t *manifest.Table, index *manifest.Index) {
	path := index.Path + ".columns"
	if index.Language != "" && index.Kind != "fulltext" {
		c.report(index.Path+".language", fault.Newf(codeIndex, "index %s is not over words, and has a language", index.Name).WithHint(`leave language out, or write kind: "fulltext"`))
	}
	if index.Kind != "" {
		c.searchIndex(t, index)
		return
	}
	if len(index.Columns) == 0 {
		c.report(path, fault.Newf(codeIndex, "index %s has no columns", index.Name).WithHint("name at least one"))
	}
	c.emptyCondition(index.Path+".where", index.Where)
	seen := map[string]bool{}
	for i, name := range index.Columns {
		column := t.Column(name)
		switch {
		case name != "id" && column == nil:
			c.report(item(path, i), c.noColumn(t, name))
		case seen[name]:
			c.report(item(path, i), fault.Newf(codeIndex, "index %s names the column %s twice", index.Name, name).WithHint("name it once"))
		case column != nil && column.Type == "vector":
			c.report(item(path, i), fault.Newf(codeIndex, "a vector column cannot be in a plain index: %s", name).WithHint(`write kind: "vector"`))
		case column != nil && (column.Type == "json" || column.Type == "list"):
			c.report(item(path, i), fault.Newf(codeIndex, "a %s column cannot be in an index: %s", column.Type, name).WithHint("put what is searched for into a column of its own"))
		}
		seen[name] = true
	}
	for i := range t.Indexes {
		other := &t.Indexes[i]
		if other == index {
			return
		}
		if slices.Equal(other.Columns, index.Columns) && other.Where == index.Where && other.Unique == index.Unique {
			c.report(index.Path, c.also(fault.Newf(codeIndex, "indexes %s and %s are the same", other.Name, index.Name), other.Path).WithHint("remove one of them"))
			return
		}
	}
}

// keyCircles reports keys that refer to each other in a circle, once a circle.
func (c *checker) keyCircles() {
	done := map[string]bool{}
	for i := range c.m.Tables {
		var trail []string
		for t := &c.m.Tables[i]; t != nil && t.Key.Type == "ref" && !done[t.Name]; t = c.find(t.Key.Table) {
			if at := slices.Index(trail, t.Name); at >= 0 {
				circle := append(slices.Clone(trail[at:]), t.Name)
				c.report(t.Path+".key", fault.Newf(codeReference, "the keys of these tables refer to each other in a circle: %s", strings.Join(circle, " -> ")).
					WithHint(`give one of them a key of its own: {type: "uuid"}`))
				break
			}
			trail = append(trail, t.Name)
		}
		for _, name := range trail {
			done[name] = true
		}
	}
}

// renamedTable checks `was` of a table and of its columns.
func (c *checker) renamedTable(t *manifest.Table) {
	if t.Was != "" {
		path := t.Path + ".was"
		switch {
		case t.Name == "users":
			c.report(path, fault.New(codeWas, "users is built in and cannot come from another table").WithHint("leave was out"))
		case t.Was == t.Name:
			c.report(path, fault.Newf(codeWas, "table %s is renamed from its own name", t.Name).WithHint("leave was out"))
		case c.find(t.Was) != nil:
			c.report(path, fault.Newf(codeWas, "%s cannot have been %s: that table is still declared", t.Name, t.Was).WithHint("remove was, or the other table"))
		case slices.Contains(c.m.Removed, t.Was):
			c.report(path, fault.Newf(codeWas, "%s is renamed to %s and named in removed as well", t.Was, t.Name).WithHint("take it out of removed"))
		}
		for i := range c.m.Tables {
			if other := &c.m.Tables[i]; other == t {
				break
			} else if other.Was == t.Was {
				c.report(path, c.also(fault.Newf(codeWas, "two tables were %s", t.Was), other.Path).WithHint("only one can take its rows"))
			}
		}
	}
	was := map[string]string{}
	for i := range t.Columns {
		c.renamedColumn(t, &t.Columns[i], was)
	}
}

func (c *checker) renamedColumn(t *manifest.Table, column *manifest.Column, seen map[string]string) {
	if column.Was == "" {
		return
	}
	path := column.Path + ".was"
	switch other := seen[column.Was]; {
	case column.Was == column.Name:
		c.report(path, fault.Newf(codeWas, "column %s is renamed from its own name", column.Name).WithHint("leave was out"))
	case column.Was == "id" || t.Column(column.Was) != nil:
		c.report(path, fault.Newf(codeWas, "%s cannot have been %s: that column is still declared", column.Name, column.Was).WithHint("remove was, or the other column"))
	case slices.Contains(c.m.Removed, t.Name+"."+column.Was):
		c.report(path, fault.Newf(codeWas, "%s is renamed to %s and named in removed as well", column.Was, column.Name).WithHint("take it out of removed"))
	case other != "":
		c.report(path, c.also(fault.Newf(codeWas, "two columns were %s", column.Was), other).WithHint("only one can take its values"))
	}
	seen[column.Was] = column.Path
}

// removed checks that nothing is both declared and given up.
func (c *checker) removed() {
	seen := map[string]bool{}
	for i, entry := range c.m.Removed {
		path := item("removed", i)
		name, column, isColumn := strings.Cut(entry, ".")
		t := c.find(name)
		switch {
		case seen[entry]:
			c.report(path, fault.Newf(codeRemoved, "removed names %s twice", entry).WithHint("name it once"))
		case isColumn && column == "id":
			c.report(path, fault.Newf(codeRemoved, "the key cannot be removed: %s", entry).WithHint("remove the table, or leave the entry out"))
		case !isColumn && t != nil:
			c.report(path, fault.Newf(codeRemoved, "removed names the table %s, which is declared", entry).WithHint("take it out of removed, or out of tables"))
		case isColumn && t != nil && t.Column(column) != nil:
			c.report(path, fault.Newf(codeRemoved, "removed names the column %s, which is declared", entry).WithHint("take it out of removed, or out of the table"))
		}
		seen[entry] = true
	}
}
