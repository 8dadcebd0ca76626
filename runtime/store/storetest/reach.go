package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const reachCases = 100

// circles is people with a boss, who follow one another and like films, which
// one of them made. Whatever is hidden may not be read. film is the kind of a
// film's key.
func circles(film query.Kind) *query.Schema {
	hidden := func() *query.Column { return column("hidden", query.KindBool) }
	edge := func(name, from, to string, fromKind, toKind query.Kind) *query.Table {
		t := query.NewTable(name, []*query.Column{
			required("id", query.KindInt), ref("from", from, fromKind, query.Cascade), ref("to", to, toKind, query.Cascade), hidden(),
		}, nil)
		t.Edge = &query.Edge{From: t.Column("from"), To: t.Column("to")}
		return t
	}
	return query.NewSchema([]*query.Table{
		query.NewTable("people", []*query.Column{required("id", query.KindText), ref("boss", "people", query.KindText, query.SetNull), hidden()}, nil),
		query.NewTable("films", []*query.Column{required("id", film), ref("maker", "people", query.KindText, query.SetNull), hidden()}, nil),
		edge("follows", "people", "people", query.KindText, query.KindText),
		edge("likes", "people", "films", query.KindText, film),
	})
}

// circle is rows of circles, and walks among them.
type circle struct {
	beyond
	schema *query.Schema
}

// fill makes a graph with loops, with several edges between the same two rows,
// and with rows and edges that are hidden.
func (g *circle) fill(f *fixture, nodes, edges int) {
	g.stored = map[string][]query.Row{}
	hidden := func() query.Value { return query.Bool(g.one(6)) }
	person := func(of int) query.Value { return query.Text(fmt.Sprintf("p%02d", g.rand.IntN(of))) }
	film := func(i int) query.Value {
		if f.table("films").Key().Type.Kind == query.KindText {
			return query.Text(fmt.Sprintf("p%02d", i))
		}
		return query.Int(int64(i))
	}
	for i := range nodes {
		p := query.Row{query.Text(fmt.Sprintf("p%02d", i)), person(i + 1), hidden()}
		if g.one(4) {
			p[1] = query.Null()
		}
		g.stored["people"] = append(g.stored["people"], p)
		g.stored["films"] = append(g.stored["films"], query.Row{film(i), person(nodes), hidden()})
	}
	for i := range edges {
		g.stored["follows"] = append(g.stored["follows"], query.Row{query.Int(int64(i + 1)), person(nodes), person(nodes), hidden()})
		g.stored["likes"] = append(g.stored["likes"], query.Row{query.Int(int64(i + 1)), person(nodes), film(g.rand.IntN(nodes)), hidden()})
	}
	for _, t := range f.schema.Tables {
		f.apply(f.insert(t.Name, g.stored[t.Name]...))
	}
}

// shown is a rule: not hidden, sometimes said with the help of another table.
func (g *circle) shown(t *query.Table) query.Expr {
	seen := equal(t, "hidden", query.Bool(false))
	if t.Name != "films" || g.one(2) {
		return seen
	}
	people := g.schema.Table("people")
	maker := &query.Compare{Left: columnOf(people, "id"), Right: &query.ColumnRef{Table: t, Column: t.Column("maker"), Up: 1}}
	return &query.And{Terms: []query.Expr{seen, &query.Exists{Table: people, Where: maker}}}
}

// shownEdge is a rule of an edge: not hidden, sometimes said with the help of
// another table, which engines judge after all else.
func (g *circle) shownEdge(t *query.Table) query.Expr {
	if g.one(2) {
		return equal(t, "hidden", query.Bool(false))
	}
	people := g.schema.Table("people")
	outer := func(name string) query.Expr { return &query.ColumnRef{Table: t, Column: t.Column(name), Up: 1} }
	return &query.Exists{Table: people, Where: &query.And{Terms: []query.Expr{
		&query.Compare{Left: columnOf(people, "hidden"), Right: outer("hidden")},
		&query.Compare{Left: columnOf(people, "hidden"), Right: query.NewLiteral(query.Bool(false))},
	}}}
}

// walk makes a random walk whose answer is rows of a table.
func (g *circle) walk(t *query.Table) *query.Reach {
	r := &query.Reach{Nodes: []query.ReachNode{{Table: t}}, Max: 1 + g.rand.IntN(query.MaxHops)}
	for _, other := range []string{"people", "films"} {
		if other != t.Name {
			r.Nodes = append(r.Nodes, query.ReachNode{Table: g.schema.Table(other)})
		}
	}
	for i := range r.Nodes {
		if !g.one(5) {
			r.Nodes[i].Where = g.shown(r.Nodes[i].Table)
		}
	}
	r.Min = g.rand.IntN(r.Max + 1)
	r.From = g.rand.IntN(2)
	r.Start = pick(&g.beyond, g.stored[r.Nodes[r.From].Table.Name])[0]
	if g.one(20) {
		r.Start = query.Int(999)
		if r.Nodes[r.From].Table.Key().Type.Kind == query.KindText {
			r.Start = query.Text("nobody")
		}
	}
	for range 1 + g.rand.IntN(4) {
		r.Steps = append(r.Steps, g.step(r))
	}
	return r
}

