package surreal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// A definition is one DEFINE of a table or of what belongs to it, without the
// word and OVERWRITE, so that it can be defined anew and compared.
type definition struct {
	kind string // TABLE, FIELD, INDEX, EVENT
	name string
	text string // all after the name
}

// define is the statement; those of a table's parts name it.
func (d definition) define() string {
	return "DEFINE " + d.kind + " OVERWRITE " + quote(d.name) + d.text
}

// tableDefinition is a table of the schema: only the way through us leads to its
// rows.
func tableDefinition(t *plan.Table) definition {
	kind := " TYPE NORMAL"
	if t.Edge != nil {
		kind = " TYPE RELATION IN " + quote(t.Column(t.Edge.From).Ref) + " OUT " + quote(t.Column(t.Edge.To).Ref)
	}
	return definition{"TABLE", t.Name, kind + " SCHEMAFULL PERMISSIONS NONE"}
}

// storedField is the field that a column is stored in.
func storedField(t *plan.Table, column string) string {
	if t.Edge != nil {
		switch column {
		case t.Edge.From:
			return "in"
		case t.Edge.To:
			return "out"
		}
	}
	return column
}

// fieldDefinitions are the fields of a table: its columns, the revision, and
// what its indexes need beside them.
func fieldDefinitions(t *plan.Table) ([]definition, error) {
	var list []definition
	for i := range t.Columns {
		text, err := fieldText(t, &t.Columns[i], i == 0)
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", t.Name, err)
		}
		list = append(list, definition{"FIELD", storedField(t, t.Columns[i].Name), " ON " + quote(t.Name) + text})
	}
	list = append(list, revisionDefinition(t))
	for i := range t.Indexes {
		x := &t.Indexes[i]
		list = append(list, searchFields(t, x)...)
		if !hasWhen(t, x) {
			continue
		}
		text, err := whenText(t, x)
		if err != nil {
			return nil, fmt.Errorf("index %q of table %q: %w", x.Name, t.Name, err)
		}
		kind := " TYPE none | bool"
		if x.Unique {
			kind = " TYPE any"
		}
		list = append(list, definition{"FIELD", whenField(x.Name), " ON " + quote(t.Name) + kind + " VALUE " + text + " PERMISSIONS NONE"})
	}
	return list, nil
}

// revisionDefinition is the hidden field that is another number after every
// write.
func revisionDefinition(t *plan.Table) definition {
	return definition{"FIELD", fieldRevision, " ON " + quote(t.Name) + " TYPE int VALUE math::max([($before ?? 0) + 1, time::micros(time::now())]) PERMISSIONS NONE"}
}

// typeOfField is the type of a column's field.
func typeOfField(t *plan.Table, c *plan.Column, key bool) string {
	kind, _ := query.KindOf(c.Type)
	switch {
	case key:
		return kindText(kind, c)
	case c.Ref != "" && storedField(t, c.Name) != c.Name: // an end of an edge, which SurrealDB wants
		return "record<" + quote(c.Ref) + ">"
	case c.Ref != "":
		return optional(c, "record<"+quote(c.Ref)+">")
	case kind == query.KindJSON:
		return "any"
	}
	return optional(c, kindText(kind, c))
}

// fieldText is a column's type with what else makes a value one of it.
func fieldText(t *plan.Table, c *plan.Column, key bool) (string, error) {
	kind, ok := query.KindOf(c.Type)
	if !ok {
		return "", fmt.Errorf("column %q: no type %q", c.Name, c.Type)
	}
	text := " TYPE " + typeOfField(t, c, key)
	if key {
		return text + " PERMISSIONS NONE", nil
	}
	assert := assertText(kind, c)
	switch {
	case c.Ref != "":
		assert = "$" + paramOurs + " = true OR record::exists($value)"
	case kind == query.KindJSON && c.Required:
		assert = "$value != NONE AND $value != NULL"
	}
	if assert != "" {
		if !c.Required {
			assert = "$value = NONE OR " + assert
		}
		text += " ASSERT " + assert
	}
	if c.Required && c.Fill != "" && c.Ref == "" {
		fill, err := fillText(c)
		if err != nil {
			return "", err
		}
		text = " DEFAULT " + fill + text
	}
	return text + " PERMISSIONS NONE", nil
}

