package query_test

import (
	"math"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

func TestLike(t *testing.T) {
	tests := []struct {
		pattern, text string
		like, ilike   bool
	}{
		{"", "", true, true},
		{"", "a", false, false},
		{"%", "", true, true},
		{"a%", "abc", true, true},
		{"A%", "abc", false, true},
		{"%c", "abc", true, true},
		{"%b%", "abc", true, true},
		{"a%b%c", "aXbYbc", true, true},
		{"a%a", "a", false, false},
		{"_", "é", true, true},
		{"_", "", false, false},
		{"__", "日本", true, true},
		{"a_c", "a\nc", true, true},
		{"%_b", "aab", true, true},
		{"%b_%", "ab", false, false},
		{`a\%`, "a%", true, true},
		{`a\%`, "ab", false, false},
		{`a\_`, "ab", false, false},
		{`a\\`, `a\`, true, true},
		{`\a`, "a", true, true},
		{"É", "é", false, true},
		{"STRASSE", "straße", false, false},
		{"k", "\u212a", false, true},
		{"ſ", "S", false, true},
		{"ǆ", "ǅ", false, true},
		{"Σ%", "ς!", false, true},
		{"%本", "日本", true, true},
	}
	for _, tt := range tests {
		for fold, want := range map[bool]bool{false: tt.like, true: tt.ilike} {
			m, err := query.CompileLike(tt.pattern, fold)
			if err != nil || m.Match(tt.text) != want {
				t.Errorf("%q like %q, fold %v: not %v, %v", tt.text, tt.pattern, fold, want, err)
			}
			unbuilt := &query.Like{Operand: str(tt.text), Pattern: tt.pattern, Fold: fold}
			if got := query.Holds(unbuilt, nil, nil); (got == query.True) != want {
				t.Errorf("%q like %q, fold %v, not built by NewLike: %v", tt.text, tt.pattern, fold, got)
			}
		}
	}
	if _, err := query.CompileLike(`a\`, false); err == nil {
		t.Error(`a\ compiled`)
	}
}

func TestArithmetic(t *testing.T) {
	tests := []struct {
		f    query.FuncName
		of   query.Type
		a, b query.Value
		want string
	}{
		{query.FuncAdd, integer, query.Int(2), query.Int(3), "5"},
		{query.FuncAdd, integer, query.Int(math.MaxInt64), query.Int(1), "null"},
		{query.FuncAdd, integer, query.Int(math.MinInt64), query.Int(-1), "null"},
		{query.FuncSubtract, integer, query.Int(math.MinInt64), query.Int(1), "null"},
		{query.FuncSubtract, integer, query.Int(0), query.Int(math.MinInt64), "null"},
		{query.FuncMultiply, integer, query.Int(math.MinInt64), query.Int(1), "-9223372036854775808"},
		{query.FuncMultiply, integer, query.Int(math.MinInt64), query.Int(-1), "null"},
		{query.FuncMultiply, integer, query.Int(1 << 32), query.Int(1 << 31), "null"},
		{query.FuncDivide, integer, query.Int(-7), query.Int(2), "-3"},
		{query.FuncDivide, integer, query.Int(1), query.Int(0), "null"},
		{query.FuncDivide, integer, query.Int(math.MinInt64), query.Int(-1), "null"},
		{query.FuncNegate, integer, query.Int(math.MinInt64), query.Null(), "null"},
		{query.FuncNegate, money, query.Decimal(150, 2), query.Null(), "-1.50"},
		{query.FuncDivide, float, query.Float(1), query.Float(0), "null"},
		{query.FuncMultiply, float, query.Float(math.MaxFloat64), query.Float(2), "null"},
		{query.FuncAdd, float, query.Decimal(15, 1), query.Float(0.25), "1.75"},
		{query.FuncAdd, money, query.Decimal(15, 1), query.Int(2), "3.50"},
		{query.FuncAdd, money, query.Int(math.MaxInt64), query.Decimal(1, 2), "null"},
		{query.FuncMultiply, money, query.Decimal(15, 1), query.Decimal(-5, 1), "-0.75"},
		{query.FuncAdd, integer, query.Null(), query.Int(1), "null"},
		{query.FuncAdd, integer, query.Int(1), query.Null(), "null"},
	}
	for _, tt := range tests {
		if got := string(query.AppendJSON(nil, query.CallValue(tt.f, tt.of, tt.a, tt.b))); got != tt.want {
			t.Errorf("%v %s %v: got %s, want %s", tt.a, tt.f, tt.b, got, tt.want)
		}
	}
}

func TestPaths(t *testing.T) {
	base := query.NewLiteral(query.JSON(`{"a":{"b":[1,2.50,"x",null,true,{"c":"\u00e9"}]},"":0,"a\"b":"q","0":"zero"}`))
	key := func(k string) query.Step { return query.Step{Key: k, IsKey: true} }
	at := func(i int) query.Step { return query.Step{Index: i} }
	tests := []struct {
		steps      []query.Step
		json, text string
	}{
		{[]query.Step{key("a"), key("b"), at(0)}, `1`, `"1"`},
		{[]query.Step{key("a"), key("b"), at(1)}, `2.50`, `"2.50"`},
		{[]query.Step{key("a"), key("b"), at(2)}, `"x"`, `"x"`},
		{[]query.Step{key("a"), key("b"), at(3)}, `null`, `null`},
		{[]query.Step{key("a"), key("b"), at(4)}, `true`, `"true"`},
		{[]query.Step{key("a"), key("b"), at(-1), key("c")}, `"\u00e9"`, `"é"`},
		{[]query.Step{key("a"), key("b"), at(6)}, `null`, `null`},
		{[]query.Step{key("a"), key("b"), at(-7)}, `null`, `null`},
		{[]query.Step{key("a"), at(0)}, `null`, `null`},
		{[]query.Step{at(0)}, `null`, `null`},
		{[]query.Step{key("0")}, `"zero"`, `"zero"`},
		{[]query.Step{key("")}, `0`, `"0"`},
		{[]query.Step{key(`a"b`)}, `"q"`, `"q"`},
		{[]query.Step{key("nope"), key("x")}, `null`, `null`},
	}
	for _, tt := range tests {
		j := query.Eval(&query.Path{Base: base, Steps: tt.steps}, nil, nil)
		if got := string(query.AppendJSON(nil, j)); got != tt.json {
			t.Errorf("%v: got %s, want %s", tt.steps, got, tt.json)
		}
		x := query.Eval(&query.Path{Base: base, Steps: tt.steps, Text: true}, nil, nil)
		if got := string(query.AppendJSON(nil, x)); got != tt.text {
			t.Errorf("%v as text: got %s, want %s", tt.steps, got, tt.text)
		}
	}
	inside := &query.Path{Base: base, Steps: []query.Step{key("a"), key("b"), at(3)}}
	if query.Eval(inside, nil, nil).IsNull() {
		t.Error("a JSON null inside json is a value, as in PostgreSQL")
	}
	if query.Holds(query.NewNullTest(inside, false), nil, nil) != query.True {
		t.Error("a rule's == null does not see a JSON null")
	}
}

// What nobody bound denies.
func TestUnboundIsUnknown(t *testing.T) {
	for _, e := range []query.Expr{&query.Auth{}, &query.Now{}, &query.Param{Name: "x", Of: text}} {
		c := &query.Compare{Op: query.Equal, Left: e, Right: e}
		if got := query.Holds(c, nil, nil); got != query.Unknown {
			t.Errorf("%s: %v", query.String(c), got)
		}
	}
}
