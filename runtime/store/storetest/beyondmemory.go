package storetest

import (
	"cmp"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// rows answers a select; on, where it is given, must hold too.
func (g *beyond) rows(sel *query.Select, outside []query.Row, on func(query.Row) int) []query.Row {
	var picked []query.Row
	for _, row := range g.stored[sel.Table.Name] {
		if sel.Where != nil && query.TruthOf(g.eval(sel.Where, append(outside[:len(outside):len(outside)], row))) != query.True {
			continue
		}
		times := 1
		if on != nil {
			times = on(row)
		}
		for range times {
			picked = append(picked, row)
		}
	}
	slices.SortStableFunc(picked, func(a, b query.Row) int {
		for i := range sel.Order {
			o := &sel.Order[i]
			x := g.eval(o.Expr, append(outside[:len(outside):len(outside)], a))
			y := g.eval(o.Expr, append(outside[:len(outside):len(outside)], b))
			if c := compareOrder(o, x, y); c != 0 {
				return c
			}
		}
		return query.CompareValues(a[0], b[0])
	})
	picked = picked[min(sel.Offset, len(picked)):]
	if sel.Limit >= 0 {
		picked = picked[:min(sel.Limit, len(picked))]
	}
	out := make([]query.Row, len(picked))
	for i, row := range picked {
		for j := range sel.Columns {
			out[i] = append(out[i], g.eval(sel.Columns[j].Expr, append(outside[:len(outside):len(outside)], row)))
		}
	}
	return out
}

func compareOrder(o *query.Order, x, y query.Value) int {
	if x.IsNull() || y.IsNull() {
		c := cmp.Compare(btoi(y.IsNull()), btoi(x.IsNull())) // null first
		if !o.NullsFirst {
			c = -c
		}
		return c
	}
	if o.Descending {
		return query.CompareValues(y, x)
	}
	return query.CompareValues(x, y)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// eval puts literals in the place of all leaves, and leaves the rest to
// query.Eval.
func (g *beyond) eval(e query.Expr, rows []query.Row) query.Value {
	if embed, ok := e.(*query.Embed); ok {
		return g.evalEmbed(embed, rows)
	}
	return query.Eval(query.RewriteLeaves(e, func(e query.Expr) query.Expr {
		var v query.Value
		switch e := e.(type) {
		case *query.ColumnRef:
			v = rows[len(rows)-1-int(e.Up)][e.Column.Index]
		case *query.Exists:
			sel := query.Select{Table: e.Table, Where: e.Where, Limit: -1}
			v = query.Bool(len(g.rows(&sel, rows, nil)) > 0)
		case *query.Lookup:
			sel := query.Select{Table: e.Table, Where: e.Where, Columns: []query.Output{{Expr: e.Value}}, Limit: -1}
			if found := g.rows(&sel, rows, nil); len(found) > 0 {
				v = found[0][0]
			}
		}
		return &query.Literal{Value: v, Of: e.Type()}
	}), nil, nil)
}

func (g *beyond) evalEmbed(e *query.Embed, rows []query.Row) query.Value {
	on := g.eval(e.On, rows)
	same := func(a, b query.Value) bool { return !a.IsNull() && !b.IsNull() && query.CompareValues(a, b) == 0 }
	found := g.rows(&e.Rows, rows, func(row query.Row) int {
		if e.Via == nil {
			return btoi(same(row[e.Child.Index], on))
		}
		times := 0
		for _, edge := range g.stored[e.Via.Table.Name] {
			holds := e.Via.Where == nil || query.TruthOf(g.eval(e.Via.Where, append(rows[:len(rows):len(rows)], edge))) == query.True
			if holds && same(edge[e.Via.Near.Index], on) && same(edge[e.Via.Far.Index], row[e.Child.Index]) {
				times++
			}
		}
		return times
	})
	if !e.Many && len(found) == 0 {
		return query.Null()
	}
	text := []byte{}
	for i, row := range found {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, '{')
		for j := range row {
			if j > 0 {
				text = append(text, ',')
			}
			text = append(query.AppendJSON(text, query.Text(e.Rows.Columns[j].Name)), ':')
			text = query.AppendJSON(text, row[j])
		}
		text = append(text, '}')
	}
	if e.Many {
		return query.JSON("[" + string(text) + "]")
	}
	return query.JSON(string(text))
}