func optional(c *plan.Column, kind string) string {
	if c.Required {
		return kind
	}
	return "none | " + kind
}

// assertText is what a value's type does not say by itself.
func assertText(kind query.Kind, c *plan.Column) string {
	switch {
	case kind == query.KindDecimal && c.Scale == 0:
		return "math::floor($value) = $value"
	case kind == query.KindDecimal:
		return fmt.Sprintf("math::fixed($value, %d) = $value", c.Scale)
	case kind == query.KindDate:
		return "time::micros($value) % 86400000000 = 0" // time::floor knows the years 1677 to 2262 alone
	}
	return ""
}

// kindText is the type of a field of one kind.
func kindText(kind query.Kind, c *plan.Column) string {
	switch kind {
	case query.KindBool:
		return "bool"
	case query.KindInt:
		return "int"
	case query.KindFloat:
		return "float"
	case query.KindDecimal:
		return "decimal"
	case query.KindTimestamp, query.KindDate:
		return "datetime"
	case query.KindUUID:
		return "uuid"
	case query.KindJSON:
		return "any"
	case query.KindList:
		elem, _ := query.KindOf(c.Of)
		return "array<" + kindText(elem, c) + ">"
	case query.KindVector:
		return fmt.Sprintf("array<float, %d>", c.Dimensions)
	}
	return "string"
}

// fillText is a default as a literal: it fills the rows that are there when a
// column comes, and serves views that do not know the column yet.
func fillText(c *plan.Column) (string, error) {
	of := c.TypeOf()
	v, f := query.DecodeJSON(of, []byte(c.Fill))
	if f != nil {
		return "", fmt.Errorf("column %q: default: %w", c.Name, f)
	}
	return literal(appendValue(nil, v, of, "")), nil
}

// hasWhen reports an index with a field of its own, whenField: one that not
// every row is in.
func hasWhen(t *plan.Table, x *plan.Index) bool {
	if x.Kind != "" {
		return false
	}
	return x.Where != "" || x.Unique && len(x.Columns) > 1 && slices.ContainsFunc(x.Columns, func(name string) bool {
		c := t.Column(name)
		return c != nil && !c.Required && c != &t.Columns[0]
	})
}

// whenField is the field that says whether a row is in an index that not every
// row is in: nothing where it is not. A unique index has nothing else in it, as it
// lets rows be alike that have nothing in one of its fields, but has no entry for
// such a row either, though SurrealDB would look for it there. Of a row that is
// in it the field is its columns: as an object, for of an array each item would
// have to be unique. In an index that is not unique it is true.
func whenField(index string) string { return "_when_" + index }

// whenText is the value of that field.
func whenText(t *plan.Table, x *plan.Index) (string, error) {
	condition, value := "", "true"
	if x.Where != "" {
		if x.Cond == nil {
			return "", errors.New("its condition was not parsed")
		}
		if query.LooksBeyond(x.Cond) {
			return "", errCondition
		}
		c := compiler{inline: true, scope: scope{rows: []string{"$row."}}}
		c.isTrue(x.Cond)
		if c.fault != nil {
			return "", fmt.Errorf("%w: %w", errCondition, c.fault)
		}
		condition = string(c.buf)
	}
	if x.Unique {
		members := make([]string, len(x.Columns))
		for i, name := range x.Columns {
			field := "$row." + quote(storedField(t, name))
			members[i] = quote(storedField(t, name)) + ": " + field
			if condition != "" {
				condition += " AND "
			}
			condition += field + " != NONE"
		}
		value = "{ " + strings.Join(members, ", ") + " }"
	}
	row, err := rowText(t)
	if err != nil {
		return "", err
	}
	return "{ LET $row = " + row + "; RETURN IF " + condition + " { " + value + " } ELSE { NONE } }", nil
}

