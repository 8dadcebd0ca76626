package sqlite

import (
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// columns holds the text's columns against returns.
func (v *queryVerifier) columns(stmt *sqlite3.Stmt) {
	var given []string
	for at := range stmt.ColumnCount() {
		name := stmt.ColumnName(at)
		if slices.Contains(given, name) {
			v.text(0, fault.Newf(codeQuery, "the text gives two columns called %q", name).WithHint("name each by AS"))
		}
		given = append(given, name)
		c := v.named.Result.Column(name)
		if c == nil {
			v.text(wordAt(v.named.Text, name), fault.Newf(codeQuery, "the text gives a column %q that returns does not have", name).
				WithHint(fault.NearestHint(name, resultNames(v.named), "name it by AS, add it to returns, or select the others alone")))
			continue
		}
		v.origin(stmt, at, c)
	}
	for _, c := range v.named.Result.Columns {
		if !slices.Contains(given, c.Name) {
			v.member("returns", c.Name, fault.Newf(codeQuery, "the text gives no column %q", c.Name).WithHint(v.selecting()+", named by AS "+c.Name+", or leave it out of returns"))
		}
	}
}

// selecting is how a text gives a column.
func (v *queryVerifier) selecting() string {
	if v.named.Write {
		return "return it by RETURNING"
	}
	return "select it"
}

func resultNames(n *query.Named) []string {
	names := make([]string, len(n.Result.Columns))
	for i, c := range n.Result.Columns {
		names[i] = c.Name
	}
	return names
}

// origin holds a column that comes from a table as it is against what returns
// makes of it: read as another type it would mean something else.
func (v *queryVerifier) origin(stmt *sqlite3.Stmt, at int, c *query.Column) {
	t := v.schema.Table(stmt.ColumnTableName(at))
	if t == nil {
		return
	}
	from := t.Column(stmt.ColumnOriginName(at))
	if from == nil || readsAs(from.Type, c.Type) {
		return
	}
	v.member("returns", c.Name, fault.Newf(codeQuery, "%s is %s, and returns reads it as %s", t.Name+"."+from.Name, typeWords(from.Type), typeWords(c.Type)).
		WithHint("give it the column's type, or convert it in the text"))
}

// typeWords names a type with what tells it from others of its kind.
func typeWords(t query.Type) string {
	switch t.Kind {
	case query.KindDecimal:
		return fmt.Sprintf("a decimal with scale %d", t.Scale)
	case query.KindList:
		return "a list of " + query.Type{Kind: t.Elem}.String()
	}
	return t.String()
}

func readsAs(from, as query.Type) bool {
	switch {
	case from == as:
		return true
	case as.Kind == query.KindText:
		return from.Kind == query.KindUUID
	case as.Kind == query.KindFloat:
		return from.Kind == query.KindInt
	case as.Kind == query.KindJSON:
		return from.Kind == query.KindList
	}
	return false
}
