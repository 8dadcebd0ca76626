package openapi

import (
	"encoding/json"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// usersTable is built in: its key is the service role's to write.
const usersTable = "users"

// column is one column as the audience of a document knows it.
type column struct {
	*query.Column
	declared *manifest.Column // nil for the key
	rules    *access.ColumnRules
	key      string // of the key: its type in the manifest, "" for other columns
	service  bool   // the audience
	target   bool   // of a ref: the audience knows the table that it leads to

	read         access.Reach
	shown        bool // in answers
	sent, change bool // in bodies of POST, of PATCH
}

func newColumn(t *manifest.Table, rules *access.ColumnRules, service bool) column {
	c := column{
		Column: rules.Column, declared: rules.Declared, rules: rules, service: service,
		read: access.ReachOf(rules.Read),
	}
	own := c.declared != nil && (c.declared.BuiltIn || c.declared.Auto != nil)
	if c.declared == nil {
		c.key, own = t.Key.Type, t.Name == usersTable
	}
	c.shown = service || c.read == access.ReachEveryone
	c.sent = service || !own && c.known(access.ReachOf(rules.Create))
	c.change = c.key == "" && (service || !own && c.known(access.ReachOf(rules.Update)))
	return c
}

// known tells whether a document for everyone may name a column that callers
// of this reach may write.
func (c *column) known(write access.Reach) bool {
	return write == access.ReachEveryone || write == access.ReachSome && c.read == access.ReachEveryone
}

// answered is the schema of the column in an answer. Bounds are not in it: a
// row may be older than they are.
func (c *column) answered() object {
	o := append(c.valueType(), c.members()...)
	o = describe(o, c.said(), c.seenBy())
	if c.set() && !c.service {
		o = o.with("readOnly", true)
	}
	return o
}

// inserted is the schema of the column in the body of a POST.
func (c *column) inserted() object {
	o, pattern := c.bounded()
	o = describe(o, c.said(), pattern, c.leftOut(), c.writtenBy(c.rules.Create))
	if d := c.declared; d != nil && d.Default != nil && d.Default.CEL == "" {
		o = o.with("default", json.RawMessage(d.Default.JSON))
	}
	return o
}

// updated is the schema of the column in the body of a PATCH.
func (c *column) updated() object {
	o, pattern := c.bounded()
	return describe(o, c.said(), pattern, c.writtenBy(c.rules.Update))
}

// required tells whether a new row must name the column.
func (c *column) required() bool {
	if c.key != "" {
		return c.key == "text" || c.key == "ref"
	}
	d := c.declared
	return d.Required && d.Default == nil && (d.Auto == nil || d.Auto.Create == "")
}

// set tells whether the backend writes the column.
func (c *column) set() bool {
	return c.declared != nil && (c.declared.Auto != nil || c.declared.BuiltIn)
}

// valueType is the JSON type of the column's values, null among them.
func (c *column) valueType() object {
	name, format := jsonType(c.Type.Kind)
	var o object
	switch {
	case c.Type.Kind == query.KindJSON && c.Required:
		o = object{{"type", []string{"object", "array", "string", "number", "boolean"}}}
	case c.Type.Kind == query.KindJSON:
		o = object{{"type", []string{"object", "array", "string", "number", "boolean", "null"}}}
	case c.Required:
		o = object{{"type", name}}
	default:
		o = object{{"type", []string{name, "null"}}}
	}
	if format != "" {
		o = o.with("format", format)
	}
	switch c.Type.Kind {
	case query.KindDecimal:
		o = o.with("multipleOf", json.RawMessage(unit(c.Type.Scale)))
	case query.KindList:
		name, format = jsonType(c.Type.Elem)
		items := object{{"type", name}}
		if format != "" {
			items = items.with("format", format)
		}
		o = o.with("items", items)
	case query.KindVector:
		n := int(c.Type.Dimensions)
		o = o.with("items", object{{"type", "number"}, {"format", "float"}}).with("minItems", n).with("maxItems", n)
	}
	return o
}

func jsonType(kind query.Kind) (name, format string) {
	switch kind {
	case query.KindBool:
		return "boolean", ""
	case query.KindInt:
		return "integer", "int64"
	case query.KindFloat:
		return "number", "double"
	case query.KindDecimal:
		return "number", ""
	case query.KindTimestamp:
		return "string", "date-time"
	case query.KindDate:
		return "string", "date"
	case query.KindUUID:
		return "string", "uuid"
	case query.KindList, query.KindVector:
		return "array", ""
	}
	return "string", ""
}

// unit is the smallest step of a decimal: 0.01 for two places.
func unit(scale uint8) string {
	if scale == 0 {
		return "1"
	}
	return "0." + strings.Repeat("0", int(scale)-1) + "1"
}

// members are the texts that an enum allows.
func (c *column) members() object {
	if c.declared == nil || len(c.declared.Enum) == 0 {
		return nil
	}
	values := make([]any, 0, len(c.declared.Enum)+1)
	for _, text := range c.declared.Enum {
		values = append(values, text)
	}
	if !c.Required {
		values = append(values, json.RawMessage("null"))
	}
	return object{{"enum", values}}
}

// bounded is the schema of the column in a body, with its bounds, and in words
// a pattern that JSON Schema has no equal for.
func (c *column) bounded() (o object, pattern string) {
	o = append(c.valueType(), c.members()...)
	switch c.key {
	case "":
	case "text":
		return append(o, member{"minLength", 1}, member{"maxLength", 255}), "At most 255 bytes."
	default:
		return o, ""
	}
	d, low, high := c.declared, "minimum", "maximum"
	switch c.Type.Kind {
	case query.KindText:
		low, high = "minLength", "maxLength"
	case query.KindList:
		low, high = "minItems", "maxItems"
	}
	if d.Min != "" {
		o = o.with(low, json.RawMessage(d.Min))
	}
	if d.Max != "" {
		o = o.with(high, json.RawMessage(d.Max))
	}
	switch {
	case d.Pattern == "":
	case portable(d.Pattern):
		o = o.with("pattern", d.Pattern)
	default:
		pattern = "Must match the RE2 pattern " + d.Pattern
	}
	return o, pattern
}

// describe puts sentences into a schema's description.
func describe(o object, sentences ...string) object {
	var said []string
	for _, s := range sentences {
		if s != "" {
			said = append(said, s)
		}
	}
	if len(said) == 0 {
		return o
	}
	return o.with("description", strings.Join(said, " "))
}

// said is what the column is.
func (c *column) said() string {
	switch {
	case c.key == "ref" && c.target:
		return "The key: that of a row of " + c.Ref.Table + "."
	case c.key != "":
		return "The key."
	case c.Ref != nil && c.target:
		return "The key of a row of " + c.Ref.Table + "."
	case c.Ref != nil:
		return "The key of another row."
	case c.Type.Kind == query.KindJSON:
		return "Any JSON."
	}
	return ""
}

// seenBy says of whom the column is hidden.
func (c *column) seenBy() string {
	set := ""
	if c.declared != nil && c.declared.Auto != nil {
		set = "Set by the backend."
	}
	switch c.read {
	case access.ReachService:
		return strings.TrimSpace(set + " Seen by the service role alone.")
	case access.ReachSome:
		return strings.TrimSpace(set + " Not every caller sees it.")
	}
	return set
}

// leftOut is what becomes of a column that a new row does not name, where that
// is neither null nor a constant.
func (c *column) leftOut() string {
	d := c.declared
	switch {
	case c.key == "uuid" || c.key == "int":
		return "Left out: made by the backend."
	case d == nil:
	case d.Auto != nil && d.Auto.Create != "", d.Default != nil && d.Default.CEL != "":
		return "Left out: computed by the backend."
	}
	return ""
}

// writtenBy says who may send the column, where that is not everyone who may
// write the row.
func (c *column) writtenBy(rule query.Expr) string {
	reach := access.ReachOf(rule)
	if c.set() {
		reach = access.ReachService
	}
	switch reach {
	case access.ReachService:
		return "The service role alone may send it."
	case access.ReachSome:
		return "Not every caller may send it, nor every value."
	}
	return ""
}
