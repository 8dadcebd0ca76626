package data

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// usersTable is ours: its key and built-in columns are the service role's.
const usersTable = "users"

// The bounds of keys that are sent: bytes of a text, and a number that leaves
// more to come than can be used, for an int key is above all before it.
const (
	maxTextKey = 255
	maxIntKey  = 1 << 62
)

// column is one column with everything that was decided about it at build.
type column struct {
	schema   *query.Column
	rules    *access.ColumnRules
	own      bool // callers never write it: auto, or ours
	min, max *query.Value
	pattern  *regexp.Regexp
	enum     []query.Value

	notNull, check            *fault.Fault
	notInsertable, notUpdated *fault.Fault
}

func newColumn(t *query.Table, rules *access.ColumnRules) (column, error) {
	c := column{
		schema: rules.Column, rules: rules,
		notNull: notNull(t, rules.Column), check: checkFailed(t.Name, t.Name+"_"+rules.Column.Name+"_check"),
		notInsertable: notInsertable(rules.Column), notUpdated: notUpdatable(rules.Column),
	}
	d := rules.Declared
	if d == nil { // the key
		c.own = t.Name == usersTable
		return c, nil
	}
	c.own = d.BuiltIn || d.Auto != nil
	if err := c.bound(d); err != nil {
		return c, fmt.Errorf("column %q: %w", d.Name, err)
	}
	return c, nil
}

// bound reads the column's own conditions.
func (c *column) bound(d *manifest.Column) error {
	var err error
	if c.min, err = c.limit(d.Min); err != nil {
		return fmt.Errorf("min: %w", err)
	}
	if c.max, err = c.limit(d.Max); err != nil {
		return fmt.Errorf("max: %w", err)
	}
	if d.Pattern != "" {
		if c.pattern, err = regexp.Compile(d.Pattern); err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
	}
	for _, text := range d.Enum {
		v, f := query.ParseLiteral(c.schema.Type, text)
		if f != nil {
			return fmt.Errorf("enum: %w", f)
		}
		c.enum = append(c.enum, v)
	}
	return nil
}

// limit reads a min or max: a length for text and lists, else a value.
func (c *column) limit(text string) (*query.Value, error) {
	if text == "" {
		return nil, nil
	}
	of := c.schema.Type
	if c.measured() {
		of = query.Type{Kind: query.KindInt}
	}
	v, f := query.ParseLiteral(of, text)
	if f != nil {
		return nil, f
	}
	return &v, nil
}

// measured reports whether min and max speak of the value's length.
func (c *column) measured() bool {
	return c.schema.Type.Kind == query.KindText || c.schema.Type.Kind == query.KindList
}

// assigned is a computed value as the column has it: the caller's id, which is
// text to a rule, becomes the uuid that a key is.
func (c *column) assigned(v query.Value) (query.Value, error) {
	if v.Kind != query.KindText || c.schema.Type.Kind == query.KindText {
		return v, nil
	}
	parsed, f := query.ParseLiteral(c.schema.Type, v.S)
	if f != nil {
		return query.Value{}, f
	}
	return parsed, nil
}

// judge holds a value against what the column demands: 23502 for a null that
// may not be, 23514 for a value out of its bounds. The key's null is judged by
// whoever makes keys.
func (c *column) judge(v query.Value) error {
	if v.IsNull() {
		if c.schema.Required {
			return c.notNull
		}
		return nil
	}
	if c.schema.Index == 0 {
		if v.Kind == query.KindText && (v.S == "" || len(v.S) > maxTextKey) || v.Kind == query.KindInt && v.N > maxIntKey {
			return c.check
		}
		return nil
	}
	if c.fits(v) {
		return nil
	}
	return c.check
}

func (c *column) fits(v query.Value) bool {
	if c.min != nil || c.max != nil {
		measure := v
		switch {
		case c.schema.Type.Kind == query.KindText:
			measure = query.Int(int64(utf8.RuneCountInString(v.S)))
		case c.measured():
			measure = query.CallValue(query.FuncSize, query.Type{Kind: query.KindInt}, v, query.Value{})
		}
		if c.min != nil && query.CompareValues(measure, *c.min) < 0 ||
			c.max != nil && query.CompareValues(measure, *c.max) > 0 {
			return false
		}
	}
	if c.pattern != nil && !c.pattern.MatchString(v.S) {
		return false
	}
	if c.enum == nil {
		return true
	}
	for _, one := range c.enum {
		if query.CompareValues(one, v) == 0 {
			return true
		}
	}
	return false
}

// refused tells whether a caller may not send the column at all, and else what
// his rows must fulfil because he did (nil for nothing).
func (c *column) refused(rule query.Expr, sees *sight, b query.Binding) (bool, query.Expr) {
	if sees.everything() {
		return false, nil
	}
	if c.own {
		return true, nil
	}
	if rule == nil {
		return false, nil
	}
	bound := query.Bind(rule, b)
	if query.NeverHolds(bound) {
		return true, nil
	}
	if query.IsTrueExpr(bound) {
		return false, nil
	}
	return false, bound
}
