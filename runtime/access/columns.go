package access

import (
	"regexp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// LongestPattern bounds a regular expression of the manifest, in bytes.
const LongestPattern = 256

// columns compiles the columns of a table; [0] is the key's, which adds
// nothing.
func (c *compiler) columns(declared *manifest.Table, table *query.Table) []ColumnRules {
	out := make([]ColumnRules, len(table.Columns))
	for i, column := range table.Columns {
		out[i] = ColumnRules{Column: column}
	}
	for i := range declared.Columns {
		d := &declared.Columns[i]
		column := table.Column(d.Name)
		if column == nil {
			continue
		}
		rules := &out[column.Index]
		if rules.Declared != nil || column.Index == 0 {
			continue // check names the double
		}
		rules.Declared = d
		rules.Read = c.columnCondition(d.Access.Read, columnReadScope())
		rules.Create = c.columnCondition(d.Access.Create, columnWriteScope(table, "create"))
		rules.Update = c.columnCondition(d.Access.Update, columnWriteScope(table, "update"))
		if d.Default != nil {
			rules.Default = c.columnDefault(d, column)
		}
		if d.Auto != nil {
			rules.AutoCreate = c.assigned(source{d.Auto.Create, d.Path + ".auto.create"}, autoScope(table), column)
			rules.AutoUpdate = c.assigned(source{d.Auto.Update, d.Path + ".auto.update"}, autoScope(table), column)
		}
	}
	return out
}

// columnDefault is a column's default: CEL, or a literal of its type.
func (c *compiler) columnDefault(d *manifest.Column, column *query.Column) query.Expr {
	if d.Default.CEL != "" {
		return c.assigned(source{d.Default.CEL, d.Path + ".default.cel"}, defaultScope(), column)
	}
	value, problem := defaultValue(d, column)
	if problem != nil {
		c.reportAt(d.Path+".default", problem)
		return nil
	}
	return &query.Literal{Value: value, Of: column.Type}
}

// assigned compiles a text whose value goes into a column; nil for none.
func (c *compiler) assigned(s source, sc scope, column *query.Column) query.Expr {
	if s.text == "" {
		return nil
	}
	sc.name += " of " + column.Name
	x := c.value(s, sc)
	if x == nil {
		return nil
	}
	made, problem := query.Coerce(x, column.Type)
	if problem != nil {
		c.report(s, 0, fault.Newf(codeMismatch, "%s is of type %s, and this is %s", column.Name, column.Type, describe(x)).
			WithHint("give a value of the column's type"))
		return nil
	}
	return query.Simplify(made)
}

// computedHint says what to write instead of a default that does not read as
// the column's type: calls are CEL, whatever SQL calls them.
func computedHint(kind query.Kind, raw string) string {
	text := strings.ToLower(raw)
	switch {
	case kind == query.KindTimestamp || kind == query.KindDate:
		if strings.Contains(text, "now") || strings.Contains(text, "current") || strings.Contains(text, "today") {
			return `write {cel: "now()"}`
		}
	case kind == query.KindUUID && strings.Contains(text, "uid"):
		return `write {cel: "uuid()"}; for the caller {cel: "auth.uid"}`
	}
	return "write a value that the column can hold"
}

// defaultValue reads a literal default as a value of its column and holds it
// against the column's own bounds.
func defaultValue(d *manifest.Column, column *query.Column) (query.Value, *fault.Fault) {
	raw := strings.TrimSpace(d.Default.JSON)
	if raw == "null" {
		return query.Value{}, fault.Newf(codeBadDefault, "null cannot be a default").
			WithHint("leave the default out: a column without one is null")
	}
	if form := jsonFormOf(column.Type); !form.fits(raw) {
		return query.Value{}, fault.Newf(codeBadDefault, "the default %s does not fit: %s is of type %s", clip(raw), d.Name, column.Type).
			WithHint("write " + form.example)
	}
	value, problem := query.DecodeJSON(column.Type, []byte(raw))
	if problem != nil {
		return query.Value{}, fault.Newf(codeBadDefault, "the default %s is no %s", clip(raw), column.Type).
			WithHint(computedHint(column.Type.Kind, raw))
	}
	if column.Type.Kind == query.KindDecimal {
		if exact, problem := query.ParseLiteral(column.Type, raw); problem != nil || query.CompareValues(exact, value) != 0 {
			return query.Value{}, fault.Newf(codeBadDefault, "the default %s has more places than the column's scale, %d", clip(raw), column.Type.Scale).
				WithHint("round it, or raise scale")
		}
	}
	if problem := withinColumn(d, value); problem != nil {
		return query.Value{}, problem
	}
	return value, nil
}

// jsonForm is how a type's values are written in JSON: with which bytes they
// begin, and an example.
type jsonForm struct{ first, example string }

func (f jsonForm) fits(raw string) bool {
	return raw != "" && (f.first == "" || strings.IndexByte(f.first, raw[0]) >= 0)
}

func jsonFormOf(t query.Type) jsonForm {
	switch t.Kind {
	case query.KindBool:
		return jsonForm{"tf", "true or false"}
	case query.KindInt:
		return jsonForm{"-0123456789", "a whole number"}
	case query.KindFloat, query.KindDecimal:
		return jsonForm{"-0123456789", "a number"}
	case query.KindList:
		return jsonForm{"[", "a list: [...]"}
	case query.KindJSON:
		return jsonForm{"", "JSON"}
	case query.KindTimestamp:
		return jsonForm{`"`, `a time, "2026-01-31T12:00:00Z", or {cel: "now()"}`}
	case query.KindDate:
		return jsonForm{`"`, `a day, "2026-01-31", or {cel: "now()"}`}
	}
	return jsonForm{`"`, `text: "..."`}
}

// withinColumn holds a value against enum, pattern, min and max.
func withinColumn(d *manifest.Column, value query.Value) *fault.Fault {
	text := string(query.AppendText(nil, value))
	if len(d.Enum) > 0 && !slices.Contains(d.Enum, text) {
		return fault.Newf(codeBadDefault, "the default %s is none of the column's values", quoted(text)).
			WithHint(fault.NearestHint(text, d.Enum, "its values are "+fault.Listed(d.Enum)))
	}
	if d.Pattern != "" {
		if pattern, err := regexp.Compile(d.Pattern); err == nil && !pattern.MatchString(text) {
			return fault.Newf(codeBadDefault, "the default %s does not match the column's pattern", quoted(text)).
				WithHint("change the default or the pattern")
		}
	}
	measure, what := Measure(value)
	if low, ok := Bound(d.Min); ok && query.CompareValues(measure, low) < 0 {
		return fault.Newf(codeBadDefault, "the default's %s is less than min, %s", what, d.Min).WithHint("change the default or min")
	}
	if high, ok := Bound(d.Max); ok && query.CompareValues(measure, high) > 0 {
		return fault.Newf(codeBadDefault, "the default's %s is more than max, %s", what, d.Max).WithHint("change the default or max")
	}
	return nil
}
