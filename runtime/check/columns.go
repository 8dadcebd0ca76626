package check

import (
	"regexp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

var (
	columnTypes = []string{"text", "int", "float", "decimal", "bool", "timestamp", "date", "uuid", "json", "list", "ref", "vector"}
	itemTypes   = []string{"text", "int", "float", "bool", "timestamp", "date", "uuid"}
)

// column checks one column against itself and what it refers to; access reads
// its default and its rules.
func (c *checker) column(column *manifest.Column) {
	if column.BuiltIn {
		return
	}
	switch {
	case !slices.Contains(columnTypes, column.Type):
		c.report(column.Path+".type", fault.Newf(codeColumnType, "%q is no type for a column", column.Type).
			WithHint(fault.NearestHint(column.Type, columnTypes, "types are "+strings.Join(columnTypes, ", "))))
		return
	case column.Type == "ref":
		c.reference(column)
	case column.Type == "list" && !slices.Contains(itemTypes, column.Of):
		c.report(column.Path+".of", fault.Newf(codeColumnType, "%q is no type for the items of a list", column.Of).
			WithHint(fault.NearestHint(column.Of, itemTypes, "items are "+strings.Join(itemTypes, ", "))))
	case column.Type == "decimal" && (column.Scale < 0 || column.Scale > 18):
		c.report(column.Path+".scale", fault.Newf(codeRange, "scale is %d; a decimal has 0 to 18 places", column.Scale).WithHint("money has 2"))
	case column.Type == "vector":
		c.vector(column)
	}
	c.bounds(column)
	c.pattern(column)
	c.enum(column)
	c.filled(column)
}

func (c *checker) reference(column *manifest.Column) {
	if c.find(column.Table) == nil {
		c.report(column.Path+".table", c.noTable(column.Table))
	}
	if column.OnDelete != "setNull" {
		return
	}
	path := column.Path + ".onDelete"
	switch {
	case column.Required:
		c.report(path, fault.Newf(codeReference, "%s is required, so it cannot become null when the row it refers to goes", column.Name).
			WithHint(`use "cascade" or "restrict", or leave required out`))
	case column.Default != nil:
		c.report(path, fault.Newf(codeReference, "%s has a default, so it is never null and cannot become so when the row it refers to goes", column.Name).
			WithHint(`use "cascade" or "restrict", or leave the default out`))
	}
}

// bounds checks min and max.
func (c *checker) bounds(column *manifest.Column) {
	low, hasLow := c.bound(column, "min", column.Min)
	high, hasHigh := c.bound(column, "max", column.Max)
	if hasLow && hasHigh && query.CompareValues(low, high) > 0 {
		c.report(column.Path+".min", fault.Newf(codeBounds, "min is %s and max is %s: no value fits", column.Min, column.Max).WithHint("swap them"))
	}
}

func (c *checker) bound(column *manifest.Column, name, text string) (query.Value, bool) {
	if text == "" {
		return query.Value{}, false
	}
	path := column.Path + "." + name
	value, ok := access.Bound(text)
	if !ok {
		c.report(path, fault.Newf(codeBounds, "%s of %s is larger than a column can hold", name, column.Name).WithHint("choose a smaller one"))
		return query.Value{}, false
	}
	counts := column.Type == "text" || column.Type == "list"
	switch {
	case counts && query.CompareValues(value, query.Int(0)) < 0:
		c.report(path, fault.Newf(codeBounds, "%s of %s counts, so it cannot be less than 0: %s", name, column.Name, text).WithHint("use 0 or more"))
		return query.Value{}, false
	case (counts || column.Type == "int") && strings.Contains(text, "."):
		c.report(path, fault.Newf(codeBounds, "%s of %s must be a whole number: %s", name, column.Name, text).WithHint("leave the fraction out"))
		return query.Value{}, false
	}
	return value, true
}

func (c *checker) pattern(column *manifest.Column) {
	if column.Pattern == "" {
		return
	}
	path := column.Path + ".pattern"
	if len(column.Pattern) > access.LongestPattern {
		c.report(path, fault.Newf(codePattern, "the pattern has %d bytes; at most %d are possible", len(column.Pattern), access.LongestPattern).WithHint("shorten it"))
		return
	}
	if _, err := regexp.Compile(column.Pattern); err != nil {
		c.report(path, fault.Newf(codePattern, "the pattern does not compile: %s", access.PatternProblem(err)).
			WithHint(`patterns are RE2: no look-around, no back-references; in CUE write them as #"..."#`))
	}
}

// enum checks the members against each other and the column's own bounds.
func (c *checker) enum(column *manifest.Column) {
	if len(column.Enum) == 0 {
		return
	}
	path := column.Path + ".enum"
	pattern, err := regexp.Compile(column.Pattern)
	low, hasLow := access.Bound(column.Min)
	high, hasHigh := access.Bound(column.Max)
	seen := map[string]bool{}
	for i, value := range column.Enum {
		path := item(path, i)
		size, _ := access.Measure(query.Text(value))
		switch {
		case seen[value]:
			c.report(path, fault.Newf(codeBounds, "enum names %q twice", value).WithHint("name it once"))
		case err == nil && !pattern.MatchString(value):
			c.report(path, fault.Newf(codeBounds, "%q is in enum and does not match the pattern", value).WithHint("with enum no pattern is needed"))
		case hasLow && query.CompareValues(size, low) < 0, hasHigh && query.CompareValues(size, high) > 0:
			c.report(path, fault.Newf(codeBounds, "%q is in enum and not within min and max", value).WithHint("with enum no min and max are needed"))
		}
		seen[value] = true
	}
}

// filled checks how a column gets its value: default, auto, or its caller.
func (c *checker) filled(column *manifest.Column) {
	auto := column.Auto
	if auto == nil {
		return
	}
	path := column.Path + ".auto"
	switch {
	case auto.Create == "" && auto.Update == "":
		c.report(path, fault.Newf(codeColumnType, "auto of %s sets nothing", column.Name).WithHint(`write auto: create: "now()", or leave auto out`))
		return
	case auto.Create != "" && column.Default != nil:
		c.report(column.Path+".default", fault.Newf(codeColumnType, "%s has auto and default: the default is never used", column.Name).WithHint("keep one of them"))
	case auto.Create == "" && column.Required && column.Default == nil:
		c.report(path, fault.Newf(codeColumnType, "%s is required, and nothing sets it when a row is made: callers may not send an auto column", column.Name).
			WithHint("add auto: create, or a default"))
	}
	for op, condition := range map[string]manifest.Condition{"create": column.Access.Create, "update": column.Access.Update} {
		if condition.Declared {
			c.report(column.Path+".access."+op, fault.Newf(codeColumnType, "%s is set by auto, so nobody may send it: its %s access says nothing", column.Name, op).
				WithHint("leave it out"))
		}
	}
}
