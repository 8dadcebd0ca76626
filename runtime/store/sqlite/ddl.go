package sqlite

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// createTable is the statement that makes a table: STRICT, columns as declared
// and the hidden revision last.
func createTable(name string, t *plan.Table) (string, error) {
	parts := make([]string, 0, len(t.Columns)+1)
	for i := range t.Columns {
		text, err := columnText(&t.Columns[i], i == 0)
		if err != nil {
			return "", fmt.Errorf("table %q: %w", t.Name, err)
		}
		parts = append(parts, text)
	}
	parts = append(parts, "_rev INTEGER NOT NULL")
	return "CREATE TABLE " + quote(name) + " (" + strings.Join(parts, ", ") + ") STRICT", nil
}

func columnText(c *plan.Column, key bool) (string, error) {
	kind, ok := query.KindOf(c.Type)
	if !ok {
		return "", fmt.Errorf("column %q: no type %q", c.Name, c.Type)
	}
	text := quote(c.Name) + " " + affinity(kind)
	switch {
	case key && kind == query.KindInt && c.Ref == "":
		text += " PRIMARY KEY AUTOINCREMENT"
	case key:
		text += " PRIMARY KEY NOT NULL"
	case c.Required:
		text += " NOT NULL"
	}
	if c.Required && !key && c.Fill != "" {
		fill, err := fillText(c, kind)
		if err != nil {
			return "", err
		}
		text += " DEFAULT " + fill
	}
	if c.Ref != "" {
		text += " REFERENCES " + quote(c.Ref) + ` ("id")`
		switch c.OnDelete {
		case "cascade":
			text += " ON DELETE CASCADE"
		case "setNull":
			text += " ON DELETE SET NULL"
		}
	}
	return text, nil
}

// fillText is a default as an SQL literal: it fills the rows that are there
// when a column comes, and serves views that do not know the column yet.
func fillText(c *plan.Column, kind query.Kind) (string, error) {
	v, f := query.DecodeJSON(query.Type{Kind: kind, Scale: uint8(c.Scale), Elem: elemKind(c)}, []byte(c.Fill))
	if f != nil {
		return "", fmt.Errorf("column %q: default: %w", c.Name, f)
	}
	return literalText(v), nil
}

func elemKind(c *plan.Column) query.Kind {
	kind, _ := query.KindOf(c.Of)
	return kind
}

// literalText writes a value of the manifest as an SQL literal. Only schema
// statements use it: SQLite binds nothing there.
func literalText(v query.Value) string {
	switch {
	case v.IsNull():
		return "NULL"
	case v.Kind == query.KindFloat:
		text := strconv.FormatFloat(v.Float(), 'e', -1, 64)
		return text
	case isText(v.Kind) || isJSON(v.Kind):
		return "'" + strings.ReplaceAll(v.S, "'", "''") + "'"
	}
	return strconv.FormatInt(v.N, 10)
}

// indexName is unlike any table's: those have no dot.
func indexName(table, index string) string { return quote(table + "." + index) }

// refIndexName is the index that we make for a ref, so that the end of a row
// finds those that point at it; no declared index has a second dot.
func refIndexName(table, column string) string { return quote(table + "." + column + ".ref") }

// createIndex is the statement that makes an index, "" for one that SQLite does
// not keep.
func createIndex(table string, x *plan.Index) (string, error) {
	if x.Kind != "" {
		return "", nil // a migration makes those of words when all rows are whole
	}
	unique := ""
	if x.Unique {
		unique = "UNIQUE "
	}
	columns := make([]string, len(x.Columns))
	for i, name := range x.Columns {
		columns[i] = quote(name)
	}
	text := "CREATE " + unique + "INDEX " + indexName(table, x.Name) + " ON " + quote(table) + " (" + strings.Join(columns, ", ") + ")"
	if x.Where == "" {
		return text, nil
	}
	where, err := conditionText(x.Cond)
	if err != nil {
		return "", fmt.Errorf("index %q of table %q: %w", x.Name, table, err)
	}
	return text + " WHERE " + where, nil
}

var errCondition = errors.New("its condition can only compare columns with constants, by == != < <= > >=, in, null tests and the logic of &&, || and not")

// conditionText writes the condition of a partial index, where SQLite allows
// neither parameters nor functions of ours.
func conditionText(cond query.Expr) (string, error) {
	if cond == nil {
		return "", errors.New("its condition was not parsed")
	}
	if query.LooksBeyond(cond) {
		return "", errCondition
	}
	var c compiler
	c.where(cond)
	text := strings.TrimPrefix(string(c.buf), " WHERE ")
	if text == "" {
		return "1", nil
	}
	// The parameters are numbered in the order of the text.
	var out strings.Builder
	for i := range c.args {
		if c.args[i].pointer != nil {
			return "", errCondition
		}
		mark := "?" + strconv.Itoa(i+1)
		before, after, ok := strings.Cut(text, mark)
		if !ok {
			return "", errCondition
		}
		out.WriteString(before)
		out.WriteString(literalText(c.args[i].value))
		text = after
	}
	out.WriteString(text)
	return out.String(), nil
}
