package sqlite

import (
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// aggregates is query.HasAggregate, at no cost for columns.
func aggregates(outputs []query.Output) bool {
	for i := range outputs {
		if _, isColumn := outputs[i].Expr.(*query.ColumnRef); !isColumn && query.HasAggregate(outputs[i:i+1]) {
			return true
		}
	}
	return false
}

// aggregate writes a value of many rows. Decimals are summed as the integers
// that they are stored as, so that their sum is exact.
func (c *compiler) aggregate(e *query.Aggregate) {
	if e.Operand == nil {
		c.text("count(*)")
		return
	}
	of, before, after := e.Operand.Type(), "", ")"
	switch {
	case of.Kind == query.KindDecimal && e.Func == query.AggregateAvg:
		before, after = "(", ")/1e"+strconv.Itoa(int(of.Scale))+")"
	case of.Kind == query.KindInt && e.Of.Kind == query.KindFloat && e.Func == query.AggregateSum:
		before, after = "(", ")+0.0)"
	case isJSON(of.Kind) && (e.Func == query.AggregateMin || e.Func == query.AggregateMax):
		after = " COLLATE " + collationJSON + ")"
	}
	c.text(before + e.Func.String() + "(")
	c.expr(e.Operand)
	c.text(after)
}

// groups writes a select that gives groups of rows.
func (c *compiler) groups(sel *query.Select) {
	c.text("SELECT ")
	c.outputs(sel.Columns, nil)
	c.text(" FROM ")
	c.source(sel)
	c.groupBy(sel)
	if sel.Limit >= 0 || sel.Offset > 0 {
		c.limit(sel.Limit, sel.Offset)
	}
}

// outputs writes a select's outputs, with names where name is given.
func (c *compiler) outputs(outputs []query.Output, name func(int)) {
	for i := range outputs {
		if i > 0 {
			c.text(",")
		}
		c.expr(outputs[i].Expr)
		if name != nil {
			c.text(" AS ")
			name(i)
		}
	}
}

// groupName writes the name of a grouped output, which no column has.
func (c *compiler) groupName(i int) {
	c.text("_c")
	c.buf = strconv.AppendInt(c.buf, int64(i), 10)
}

// groupBy groups by the outputs that do not aggregate, named by their places,
// and orders: as asked, then by these outputs, so that pages do not overlap.
func (c *compiler) groupBy(sel *query.Select) {
	var by []int
	for i := range sel.Columns {
		if !query.HasAggregate(sel.Columns[i : i+1]) {
			by = append(by, i)
		}
	}
	separator := " GROUP BY "
	for _, i := range by {
		c.text(separator)
		c.place(i)
		separator = ","
	}
	separator = " ORDER BY "
	ordered := make([]bool, len(sel.Columns))
	for i := range sel.Order {
		o := &sel.Order[i]
		c.text(separator)
		separator = ","
		switch place := placeOf(sel, o.Expr); {
		case place >= 0:
			ordered[place] = true
			c.place(place)
		case query.HasAggregate([]query.Output{{Expr: o.Expr}}):
			c.expr(o.Expr)
		default:
			c.fault = faultNotGrouped(sel.Table, o.Expr)
		}
		c.direction(o)
	}
	for _, i := range by {
		if !ordered[i] {
			c.text(separator)
			c.place(i)
			separator = ","
		}
	}
}

// place writes the number of an output: its text again would have other
// parameters, and be another expression to SQLite.
func (c *compiler) place(i int) { c.buf = strconv.AppendInt(c.buf, int64(i)+1, 10) }

// placeOf finds the output that is the same expression; -1 for none.
func placeOf(sel *query.Select, e query.Expr) int {
	text := query.String(e)
	for i := range sel.Columns {
		if query.String(sel.Columns[i].Expr) == text {
			return i
		}
	}
	return -1
}

// countGroups writes the number of groups.
func (c *compiler) countGroups(sel *query.Select) {
	c.reach(sel.Reach)
	c.text("SELECT count(*) FROM (SELECT ")
	separator, places := "", 0
	for i := range sel.Columns {
		if !query.HasAggregate(sel.Columns[i : i+1]) {
			c.text(separator)
			c.expr(sel.Columns[i].Expr)
			separator, places = ",", places+1
		}
	}
	if places == 0 { // all rows are one group, be it empty
		c.text("1)")
		return
	}
	c.text(" FROM ")
	c.source(sel)
	separator = " GROUP BY "
	for i := range places {
		c.text(separator)
		c.place(i)
		separator = ","
	}
	c.text(")")
}

func faultNotGrouped(t *query.Table, e query.Expr) *fault.Fault {
	name := "the expression in order"
	if ref, ok := e.(*query.ColumnRef); ok {
		name = t.Name + "." + ref.Column.Name
	}
	return fault.Newf(codeGrouping, "column %q must appear in the GROUP BY clause or be used in an aggregate function", name).
		WithHint("order by what is selected, or leave the order out")
}