func (g *circle) step(r *query.Reach) query.ReachStep {
	var found []query.ReachStep
	for from := range r.Nodes {
		for _, rel := range g.schema.Relations(r.Nodes[from].Table) {
			to := slices.IndexFunc(r.Nodes, func(n query.ReachNode) bool { return n.Table == rel.To })
			if to < 0 {
				continue
			}
			s := query.ReachStep{From: from, To: to, Near: rel.Near, Far: rel.Far}
			if rel.Via != nil {
				s.Via = &query.Via{Table: rel.Via, Near: rel.ViaNear, Far: rel.ViaFar}
				if from == to && g.one(2) {
					s.Via.Near, s.Via.Far = s.Via.Far, s.Via.Near
				}
				if !g.one(4) {
					s.Via.Where = g.shownEdge(rel.Via)
				}
			}
			found = append(found, s)
		}
	}
	return pick(&g.beyond, found)
}

// hops computes the least number of steps to the rows of each node.
func (g *circle) hops(r *query.Reach) []map[query.Value]int {
	found := make([]map[query.Value]int, len(r.Nodes))
	for i := range found {
		found[i] = map[query.Value]int{}
	}
	type place struct {
		node int
		row  query.Row
	}
	var edge []place
	visit := func(node int, row query.Row, steps int, next *[]place) {
		if _, again := found[node][row[0]]; again || !g.holds(r.Nodes[node].Where, row) {
			return
		}
		found[node][row[0]] = steps
		*next = append(*next, place{node, row})
	}
	for _, row := range g.stored[r.Nodes[r.From].Table.Name] {
		if row[0] == r.Start {
			visit(r.From, row, 0, &edge)
		}
	}
	for steps := 1; steps <= r.Max; steps++ {
		var next []place
		for _, at := range edge {
			for i := range r.Steps {
				if s := &r.Steps[i]; s.From == at.node {
					for _, row := range g.along(r, s, at.row) {
						visit(s.To, row, steps, &next)
					}
				}
			}
		}
		edge = next
	}
	return found
}

// along finds the rows that a step leads to from a row.
func (g *circle) along(r *query.Reach, s *query.ReachStep, from query.Row) []query.Row {
	values := []query.Value{from[s.Near.Index]}
	if s.Via != nil {
		values = nil
		for _, edge := range g.stored[s.Via.Table.Name] {
			if edge[s.Via.Near.Index] == from[s.Near.Index] && g.holds(s.Via.Where, edge) {
				values = append(values, edge[s.Via.Far.Index])
			}
		}
	}
	var rows []query.Row
	for _, row := range g.stored[r.Nodes[s.To].Table.Name] {
		if v := row[s.Far.Index]; !v.IsNull() && slices.Contains(values, v) {
			rows = append(rows, row)
		}
	}
	return rows
}

// holds judges a rule: hidden is the last column, and every film has a maker.
func (g *circle) holds(rule query.Expr, row query.Row) bool {
	return rule == nil || row[len(row)-1] == query.Bool(false)
}

func testReach(t *testing.T, s store.Store) { compareReach(t, s, query.KindInt) }

// testReachAlike has films with the keys of people.
func testReachAlike(t *testing.T, s store.Store) { compareReach(t, s, query.KindText) }

// compareReach holds random walks against the same computed here.
func compareReach(t *testing.T, s store.Store, film query.Kind) {
	t.Helper()
	seed := uint64(number(t, SeedVariable, 1))
	f := open(t, s, circles(film))
	g := &circle{schema: f.schema, beyond: beyond{rand: rand.New(rand.NewPCG(seed, seed))}}
	g.fill(f, 24, 40)
	some := 0
	for i := range number(t, CasesVariable, reachCases) {
		table := f.table([]string{"people", "films"}[g.rand.IntN(2)])
		sel := query.Select{Table: table, Reach: g.walk(table), Limit: -1, Count: true}
		sel.Columns = []query.Output{{Name: "id", Expr: table.Ref(table.Key())}, {Name: "_hops", Expr: &query.Hops{}}}
		if g.one(3) {
			sel.Where = &query.Compare{Op: query.Greater, Left: &query.Hops{}, Right: query.NewLiteral(query.Int(1))}
		}
		if g.one(3) { // what is computed of the answer's rows alone
			sel.Columns = append(sel.Columns, query.Output{Name: "exists", Expr: &query.Exists{Table: table, Where: equal(table, "hidden", query.Bool(true))}})
		}
		if g.one(2) {
			sel.Order = []query.Order{{Expr: &query.Hops{}, Descending: g.one(2)}}
		}
		want := g.answer(&sel)
		some += len(want)
		got, info := f.selectRows(sel)
		for j := range got {
			got[j] = got[j][:2]
		}
		if !slices.EqualFunc(got, want, slices.Equal) || info.Count != int64(len(want)) {
			f.Fatalf("seed %d, case %d: %s\ngot  %v, counted %d\nwant %v\n%s", seed, i, query.AppendSelect(nil, &sel), got, info.Count, want, f.explain(sel))
		}
		f.compareReachGroups(sel, want)
	}
	if some == 0 {
		f.Error("no walk led anywhere")
	}
}

