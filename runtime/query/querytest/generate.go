package querytest

import (
	"fmt"
	"math/rand/v2"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Source is where chance comes from; *rand.Rand is one.
type Source interface {
	// IntN is in [0, n).
	IntN(n int) int
}

// Generator makes rows and conditions of one table.
type Generator struct {
	Table  *query.Table
	source Source
}

// New is a generator over Things with a seed; the same seed gives the same.
func New(seed uint64) *Generator {
	return From(rand.New(rand.NewPCG(seed, seed))) //nolint:gosec // tests repeat with their seed
}

// From is a generator over Things with a source of one's own.
func From(source Source) *Generator {
	return &Generator{Table: Things(), source: source}
}

// Things is a table with two columns or more of each type.
func Things() *query.Table {
	column := func(name string, t query.Type) *query.Column { return &query.Column{Name: name, Type: t} }
	key := column("id", query.Type{Kind: query.KindInt})
	key.Required = true
	return query.NewTable("things", []*query.Column{
		key,
		column("flag", query.Type{Kind: query.KindBool}),
		column("done", query.Type{Kind: query.KindBool}),
		column("n", query.Type{Kind: query.KindInt}),
		column("m", query.Type{Kind: query.KindInt}),
		column("x", query.Type{Kind: query.KindFloat}),
		column("y", query.Type{Kind: query.KindFloat}),
		column("price", query.Type{Kind: query.KindDecimal, Scale: 2}),
		column("rate", query.Type{Kind: query.KindDecimal, Scale: 4}),
		column("name", query.Type{Kind: query.KindText}),
		column("title", query.Type{Kind: query.KindText}),
		column("made", query.Type{Kind: query.KindTimestamp}),
		column("sold", query.Type{Kind: query.KindTimestamp}),
		column("day", query.Type{Kind: query.KindDate}),
		column("due", query.Type{Kind: query.KindDate}),
		column("owner", query.Type{Kind: query.KindUUID}),
		column("maker", query.Type{Kind: query.KindUUID}),
		column("meta", query.Type{Kind: query.KindJSON}),
		column("more", query.Type{Kind: query.KindJSON}),
		column("tags", query.Type{Kind: query.KindList, Elem: query.KindText}),
		column("marks", query.Type{Kind: query.KindList, Elem: query.KindInt}),
	}, nil)
}

// Rows makes n rows with the keys 1 to n; about a fifth of the values is null.
func (g *Generator) Rows(n int) []query.Row {
	rows := make([]query.Row, n)
	for i := range rows {
		row := make(query.Row, len(g.Table.Columns))
		row[0] = query.Int(int64(i + 1))
		for _, c := range g.Table.Columns[1:] {
			if !g.one(5) {
				row[c.Index] = g.Value(c.Type)
			}
		}
		rows[i] = row
	}
	return rows
}

// Value picks a value of a type, never null.
func (g *Generator) Value(t query.Type) query.Value {
	switch t.Kind {
	case query.KindBool:
		return query.Bool(g.one(2))
	case query.KindInt:
		return query.Int(pick(g, ints))
	case query.KindFloat:
		return query.Float(pick(g, floats))
	case query.KindDecimal:
		return query.Decimal(pick(g, decimals), t.Scale)
	case query.KindText:
		return query.Text(pick(g, texts))
	case query.KindTimestamp:
		return query.Timestamp(pick(g, moments))
	case query.KindDate:
		return query.Date(pick(g, days))
	case query.KindUUID:
		return query.UUID(pick(g, uuids))
	case query.KindJSON:
		return query.JSON(pick(g, documents))
	case query.KindList:
		if t.Elem == query.KindInt {
			return query.List(pick(g, intLists))
		}
		return query.List(pick(g, textLists))
	}
	return query.Null()
}

// Expr makes a well-typed condition with at most depth levels of and, or, not
// and ?: above its predicates.
func (g *Generator) Expr(depth int) query.Expr {
	if depth <= 0 {
		return g.predicate()
	}
	switch g.source.IntN(8) {
	case 0, 1:
		return must(query.NewAnd(g.terms(depth)...))
	case 2, 3:
		return must(query.NewOr(g.terms(depth)...))
	case 4:
		return must(query.NewNot(g.Expr(depth - 1)))
	case 5:
		return must(query.NewCond(g.Expr(depth-1), g.Expr(depth-1), g.Expr(depth-1)))
	case 6:
		return must(query.NewIs(g.Expr(depth-1), query.IsWhat(g.source.IntN(5))))
	}
	return g.predicate()
}

func (g *Generator) terms(depth int) []query.Expr {
	terms := make([]query.Expr, g.source.IntN(4))
	for i := range terms {
		terms[i] = g.Expr(depth - 1)
	}
	return terms
}

// one is true one time in n.
func (g *Generator) one(n int) bool { return g.source.IntN(n) == 0 }

func pick[T any](g *Generator, from []T) T { return from[g.source.IntN(len(from))] }

// must gives what a constructor made; that a random condition does not type
// is a mistake in this package.
func must(e query.Expr, f *fault.Fault) query.Expr {
	if f != nil {
		panic(fmt.Sprintf("querytest: %v", f))
	}
	return e
}
