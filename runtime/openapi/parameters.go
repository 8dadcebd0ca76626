package openapi

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// reserved tells whether a query parameter of this name is not a filter.
func reserved(name string) bool {
	return slices.Contains([]string{"select", "order", "limit", "offset", "columns", "on_conflict", "and", "or", "apikey"}, name)
}

// filter is the parameter that narrows by a column.
func filter(c *column) object {
	said := "OPERATOR.VALUE on " + c.Name + ", " + sqlType(c.Type) + ". Operators: " + strings.Join(operators(c.Type.Kind), " ") +
		". not. in front negates. Repeated: all must hold."
	if c.Type.Kind == query.KindText {
		said += " Words are in a language, of api.language: wfts(english)."
	}
	return filterOf(c.Name, said, filterExample(c.Type))
}

// filterOf is a parameter that narrows.
func filterOf(name, said, example string) object {
	return object{
		{"name", name},
		{"in", "query"},
		{"description", said},
		{"schema", object{{"type", "array"}, {"items", object{{"type", "string"}}}}},
		{"style", "form"},
		{"explode", true},
		{"example", []string{example}},
	}
}

// operators are those that values of a kind can be compared with.
func operators(kind query.Kind) []string {
	all := []string{"eq", "neq", "in", "is", "isdistinct"}
	if kind == query.KindVector {
		return all
	}
	all = append(all, "gt", "gte", "lt", "lte")
	switch kind {
	case query.KindText:
		return append(all, "like", "ilike", "match", "imatch", "fts", "plfts", "phfts", "wfts")
	case query.KindJSON:
		return append(all, "like", "ilike", "match", "imatch", "cs", "cd")
	case query.KindList:
		return append(all, "cs", "cd", "ov")
	}
	return all
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
	const (
		count = "count=exact counts all rows that match; handling=strict refuses what is unknown."
		keep  = " tx=rollback does everything, answers as usual, and keeps nothing."
	)
	return slices.Concat(walkParameters(), object{
		{"select", text("query", "select", "What of a row is shown, with commas between. Columns; JSON paths, meta->color and meta->>color; NAME: in front for another name; "+
			"::TYPE behind for a cast. Related rows: TABLE(...) along a reference in either direction, TABLE!COLUMN(...) where there are several, "+
			"TABLE!inner(...) for rows that have one, ...TABLE(...) for its members as the row's own; TABLE.COLUMN=OPERATOR.VALUE, TABLE.order and "+
			"TABLE.limit then shape them. COLUMN.sum(), avg(), min(), max(), count() and count() are of the rows, grouped by all else. "+
			"Left out: every column that the caller may see.", "id")},
		{"order", text("query", "order", "Columns with commas between, each with .asc or .desc and .nullsfirst or .nullslast; TABLE(COLUMN) is of one related row. The key breaks ties.", "id.desc")},
		{"limit", number("limit", "The most rows of an answer.")},
		{"offset", number("offset", "How many rows to pass over.")},
		{"and", text("query", "and", "Conditions of which all must hold: (COLUMN.OPERATOR.VALUE,...). not.and negates.", "(id.gte.1,id.lt.9)")},
		{"or", text("query", "or", "Conditions of which one must hold: (COLUMN.OPERATOR.VALUE,...). not.or negates.", "(id.eq.1,id.eq.2)")},
		{"page", object{
			{"name", "_page"},
			{"in", "query"},
			{"description", "Asks for pages of limit rows: empty for the first, then the Next-Page of the answer before. Not with offset or Range."},
			{"allowEmptyValue", true},
			{"schema", object{{"type", "string"}}},
		}},
		{"columns", text("query", "columns", "The columns that count as sent; others of the body are passed over.", "id")},
		{"on-conflict", text("query", "on_conflict", "With resolution: the columns of the unique index by which a row is there already. Left out: the key.", "id")},
		{"vector", text("query", "_vector", "Of _near: the vector to be near to, as a JSON array.", "[0.1,0.2]")},
		{"metric", object{
			{"name", "_metric"},
			{"in", "query"},
			{"description", "Of _near: what near means, where the column has no vector index. Left out: what the column says."},
			{"schema", object{{"type", "string"}, {"enum", metrics()}}},
		}},
		{"text", text("query", "_text", "Of _search: the words to look for: \"a phrase\", or, and - for not.", "fat cats")},
		{"k", number("_k", "Of a search: how many rows, 10 when left out.")},
		{"range", text("header", "Range", "Rows FROM-TO, both included, instead of limit and offset.", "0-9")},
		{"if-match", text("header", "If-Match", "The ETag of one row, or * : nothing is written unless every row that is picked still has it.", `"7-abc"`)},
		{"if-none-match", text("header", "If-None-Match", "An ETag: the answer is 304 when it is still the same.", `"abc"`)},
		{"idempotency-key", object{
			{"name", "Idempotency-Key"},
			{"in", "header"},
			{"description", "A name for this write: the same request under it is done once in 24 hours, and answered as the first. Printable ASCII."},
			{"schema", object{{"type", "string"}, {"minLength", 1}, {"maxLength", 255}}},
		}},
		{"prefer-read", text("header", "Prefer", count, "count=exact")},
		{"prefer-call", text("header", "Prefer", count+" return=minimal gives no body.", "count=exact")},
		{"prefer-insert", text("header", "Prefer", "return=minimal, headers-only or representation; resolution=merge-duplicates or ignore-duplicates, for rows that are there already; "+
			"missing=default or null, for columns that a row leaves out. "+count+keep, "return=representation")},
		{"prefer-import", text("header", "Prefer", "resolution=merge-duplicates or ignore-duplicates, for rows whose key is there already; handling=strict refuses what is unknown."+keep, "resolution=merge-duplicates")},
		{"prefer-change", text("header", "Prefer", "return=minimal or representation; with handling=strict, max-affected=N. "+count+keep, "return=representation")},
		{"prefer-batch", text("header", "Prefer", "handling=strict refuses what is unknown."+keep, "tx=rollback")},
		{"cursor", text("query", "after", "Where to go on: the cursor of the last frame that was handled.", "1.5~1x2y3z")},
		{"last-event-id", text("header", "Last-Event-ID", "As after; browsers send it by themselves.", "1.5~1x2y3z")},
	})
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