// answer is what a select of keys and hops shall give.
func (g *circle) answer(sel *query.Select) []query.Row {
	found := g.hops(sel.Reach)[0]
	var rows []query.Row
	for _, row := range g.stored[sel.Table.Name] {
		steps, ok := found[row[0]]
		if ok && steps >= sel.Reach.Min && (sel.Where == nil || steps > 1) {
			rows = append(rows, query.Row{row[0], query.Int(int64(steps))})
		}
	}
	if len(sel.Order) > 0 {
		slices.SortStableFunc(rows, func(a, b query.Row) int {
			if sel.Order[0].Descending {
				a, b = b, a
			}
			return query.CompareValues(a[1], b[1])
		})
	}
	return rows
}

// compareReachGroups counts the rows of each distance.
func (f *fixture) compareReachGroups(sel query.Select, rows []query.Row) {
	f.Helper()
	var want []query.Row
	for steps := range query.MaxHops + 1 {
		n := 0
		for _, row := range rows {
			if row[1] == query.Int(int64(steps)) {
				n++
			}
		}
		if n > 0 {
			want = append(want, query.Row{query.Int(int64(steps)), query.Int(int64(n))})
		}
	}
	sel.Order = nil
	sel.Columns = []query.Output{{Name: "_hops", Expr: &query.Hops{}}, {Name: "count", Expr: need(query.NewAggregate(query.AggregateCount, nil))}}
	if got, info := f.selectRows(sel); !slices.EqualFunc(got, want, slices.Equal) || info.Count != int64(len(want)) {
		f.Fatalf("groups of %s\ngot  %v, counted %d\nwant %v", query.AppendSelect(nil, &sel), got, info.Count, want)
	}
}

// testReachBound has somebody with as many people below him, and a hundred of them
// followers instead, as a walk may come to, and then one more.
func testReachBound(t *testing.T, s store.Store) {
	f := open(t, s, circles(query.KindInt))
	people, follows := f.table("people"), f.table("follows")
	star := query.Text("star")
	f.apply(f.insert("people", query.Row{star, query.Null(), query.Bool(false)}))
	const followers = 100
	add := func(from, to int, hidden bool) {
		for ; from < to; from += 1000 { // as many together as a busy server does within a statement's time
			var rows, edges []query.Row
			for i := from; i < min(from+1000, to); i++ {
				key := query.Text(fmt.Sprintf("f%05d", i))
				if i < query.MaxReached-followers { // an edge is written and kept as one more row
					rows = append(rows, query.Row{key, star, query.Bool(hidden)})
					continue
				}
				rows = append(rows, query.Row{key, query.Null(), query.Bool(hidden)})
				edges = append(edges, query.Row{query.Int(int64(i)), key, star, query.Bool(false)})
			}
			writes := []query.Write{f.insert("people", rows...)}
			if len(edges) > 0 {
				writes = append(writes, f.insert("follows", edges...))
			}
			f.apply(writes...)
		}
	}
	sel := query.Select{Table: people, Columns: f.shown("people", "id"), Limit: 1, Count: true, Reach: &query.Reach{
		Nodes: []query.ReachNode{{Table: people, Where: equal(people, "hidden", query.Bool(false))}}, Start: star, Max: query.MaxHops,
		Steps: []query.ReachStep{
			{Near: people.Key(), Far: people.Key(), Via: &query.Via{Table: follows, Near: follows.Column("to"), Far: follows.Column("from")}},
			{Near: people.Key(), Far: people.Column("boss")},
			{Near: people.Key(), Far: people.Key(), Via: &query.Via{Table: follows, Near: follows.Column("from"), Far: follows.Column("to")}},
		},
	}}
	add(1, query.MaxReached, false)
	add(query.MaxReached, query.MaxReached+100, true) // what is hidden does not count
	if _, info := f.selectRows(sel); info.Count != query.MaxReached {
		f.Errorf("%d rows, want %d", info.Count, query.MaxReached)
	}
	add(query.MaxReached+100, query.MaxReached+101, false)
	f.fails(sel, query.CodeWalk)
	sel.Limit, sel.Count = 0, true
	f.fails(sel, query.CodeWalk)
	sel.Reach.Steps = sel.Reach.Steps[2:] // nobody whom the star follows
	if _, info := f.selectRows(sel); info.Count != 1 {
		f.Errorf("%d rows, want the star alone", info.Count)
	}
}
