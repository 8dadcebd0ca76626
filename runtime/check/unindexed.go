package check

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// A rule that looks rows up by columns without an index looks at every row of
// a table, at each request. What has no such column is slow by its nature, and
// is not told about: no index would help.

// warnUnindexed names the columns by which the rules of a table look rows up
// and that no index begins with.
func (c *checker) warnUnindexed(rules *access.TableRules) {
	path := "tables." + rules.Table.Name + ".access."
	c.warnLookups(rules.Read, rules.Table, path+"read", "the read rule of "+rules.Table.Name, byCaller)
	for _, rule := range []struct {
		cond       query.Expr
		field, who string
	}{
		{rules.Read, "read", "the read rule"},
		{rules.Create, "create", "the create rule"},
		{rules.UpdateBefore, "update", "the update rule"},
		{rules.UpdateAfter, "update", "the update rule"},
		{rules.Delete, "delete", "the delete rule"},
	} {
		c.warnAsked(rule.cond, path+rule.field, rule.who+" of "+rules.Table.Name)
	}
	for i, check := range rules.Checks {
		c.warnAsked(check.Cond, "tables."+rules.Table.Name+".checks", "check "+rules.Checks[i].Name)
	}
}

// warnAsked looks at every exists of a condition.
func (c *checker) warnAsked(cond query.Expr, path, who string) {
	query.Walk(cond, func(e query.Expr) bool {
		if asked, ok := e.(*query.Exists); ok {
			c.warnLookups(asked.Where, asked.Table, path, who, byAnything)
		}
		return true
	})
}

// warnLookups warns of each way to a row of the table that no index helps.
func (c *checker) warnLookups(cond query.Expr, table *query.Table, path, who string, by func(query.Expr) bool) {
	for _, columns := range ways(cond, by) {
		if len(columns) == 0 || slices.ContainsFunc(columns, func(column *query.Column) bool { return indexed(table, column) }) {
			continue
		}
		names := make([]string, len(columns))
		for i, column := range columns {
			names[i] = column.Name
		}
		key := table.Name + " " + strings.Join(names, " ")
		if c.slow[key] {
			continue // one index mends them all
		}
		if c.slow == nil {
			c.slow = map[string]bool{}
		}
		c.slow[key] = true
		problem := fault.Newf(warnUnindexed, "%s looks rows of %s up by %s, which no index begins with", who, table.Name, names[0])
		if len(names) > 1 {
			problem = fault.Newf(warnUnindexed, "%s looks rows of %s up by %s, and no index begins with one of them", who, table.Name, strings.Join(names, ", "))
		}
		c.report(path, problem.WithHint("in "+table.Name+": indexes: by_"+strings.Join(names, "_")+`: columns: ["`+strings.Join(names, `", "`)+`"]`))
	}
}

// ways gives, for each alternative of a condition, the columns of the row at
// hand that must equal a value which is known beforehand. An alternative that
// does not speak of the row is none: it comes out the same for all rows.
func ways(e query.Expr, by func(query.Expr) bool) [][]*query.Column {
	switch e := e.(type) {
	case *query.Compare:
		if column := equated(e, by); column != nil {
			return [][]*query.Column{{column}}
		}
	case *query.And:
		return waysOfAll(e.Terms, by)
	case *query.Or:
		var all [][]*query.Column
		for _, term := range e.Terms {
			if !aboutRow(term) {
				continue
			}
			found := ways(term, by)
			if slices.ContainsFunc(found, func(columns []*query.Column) bool { return len(columns) == 0 }) {
				return [][]*query.Column{nil} // every row is looked at for its sake
			}
			all = append(all, found...)
		}
		return all
	}
	return [][]*query.Column{nil}
}

// waysOfAll joins the columns that every row must have; where there are none,
// the alternatives of one term will do.
func waysOfAll(terms []query.Expr, by func(query.Expr) bool) [][]*query.Column {
	var common []*query.Column
	var alternatives [][]*query.Column
	for _, term := range terms {
		switch found := ways(term, by); {
		case len(found) == 1:
			common = append(common, found[0]...)
		case alternatives == nil && len(found) > 1:
			alternatives = found
		}
	}
	if len(common) > 0 || alternatives == nil {
		return [][]*query.Column{common}
	}
	return alternatives
}

// equated is the column of the row at hand that a comparison makes equal to
// something else; nil for none.
func equated(e *query.Compare, by func(query.Expr) bool) *query.Column {
	if e.Op != query.Equal {
		return nil
	}
	left, right := e.Left, e.Right
	if ref, ok := left.(*query.ColumnRef); !ok || ref.Up > 0 || ref.Old {
		left, right = right, left
	}
	ref, ok := left.(*query.ColumnRef)
	if !ok || ref.Up > 0 || ref.Old || aboutRow(right) || !by(right) {
		return nil
	}
	return ref.Column
}

// aboutRow reports whether an expression reads the row at hand.
func aboutRow(e query.Expr) bool {
	columns := query.Columns(e)
	return columns.Len() > 0
}

// byCaller: a table's own rows are looked up by who asks. By a constant they
// are mostly many, and an index would be of little use.
func byCaller(e query.Expr) bool {
	found := false
	query.Walk(e, func(e query.Expr) bool {
		_, isAuth := e.(*query.Auth)
		found = found || isAuth
		return !found
	})
	return found
}

// byAnything: one row of another table is looked for, again for each row.
func byAnything(query.Expr) bool { return true }

// indexed reports whether rows are found by a column: it is the key, a
// reference (which has an index of its own), or the first of an index.
func indexed(table *query.Table, column *query.Column) bool {
	return column.Index == 0 || column.Ref != nil || slices.ContainsFunc(table.Indexes, func(x *query.Index) bool {
		return x.Kind == query.Plain && x.Where == nil && x.Columns[0] == column
	})
}