// rowText is the row at hand as an object. Fields get their values in the order
// of their names: what a default fills is not there yet.
func rowText(t *plan.Table) (string, error) {
	var fields []string
	for i := range t.Columns {
		c := &t.Columns[i]
		name := quote(storedField(t, c.Name))
		value := name
		if i > 0 && c.Required && c.Fill != "" && c.Ref == "" {
			fill, err := fillText(c)
			if err != nil {
				return "", err
			}
			value += " ?? " + fill
		}
		fields = append(fields, name+": "+value)
	}
	return "{ " + strings.Join(fields, ", ") + " }", nil
}

var errCondition = errors.New("its condition can only compare columns with constants, by == != < <= > >=, in, null tests and the logic of &&, || and not")

// indexDefinition is an index over order and equality; ok is false for one that
// is for search.
func indexDefinition(t *plan.Table, x *plan.Index) (definition, bool) {
	if x.Kind != "" {
		return definition{}, false
	}
	var fields []string
	if hasWhen(t, x) {
		fields = []string{whenField(x.Name)}
	}
	if fields == nil || !x.Unique {
		fields = append(columnFields(t, x), fields...)
	}
	text := " ON " + quote(t.Name) + " FIELDS " + quoteAll(fields)
	if x.Unique {
		text += " UNIQUE"
	}
	return definition{"INDEX", x.Name, text}, true
}

func columnFields(t *plan.Table, x *plan.Index) []string {
	fields := make([]string, len(x.Columns), len(x.Columns)+1)
	for i, name := range x.Columns {
		fields[i] = storedField(t, name)
	}
	return fields
}

// allIndex is the index by which rows are found that a unique index with a field
// of its own would not find.
func allIndex(index string) string { return "_all_" + index }

// refIndex is the index that we make for a ref, so that the end of a row finds
// those that point at it.
func refIndex(column string) string { return "_ref_" + column }

// indexDefinitions are all indexes of a table that the server keeps, the declared
// ones first.
func indexDefinitions(t *plan.Table) []definition {
	var list []definition
	for i := range t.Indexes {
		if d, ok := indexDefinition(t, &t.Indexes[i]); ok {
			list = append(list, d)
		}
		if x := &t.Indexes[i]; x.Unique && hasWhen(t, x) {
			list = append(list, definition{"INDEX", allIndex(x.Name), " ON " + quote(t.Name) + " FIELDS " + quoteAll(columnFields(t, x))})
		}
		list = append(list, searchIndexes(t, &t.Indexes[i])...)
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Ref == "" || i == 0 || isLed(t, c.Name) {
			continue
		}
		list = append(list, definition{"INDEX", refIndex(c.Name), " ON " + quote(t.Name) + " FIELDS " + quote(storedField(t, c.Name))})
	}
	return list
}

// isLed reports an index over all rows that begins with the column.
func isLed(t *plan.Table, column string) bool {
	return slices.ContainsFunc(t.Indexes, func(x plan.Index) bool {
		return x.Kind == "" && (x.Where == "" || x.Unique) && len(x.Columns) > 0 && x.Columns[0] == column
	})
}

// eventDefinitions are a table's events.
func eventDefinitions(t *plan.Table) []definition {
	return []definition{{"EVENT", eventFeed, eventText(t.Name, t.Quiet)}}
}

// definitions are a whole table, in the order in which it is made.
func definitions(t *plan.Table) ([]definition, error) {
	fields, err := fieldDefinitions(t)
	if err != nil {
		return nil, err
	}
	list := append([]definition{tableDefinition(t)}, fields...)
	list = append(list, indexDefinitions(t)...)
	return append(list, eventDefinitions(t)...), nil
}
