package query_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

// Conditions with one text must be one condition: on random rows their
// outcomes are the same.
func TestCanonicalTextIsInjective(t *testing.T) {
	g := querytest.New(11)
	rows := g.Rows(20)
	outcomes := func(e query.Expr) string {
		out := make([]byte, len(rows))
		for i, row := range rows {
			out[i] = byte(query.Holds(e, row, nil))
		}
		return string(out)
	}
	seen := map[string]string{}
	again := 0
	for range 20000 {
		e := g.Expr(1)
		text, got := query.String(e), outcomes(e)
		if want, ok := seen[text]; ok {
			again++
			if want != got {
				t.Fatalf("%s means two things", text)
			}
		}
		seen[text] = got
	}
	if again < 100 {
		t.Errorf("only %d texts came twice: this proves little", again)
	}
}

func TestCanonicalTextTellsApart(t *testing.T) {
	table := query.NewTable("t", []*query.Column{
		{Name: "id", Type: integer}, {Name: "i5", Type: integer}, {Name: "b1", Type: boolean}, {Name: "a", Type: text}, {Name: "j", Type: document},
	}, nil)
	col := func(name string) query.Expr { return table.Ref(table.Column(name)) }
	eq := func(l, r query.Expr) query.Expr { return &query.Compare{Op: query.Equal, Left: l, Right: r} }
	selects := []query.Select{
		{Limit: -1},
		{Limit: 0},
		{Limit: 1},
		{Limit: -1, Offset: 1},
		{Limit: -1, Count: true},
		{Limit: -1, Position: true},
		{Limit: -1, Where: eq(col("id"), col("i5"))},
		{Limit: -1, Where: eq(col("id"), num(5))},
		{Limit: -1, Where: eq(col("id"), query.NewLiteral(query.Float(5)))},
		{Limit: -1, Where: eq(col("id"), query.NewLiteral(query.Decimal(5, 0)))},
		{Limit: -1, Where: query.TrueExpr()},
		{Limit: -1, Where: col("b1")},
		{Limit: -1, Where: eq(col("a"), str("x),=(a,'t1:y"))},
		{Limit: -1, Where: &query.Or{Terms: []query.Expr{eq(col("a"), str("x")), eq(col("a"), str("y"))}}},
		{Limit: -1, Where: eq(col("a"), &query.Path{Base: col("j"), Steps: []query.Step{{Key: "0", IsKey: true}}})},
		{Limit: -1, Where: eq(col("a"), &query.Path{Base: col("j"), Steps: []query.Step{{Index: 0}}})},
		{Limit: -1, Where: eq(col("a"), &query.Path{Base: col("j"), Steps: []query.Step{{Index: 0}}, Text: true})},
		{Limit: -1, Where: eq(col("a"), &query.Path{Base: col("j"), Steps: []query.Step{{Key: "a->1:b", IsKey: true}}})},
		{Limit: -1, Where: eq(col("a"), &query.Path{Base: col("j"), Steps: []query.Step{{Key: "a", IsKey: true}, {Key: "b", IsKey: true}}})},
		{Limit: -1, Columns: []query.Output{{Name: "a", Expr: col("a")}}},
		{Limit: -1, Columns: []query.Output{{Name: "a", Expr: col("a")}, {Name: "b", Expr: col("a")}}},
		{Limit: -1, Columns: []query.Output{{Name: "a=a,1:b", Expr: col("a")}}},
		{Limit: -1, Columns: []query.Output{{Name: "a", Expr: col("a")}}, Order: []query.Order{{Expr: col("a")}}},
		{Limit: -1, Order: []query.Order{{Expr: col("a")}}},
		{Limit: -1, Order: []query.Order{{Expr: col("a"), Descending: true}}},
		{Limit: -1, Order: []query.Order{{Expr: col("a"), NullsFirst: true}}},
		{Limit: -1, Order: []query.Order{{Expr: col("a")}, {Expr: col("id")}}},
		{Limit: -1, Where: &query.Like{Operand: col("a"), Pattern: "x"}},
		{Limit: -1, Where: &query.Like{Operand: col("a"), Pattern: "x", Fold: true}},
		{Limit: -1, Where: &query.Match{Operand: col("a"), Pattern: "x"}},
	}
	seen := map[string]int{}
	for i := range selects {
		selects[i].Table = table
		text := string(query.AppendSelect(nil, &selects[i]))
		if j, ok := seen[text]; ok {
			t.Errorf("selects %d and %d are both %s", j, i, text)
		}
		seen[text] = i
	}
}
