package access

import (
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// roles are the texts that auth.role can be.
var roles = []string{string(auth.Anon), string(auth.Authenticated), string(auth.Service)}

// checkValues refuses a written value that the other side can never have: a
// typing mistake in an enum's value or a role would otherwise be a rule that
// silently never holds.
func (t *translation) checkValues(side, value query.Expr, e ast.Expr, f *frame) bool {
	lit, ok := value.(*query.Literal)
	if !ok || lit.Value.Kind != query.KindText {
		return true
	}
	text := lit.Value.S
	switch side := side.(type) {
	case *query.Auth:
		if side.Attribute == query.AuthRole && !slices.Contains(roles, text) {
			t.failAt(f, e, fault.Newf(codeMismatch, "auth.role is never '%s'", clip(text)).
				WithHint(fault.NearestHint(text, roles, "it is anon, authenticated or service_role; roles of your own stand in auth.claims")))
			return false
		}
	default:
		name, enum := t.enum(side)
		if len(enum) > 0 && !slices.Contains(enum, text) {
			t.failAt(f, e, fault.Newf(codeMismatch, "%s is never '%s'", name, clip(text)).
				WithHint(fault.NearestHint(text, enum, "its values are "+fault.Listed(enum))))
			return false
		}
	}
	return true
}

// enum is the name of a column, here or in another row, or of a claim, and the
// values that are declared of it; nil for any.
func (t *translation) enum(x query.Expr) (string, []string) {
	switch x := x.(type) {
	case *query.ColumnRef:
		return x.Column.Name, t.c.enum(x)
	case *query.Lookup:
		return t.enum(x.Value)
	}
	return ClaimName(x), t.enums[x]
}

func (c *compiler) enum(ref *query.ColumnRef) []string {
	table := c.tables[ref.Table.Name]
	if table == nil {
		return nil
	}
	column := table.Column(ref.Column.Name)
	if column == nil {
		return nil
	}
	return column.Enum
}

// checkPattern says what is wrong with a regular expression; nil for nothing.
func checkPattern(pattern string) *fault.Fault {
	if len(pattern) > LongestPattern {
		return fault.Newf(codeBadRule, "a pattern has at most %d bytes, and this one %d", LongestPattern, len(pattern))
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return fault.Newf(codeBadRule, "the pattern does not compile: %s", PatternProblem(err)).
			WithHint("patterns are RE2: no look-around, no back-references; \\ is written twice in a plain CUE string")
	}
	return nil
}

// PatternProblem is the reason of a pattern that does not compile, without the
// library's own words in front.
func PatternProblem(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// Measure is what min and max of a column are held against: the code points
// of a text, the items of a list, else the value itself; and a name for it.
func Measure(v query.Value) (query.Value, string) {
	switch v.Kind {
	case query.KindText, query.KindUUID:
		return query.CallValue(query.FuncSize, query.Type{Kind: query.KindInt}, v, query.Value{}), "length"
	case query.KindList:
		return query.CallValue(query.FuncSize, query.Type{Kind: query.KindInt}, v, query.Value{}), "number of items"
	}
	return v, "value"
}

// Bound reads min or max, decimal text, as a value that compares exactly with
// numbers; "" is none.
func Bound(text string) (query.Value, bool) {
	if text == "" {
		return query.Value{}, false
	}
	if v, problem := query.ParseLiteral(query.Type{Kind: query.KindDecimal}, text); problem == nil {
		return v, true
	}
	v, problem := query.ParseLiteral(query.Type{Kind: query.KindFloat}, text)
	return v, problem == nil
}
