package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const beyondCases = 120

// testBeyond holds what the engine says of other tables against the same
// computed here, row by row: random rows, random Exists, Lookup and Embed in
// each other.
func testBeyond(t *testing.T, s store.Store) {
	seed := uint64(number(t, SeedVariable, 1))
	g := &beyond{rand: rand.New(rand.NewPCG(seed, seed))}
	f := open(t, s, shelves())
	g.fill(f)
	var at int
	var sel query.Select
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, case %d: %s", seed, at, query.AppendSelect(nil, &sel))
		}
	}()
	for i := range number(t, CasesVariable, beyondCases) {
		at, sel = i, g.selection(pick(g, f.schema.Tables), f.schema, 3)
		got := f.rows(sel)
		want := g.rows(&sel, nil, nil)
		if len(got) != len(want) {
			f.Fatalf("seed %d, case %d: %d rows, want %d\n%s\n%s", seed, i, len(got), len(want), query.AppendSelect(nil, &sel), f.explain(sel))
		}
		for j := range want {
			for k := range want[j] {
				if !sameMeaning(got[j][k], want[j][k]) {
					f.Fatalf("seed %d, case %d, row %d: %s\ngot  %s\nwant %s\n%s", seed, i, j, query.AppendSelect(nil, &sel),
						query.AppendJSON(nil, got[j][k]), query.AppendJSON(nil, want[j][k]), f.explain(sel))
				}
			}
		}
	}
}

func (f *fixture) explain(s query.Select) string {
	f.Helper()
	text, err := f.view.Explain(f.ctx(), s)
	if err != nil {
		f.Fatalf("explain: %v", err)
	}
	return text
}

// beyond makes selects, and answers them from the rows that it made.
type beyond struct {
	rand   *rand.Rand
	stored map[string][]query.Row // by table
}

func pick[T any](g *beyond, from []T) T { return from[g.rand.IntN(len(from))] }

func (g *beyond) one(n int) bool { return g.rand.IntN(n) == 0 }

// fill inserts rows of all tables; about a quarter of what may be null is.
func (g *beyond) fill(f *fixture) {
	g.stored = map[string][]query.Row{}
	for _, t := range f.schema.Tables {
		for i := range 14 {
			if t.Key().Ref != nil && i >= 9 {
				break // some have no row there
			}
			row := make(query.Row, len(t.Columns))
			for _, c := range t.Columns {
				row[c.Index] = g.stock(t, c, i)
			}
			g.stored[t.Name] = append(g.stored[t.Name], row)
		}
		f.apply(f.insert(t.Name, g.stored[t.Name]...))
	}
}

func (g *beyond) stock(t *query.Table, c *query.Column, i int) query.Value {
	switch {
	case c.Index == 0 && c.Ref != nil:
		return g.stored[c.Ref.Table][i][0]
	case c.Index == 0 && c.Type.Kind == query.KindInt:
		return query.Int(int64(i + 1))
	case c.Index == 0:
		return query.Text(string(rune('A'+i%26)) + t.Name[:1])
	case g.one(4):
		return query.Null()
	case c.Ref != nil && len(g.stored[c.Ref.Table]) == 0:
		return query.Null()
	case c.Ref != nil:
		return pick(g, g.stored[c.Ref.Table])[0]
	}
	return g.constant(c.Type)
}

// constant picks a value from a few, so that many meet.
func (g *beyond) constant(t query.Type) query.Value {
	n := g.rand.Int64N(4)
	switch t.Kind {
	case query.KindBool:
		return query.Bool(n%2 == 0)
	case query.KindInt:
		return query.Int(n)
	case query.KindFloat:
		return query.Float(float64(n) / 4)
	case query.KindDecimal:
		return query.Decimal(n*75, t.Scale)
	case query.KindTimestamp:
		return query.Timestamp(n * 1_700_000_000_000_100)
	case query.KindDate:
		return query.Date(n*9000 - 1)
	case query.KindJSON:
		return query.JSON(pick(g, []string{`{"a":1}`, `{"a": 1.0}`, `[1,"x"]`, `"x"`}))
	case query.KindList:
		return query.List(pick(g, []string{`["a"]`, `[]`, `["b","a"]`}))
	}
	return query.Text(pick(g, []string{"a", "A", "b", "é\"", "Ä\n", ""}))
}

// selection makes a select of a table; what is outside of it are scopes, the
// innermost last.
func (g *beyond) selection(t *query.Table, schema *query.Schema, depth int, outside ...*query.Table) query.Select {
	scopes := append(slices.Clone(outside), t)
	sel := query.Select{Table: t, Limit: -1}
	for _, c := range t.Columns {
		if c.Index == 0 || g.one(2) {
			sel.Columns = append(sel.Columns, query.Output{Name: c.Name, Expr: t.Ref(c)})
		}
	}
	for range g.rand.IntN(3) {
		name := "e" + string(rune('0'+len(sel.Columns)))
		switch g.rand.IntN(4) {
		case 0:
			sel.Columns = append(sel.Columns, query.Output{Name: name, Expr: g.condition(scopes, schema, depth)})
		case 1:
			sel.Columns = append(sel.Columns, query.Output{Name: name, Expr: g.value(scopes, schema, depth, query.KindText)})
		default:
			if relations := schema.Relations(t); depth > 0 && len(relations) > 0 {
				sel.Columns = append(sel.Columns, query.Output{Name: name, Expr: g.embed(pick(g, relations), scopes, schema, depth-1)})
			}
		}
	}
	if !g.one(3) {
		sel.Where = g.condition(scopes, schema, depth)
	}
	for range g.rand.IntN(3) {
		order := query.Order{Expr: t.Ref(pick(g, t.Columns)), Descending: g.one(2), NullsFirst: g.one(2)}
		if g.one(3) {
			order.Expr = g.value(scopes, schema, depth, query.KindText)
		}
		sel.Order = append(sel.Order, order)
	}
	if g.one(2) {
		sel.Limit = g.rand.IntN(6)
	}
	if g.one(4) {
		sel.Offset = g.rand.IntN(3)
	}
	return sel
}

