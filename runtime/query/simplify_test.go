package query_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

// source draws from rapid, so that a failing tree shrinks.
type source struct{ t *rapid.T }

func (s source) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "n") }

func TestSimplifyKeepsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := querytest.From(source{t})
		e := g.Expr(3)
		simple := query.Simplify(e)
		for _, row := range g.Rows(3) {
			if want, got := query.Holds(e, row, nil), query.Holds(simple, row, nil); want != got {
				t.Fatalf("%s is %v, simplified to %s it is %v, on %v", query.String(e), want, query.String(simple), got, row)
			}
		}
		if again := query.Simplify(simple); again != simple {
			t.Fatalf("simplifying %s again gives %s", query.String(simple), query.String(again))
		}
	})
}

// The seeded generator makes far more cases than rapid does.
func TestSimplifyKeepsMeaningWidely(t *testing.T) {
	g := querytest.New(1)
	counts := map[query.Truth]int{}
	for range 5000 {
		e := g.Expr(3)
		simple := query.Simplify(e)
		negated := query.Simplify(&query.Not{Term: e})
		for _, row := range g.Rows(4) {
			want := query.Holds(e, row, nil)
			counts[want]++
			if got := query.Holds(simple, row, nil); got != want {
				t.Fatalf("%s is %v, simplified to %s it is %v, on %v", query.String(e), want, query.String(simple), got, row)
			}
			if got := query.Holds(negated, row, nil); got != want.Not() {
				t.Fatalf("not %s is %v, on %v", query.String(e), got, row)
			}
			if got := query.TruthOf(query.Eval(e, row, nil)); got != want {
				t.Fatalf("%s holds %v but evaluates to %v", query.String(e), want, got)
			}
		}
	}
	for _, truth := range []query.Truth{query.True, query.False, query.Unknown} {
		if counts[truth] < 1000 {
			t.Errorf("only %d of the outcomes are %v: the generator proves little", counts[truth], truth)
		}
	}
}

func TestSimplify(t *testing.T) {
	table := querytest.Things()
	col := func(name string) query.Expr { return table.Ref(table.Column(name)) }
	lit := func(v query.Value) query.Expr { return query.NewLiteral(v) }
	eq := func(l, r query.Expr) query.Expr { return &query.Compare{Op: query.Equal, Left: l, Right: r} }
	unknown := &query.Literal{Of: query.Type{Kind: query.KindBool}}
	tests := []struct {
		name string
		in   query.Expr
		want string
	}{
		{"empty and", &query.And{}, "'b1"},
		{"empty or", &query.Or{}, "'b0"},
		{"and with false", &query.And{Terms: []query.Expr{col("flag"), query.FalseExpr()}}, "'b0"},
		{"and with true", &query.And{Terms: []query.Expr{col("flag"), query.TrueExpr()}}, "flag"},
		{"and keeps unknown", &query.And{Terms: []query.Expr{col("flag"), unknown}}, "and(flag,'null:b)"},
		{"unknown and false", &query.And{Terms: []query.Expr{unknown, query.FalseExpr()}}, "'b0"},
		{"nested and", &query.And{Terms: []query.Expr{col("flag"), &query.And{Terms: []query.Expr{col("done"), col("flag")}}}}, "and(flag,done,flag)"},
		{"nested or", &query.Or{Terms: []query.Expr{col("flag"), &query.Or{Terms: []query.Expr{col("done"), query.FalseExpr()}}}}, "or(flag,done)"},
		{"not not", &query.Not{Term: &query.Not{Term: col("flag")}}, "flag"},
		{"not less", &query.Not{Term: &query.Compare{Op: query.Less, Left: col("n"), Right: lit(query.Int(1))}}, ">=(n,'i1)"},
		{"literal left", &query.Compare{Op: query.Less, Left: lit(query.Int(1)), Right: col("n")}, ">(n,'i1)"},
		{"null beside a column", eq(col("n"), &query.Literal{Of: query.Type{Kind: query.KindInt}}), "'null:b"},
		{"constants", eq(lit(query.Int(1)), lit(query.Decimal(100, 2))), "'b1"},
		{"in of nothing", &query.In{Operand: col("n")}, "'b0"},
		{"in of one", &query.In{Operand: col("n"), List: []query.Expr{lit(query.Int(3))}}, "=(n,'i3)"},
		{"path into a constant", &query.Path{Base: lit(query.JSON(`{"a":{"b":"x"}}`)), Steps: []query.Step{{Key: "a", IsKey: true}, {Key: "b", IsKey: true}}, Text: true}, "'t1:x"},
		{"condition", &query.Cond{If: query.TrueExpr(), Then: col("flag"), Else: col("done")}, "flag"},
		{"unknown condition", &query.Cond{If: unknown, Then: col("flag"), Else: col("done")}, "'null:b"},
		{"arithmetic", &query.Call{Func: query.FuncAdd, Args: []query.Expr{lit(query.Int(1)), lit(query.Int(2))}, Of: query.Type{Kind: query.KindInt}}, "'i3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := query.String(query.Simplify(tt.in)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSimplifyNeverMakesAUUIDTwice(t *testing.T) {
	e := &query.Call{Func: query.FuncUUID, Of: query.Type{Kind: query.KindUUID}}
	if got := query.Simplify(e); got != query.Expr(e) {
		t.Fatalf("uuid() was folded to %s", query.String(got))
	}
	if a, b := query.Eval(e, nil, nil), query.Eval(e, nil, nil); a == b {
		t.Errorf("uuid() gave %v twice", a)
	}
}
