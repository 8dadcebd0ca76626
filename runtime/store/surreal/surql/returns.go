package surql

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// makers are the words by which a text gives members that it does not name.
var makers = []string{"object", "encoding", "parse", "DIFF"}

// columns refuses what is declared in returns and cannot come of the text: it
// names no such member, and no table that it reads has one. What else a row lacks
// is null, and only seen when the text is run.
func (v *verifier) columns() {
	if v.named.Value || v.givesUnnamed() {
		return
	}
	for _, c := range v.named.Result.Columns {
		if !v.mentions(c.Name) {
			v.member("returns", c.Name, fault.Newf(codeQuery, "the text gives no column %q", c.Name).
				WithHint("select it, named by AS "+c.Name+", or leave it out of returns"))
		}
	}
}

// givesUnnamed reports a text that may give objects whose members stand elsewhere.
func (v *verifier) givesUnnamed() bool {
	isJSON := func(c *query.Column) bool { return c.Type.Kind == query.KindJSON }
	return slices.ContainsFunc(v.tokens, func(t token) bool { return isOneOf(t, makers) }) ||
		slices.ContainsFunc(v.named.Params, func(p query.Parameter) bool { return p.Type.Kind == query.KindJSON }) ||
		slices.ContainsFunc(v.named.Reads, func(t *query.Table) bool { return slices.ContainsFunc(t.Columns, isJSON) })
}

func (v *verifier) mentions(name string) bool {
	if name == "id" || name == "in" || name == "out" {
		return len(v.named.Reads) > 0
	}
	return slices.ContainsFunc(v.named.Reads, func(t *query.Table) bool { return t.Column(name) != nil }) ||
		slices.ContainsFunc(v.tokens, func(t token) bool {
			return t.text == name || t.kind == text && strings.Contains(t.text, name)
		})
}
