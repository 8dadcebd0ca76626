package check

import (
	"regexp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

var (
	namePattern    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)
	channelPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_:]{0,62}$`)
)

// reservedColumns mean something else in a rule or a row.
var reservedColumns = []string{"id", "auth", "row", "old", "param", "tables"}

// reservedRules are functions and words of the rule language.
var reservedRules = []string{
	"has", "size", "contains", "startsWith", "endsWith", "matches", "lower", "now", "uuid",
	"auth", "row", "old", "param", "tables", "true", "false", "null", "in", "exists",
}

const nameHint = "a name is a letter, then up to 62 letters, digits or _"

// names checks what things are called, and that no two of a kind are called
// alike.
func (c *checker) names() {
	tables := uniqueNames{c: c, kind: "table"}
	for i := range c.m.Tables {
		t := &c.m.Tables[i]
		c.tableName(t)
		tables.add(t.Name, t.Path)
		c.columnNames(t)
	}
	policies := uniqueNames{c: c, kind: "cache policy"}
	for _, p := range c.m.Cache.Policies {
		path := member("cache.policies", p.Name)
		c.name("cache policy", p.Name, path)
		policies.add(p.Name, path)
	}
	claims := uniqueNames{c: c, kind: "claim"}
	for i := range c.m.Auth.Claims {
		claim := &c.m.Auth.Claims[i]
		c.name("claim", claim.Name, claim.Path)
		claims.add(claim.Name, claim.Path)
	}
	rates := uniqueNames{c: c, kind: "rate"}
	for _, r := range c.m.Rates {
		path := member("rates", r.Name)
		c.name("rate", r.Name, path)
		rates.add(r.Name, path)
	}
}

// name reports a name that is none.
func (c *checker) name(kind, name, path string) {
	if namePattern.MatchString(name) {
		return
	}
	c.report(path, fault.Newf(codeName, "%q is no name for %s %s", name, article(kind), kind).WithHint(nameHint))
}

func article(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an"
	}
	return "a"
}

func (c *checker) tableName(t *manifest.Table) {
	switch {
	case strings.HasPrefix(t.Name, "_"):
		c.report(t.Path, fault.Newf(codeReserved, "tables that begin with _ are the backend's own: %q", t.Name).WithHint("leave the _ out"))
	case strings.HasPrefix(strings.ToLower(t.Name), "sqlite_"):
		c.report(t.Path, fault.Newf(codeReserved, "tables that begin with sqlite_ belong to the database: %q", t.Name).WithHint("take another name"))
	default:
		c.name("table", t.Name, t.Path)
	}
}

func (c *checker) columnNames(t *manifest.Table) {
	columns := uniqueNames{c: c, kind: "column", of: " of " + t.Name}
	for i := range t.Columns {
		column := &t.Columns[i]
		c.columnName(column)
		columns.add(column.Name, column.Path)
	}
	indexes := uniqueNames{c: c, kind: "index", of: " of " + t.Name}
	for i := range t.Indexes {
		c.name("index", t.Indexes[i].Name, t.Indexes[i].Path)
		indexes.add(t.Indexes[i].Name, t.Indexes[i].Path)
	}
	checks := uniqueNames{c: c, kind: "check", of: " of " + t.Name}
	for i := range t.Checks {
		c.name("check", t.Checks[i].Name, t.Checks[i].Path)
		checks.add(t.Checks[i].Name, t.Checks[i].Path)
	}
	for i := range t.Access.Guards {
		c.name("guard", t.Access.Guards[i].Name, t.Access.Guards[i].Path)
	}
}

func (c *checker) columnName(column *manifest.Column) {
	lower := strings.ToLower(column.Name)
	switch {
	case lower == "id":
		c.report(column.Path, fault.New(codeReserved, "id is the key and always there; it is not declared as a column").
			WithHint(`its type is the table's key: {type: "uuid"}, "int", "text" or "ref"`))
	case slices.Contains(reservedColumns, lower):
		c.report(column.Path, fault.Newf(codeReserved, "%s means something else in rules and cannot be a column", column.Name).
			WithHint("reserved are "+strings.Join(reservedColumns, ", ")+" and names that begin with _"))
	case strings.HasPrefix(column.Name, "_"):
		c.report(column.Path, fault.Newf(codeReserved, "columns that begin with _ are the backend's own: %q", column.Name).WithHint("leave the _ out"))
	default:
		c.name("column", column.Name, column.Path)
	}
}

// uniqueNames finds names that differ at most in letter case.
type uniqueNames struct {
	c        *checker
	kind, of string
	seen     map[string]string // lower-case name to path
}

func (u *uniqueNames) add(name, path string) {
	if u.seen == nil {
		u.seen = map[string]string{}
	}
	lower := strings.ToLower(name)
	if other, ok := u.seen[lower]; ok {
		u.c.report(path, u.c.also(fault.Newf(codeDuplicate, "there are two %s%s called %s, letter case aside", plural(u.kind), u.of, name), other).
			WithHint("rename one of them"))
		return
	}
	u.seen[lower] = path
}

func plural(kind string) string {
	if stem, ok := strings.CutSuffix(kind, "y"); ok {
		return stem + "ies"
	}
	return kind + "s"
}

// rules checks the names of macros; access checks their texts.
func (c *checker) rules() {
	names := uniqueNames{c: c, kind: "rule"}
	for i := range c.m.Rules {
		rule := &c.m.Rules[i]
		names.add(rule.Name, rule.Path)
		switch {
		case slices.Contains(reservedRules, rule.Name):
			c.report(rule.Path, fault.Newf(codeReserved, "%s is a word of the rule language and cannot be a rule", rule.Name).WithHint("take another name"))
		default:
			c.name("rule", rule.Name, rule.Path)
		}
		seen := map[string]bool{}
		for _, p := range rule.Params {
			switch {
			case slices.Contains(reservedRules, p):
				c.report(rule.Path, fault.Newf(codeReserved, "parameter %s of rule %s is a word of the rule language", p, rule.Name).WithHint("take another name"))
			case !namePattern.MatchString(p):
				c.report(rule.Path, fault.Newf(codeName, "%q is no name for a parameter of rule %s", p, rule.Name).WithHint(nameHint))
			case seen[p]:
				c.report(rule.Path, fault.Newf(codeDuplicate, "rule %s has two parameters called %s", rule.Name, p).WithHint("rename one of them"))
			}
			seen[p] = true
		}
	}
}
