package openapi

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// reserved tells whether a query parameter of this name is not a filter.
func reserved(name string) bool {
	return slices.Contains([]string{"select", "order", "limit", "offset", "columns", "and", "or"}, name)
}

// filter is the parameter that narrows by a column.
func filter(c *column) object {
	return object{
		{"name", c.Name},
		{"in", "query"},
		{"description", "OPERATOR.VALUE on " + c.Name + ", " + sqlType(c.Type) + "; not. in front negates. Repeated: all must hold."},
		{"schema", object{{"type", "array"}, {"items", object{{"type", "string"}}}}},
		{"style", "form"},
		{"explode", true},
		{"example", []string{filterExample(c.Type)}},
	}
}

func sqlType(t query.Type) string {
	if t.Kind == query.KindDecimal || t.Kind == query.KindInt || t.Kind == query.KindFloat {
		return "a number"
	}
	return t.String()
}

func filterExample(t query.Type) string {
	switch t.Kind {
	case query.KindBool:
		return "is.true"
	case query.KindInt, query.KindFloat, query.KindDecimal:
		return "gte.10"
	case query.KindText:
		return "ilike.*word*"
	case query.KindTimestamp:
		return "gte.2026-01-31T12:00:00Z"
	case query.KindDate:
		return "gte.2026-01-31"
	case query.KindUUID:
		return "eq.018f3c5e-0000-7000-8000-000000000000"
	}
	return "not.is.null"
}

// sharedParameters are those of every table.
func sharedParameters() object {
	return object{
		{"select", text("query", "select", "Columns, JSON paths, and other names for them, with commas between. Left out: every column that the caller may see.", "id")},
		{"order", text("query", "order", "Columns with commas between, each with .asc or .desc and .nullsfirst or .nullslast. The key breaks ties.", "id.desc")},
		{"limit", number("limit", "The most rows of an answer.")},
		{"offset", number("offset", "How many rows to pass over.")},
		{"and", text("query", "and", "Conditions of which all must hold: (COLUMN.OPERATOR.VALUE,...). not.and negates.", "(id.gte.1,id.lt.9)")},
		{"or", text("query", "or", "Conditions of which one must hold: (COLUMN.OPERATOR.VALUE,...). not.or negates.", "(id.eq.1,id.eq.2)")},
		{"columns", text("query", "columns", "The columns that count as sent; others of the body are passed over.", "id")},
		{"range", text("header", "Range", "Rows FROM-TO, both included, instead of limit and offset.", "0-9")},
		{"if-none-match", text("header", "If-None-Match", "An ETag: the answer is 304 when it is still the same.", `"abc"`)},
		{"prefer.read", text("header", "Prefer", "count=exact counts all rows that match.", "count=exact")},
		{"prefer.insert", text("header", "Prefer", "return=minimal, headers-only or representation; missing=default or null; count=exact.", "return=representation")},
		{"prefer.change", text("header", "Prefer", "return=minimal or representation; count=exact; with handling=strict, max-affected=N.", "return=representation")},
		{"cursor", text("query", "after", "Where to go on: the cursor of the last frame that was handled.", "1.5~1x2y3z")},
		{"last-event-id", text("header", "Last-Event-ID", "As after; browsers send it by themselves.", "1.5~1x2y3z")},
	}
}

func text(in, name, description, example string) object {
	return object{
		{"name", name},
		{"in", in},
		{"description", description},
		{"schema", object{{"type", "string"}}},
		{"example", example},
	}
}

func number(name, description string) object {
	return object{
		{"name", name},
		{"in", "query"},
		{"description", description},
		{"schema", object{{"type", "integer"}, {"format", "int32"}, {"minimum", 0}}},
	}
}

func parameterRefs(names ...string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = ref("parameters", name)
	}
	return out
}

func jsonBody(schema object) object {
	return object{{"required", true}, {"content", object{{"application/json", object{{"schema", schema}}}}}}
}

func trim(s string) string { return strings.TrimSpace(s) }