func (g *beyond) embed(r query.Relation, scopes []*query.Table, schema *query.Schema, depth int) query.Expr {
	e := &query.Embed{On: r.From.Ref(r.Near), Child: r.Far, Many: r.Many, Rows: g.selection(r.To, schema, depth, scopes...)}
	if !r.Many {
		e.Rows.Limit, e.Rows.Offset = -1, 0
	}
	if r.Via != nil {
		e.Via = &query.Via{Table: r.Via, Near: r.ViaNear, Far: r.ViaFar}
		if g.one(2) {
			e.Via.Where = g.condition(append(slices.Clone(scopes), r.Via), schema, depth)
		}
	}
	return e
}

// condition is about any of the rows in scope.
func (g *beyond) condition(scopes []*query.Table, schema *query.Schema, depth int) query.Expr {
	left := g.column(scopes, nil)
	if depth > 0 {
		switch g.rand.IntN(7) {
		case 0:
			return need(query.NewAnd(g.condition(scopes, schema, depth-1), g.condition(scopes, schema, depth-1)))
		case 1:
			return need(query.NewOr(g.condition(scopes, schema, depth-1), g.condition(scopes, schema, depth-1)))
		case 2:
			return need(query.NewNot(g.condition(scopes, schema, depth-1)))
		case 3:
			t, where := g.other(scopes, schema, depth-1)
			return &query.Exists{Table: t, Where: where}
		case 4:
			return need(query.NewCall(query.FuncStartsWith, g.value(scopes, schema, depth, query.KindText), g.value(scopes, schema, depth, query.KindText)))
		case 5:
			return need(query.NewCompare(g.op(), g.value(scopes, schema, depth, query.KindText), g.value(scopes, schema, depth, query.KindText)))
		}
	}
	switch g.rand.IntN(5) {
	case 4:
		text := query.KindText
		return need(query.NewCall(query.FuncContains, g.column(scopes, &text), g.column(scopes, &text)))
	case 0:
		return need(query.NewIs(left, query.IsWhat(g.rand.IntN(2))))
	case 1:
		kind := left.Column.Type.Kind
		return need(query.NewCompare(g.op(), left, g.column(scopes, &kind)))
	}
	return need(query.NewCompare(g.op(), left, &query.Literal{Value: g.constant(left.Column.Type), Of: left.Column.Type}))
}

func (g *beyond) op() query.CompareOp { return query.CompareOp(g.rand.IntN(6)) }

// value is a text of the row at hand, of one outside, or of another table,
// sometimes folded, which no engine does as we do.
func (g *beyond) value(scopes []*query.Table, schema *query.Schema, depth int, kind query.Kind) query.Expr {
	var e query.Expr = g.column(scopes, &kind)
	if depth > 0 && g.one(2) {
		t, where := g.other(scopes, schema, depth-1)
		// One row at most, or the engine may choose.
		key := &query.Compare{Left: t.Ref(t.Key()), Right: &query.Literal{Value: pick(g, g.stored[t.Name])[0], Of: t.Key().Type}}
		for _, c := range scopes[len(scopes)-1].Columns {
			if c.Ref != nil && c.Ref.Table == t.Name {
				key.Right = &query.ColumnRef{Table: scopes[len(scopes)-1], Column: c, Up: 1}
			}
		}
		inner := append(slices.Clone(scopes), t)
		e = &query.Lookup{Table: t, Where: need(query.NewAnd(key, where)), Value: g.value(inner, schema, depth-1, kind)}
	}
	if g.one(4) {
		e = need(query.NewCall(query.FuncLower, e))
	}
	return e
}

// other is a table with a condition on its rows, mostly one that joins it to
// the row at hand.
func (g *beyond) other(scopes []*query.Table, schema *query.Schema, depth int) (*query.Table, query.Expr) {
	t := scopes[len(scopes)-1]
	relations := schema.Relations(t)
	if r := pick(g, relations); r.Via == nil && !g.one(4) {
		join := &query.Compare{Left: r.To.Ref(r.Far), Right: &query.ColumnRef{Table: t, Column: r.Near, Up: 1}}
		if g.one(3) {
			return r.To, join
		}
		return r.To, need(query.NewAnd(join, g.condition(append(slices.Clone(scopes), r.To), schema, depth)))
	}
	to := pick(g, schema.Tables)
	return to, g.condition(append(slices.Clone(scopes), to), schema, depth)
}

// column picks one of any row in scope, of a kind where one is given; a text
// every table has.
func (g *beyond) column(scopes []*query.Table, kind *query.Kind) *query.ColumnRef {
	for {
		up := g.rand.IntN(len(scopes))
		t := scopes[len(scopes)-1-up]
		if c := pick(g, t.Columns); kind == nil || c.Type.Kind == *kind {
			return &query.ColumnRef{Table: t, Column: c, Up: uint8(up)}
		}
	}
}

func need(e query.Expr, f *fault.Fault) query.Expr {
	if f != nil {
		panic(f) // a random tree that does not type is a mistake here
	}
	return e
}
