package query_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

func TestSuperset(t *testing.T) {
	many := func(from, to int) string {
		items := make([]string, 0, to-from)
		for i := from; i < to; i++ {
			items = append(items, strconv.Itoa(i))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	tests := []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":2}`, `{"a":1}`, true},
		{`{"a":1,"b":2}`, `{"a":1.0,"b":2}`, true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":1}`, `{"b":1}`, false},
		{`{"a":1}`, `{}`, true},
		{`{}`, `{"a":1}`, false},
		{`{"a":null}`, `{"a":null}`, true},
		{`{}`, `{"a":null}`, false},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`, true},
		{`{"a":{"b":1}}`, `{"b":1}`, false},
		{`{"a":{"b":1}}`, `{"a":{}}`, true},
		{`{"a":1}`, `{"a":{}}`, false},
		{`{"a":["x","y"]}`, `{"a":["x"]}`, true},
		{`{"a":["x"]}`, `{"a":"x"}`, false}, // a scalar by itself stands at the top alone
		{`{"\u0061":1}`, `{"a":1}`, true},
		{`{"a b":1}`, `{"a b":1}`, true},
		{`[1,2,3]`, `[1,3]`, true},
		{`[1,2,3]`, `[3,3,1]`, true},
		{`[1,2]`, `[1,4]`, false},
		{`[1,2]`, `[]`, true},
		{`[]`, `[1]`, false},
		{`[1,[2,3]]`, `[[3]]`, true},
		{`[1,[2,3]]`, `[2]`, false},
		{`[{"a":1,"b":2}]`, `[{"a":1}]`, true},
		{`[{"a":1},{"b":2}]`, `[{"a":1,"b":2}]`, false},
		{`["x","y"]`, `"x"`, true},
		{`["x"]`, `"z"`, false},
		{`[null]`, `null`, true},
		{`[true]`, `true`, true},
		{`"x"`, `"x"`, true},
		{`"x"`, `["x"]`, false},
		{`1`, `1.0`, true},
		{`1`, `"1"`, false},
		{`null`, `null`, true},
		{`null`, `[]`, false},
		{`{}`, `[]`, false},
		{`[]`, `{}`, false},
		{many(0, 100), many(20, 60), true},
		{many(0, 100), many(60, 101), false},
		{strings.Replace(many(0, 100), "[0,", `[-0.0,"a","\u00e9",true,null,1e2,`, 1), strings.Replace(many(0, 100), "[0,", `[0,"a","é",true,null,100,`, 1), true},
		{many(0, 100), strings.Replace(many(0, 20), ",19]", `,"19"]`, 1), false},
		{many(0, 100), strings.Replace(many(0, 20), ",19]", `,[]]`, 1), false},
	}
	for _, tt := range tests {
		got := query.CallValue(query.FuncSuperset, query.Type{Kind: query.KindBool}, query.JSON(tt.a), query.JSON(tt.b))
		if query.CompareValues(got, query.Bool(tt.want)) != 0 {
			t.Errorf("%s @> %s is %v", tt.a, tt.b, got.Bool())
		}
	}
	if v := query.CallValue(query.FuncSuperset, query.Type{Kind: query.KindBool}, query.Null(), query.JSON("[]")); !v.IsNull() {
		t.Error("null contains nothing that is known")
	}
}

func TestOverlap(t *testing.T) {
	long := "[" + strings.Repeat("7,", 50) + "8]"
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{`["a","b"]`, `["b","c"]`, true},
		{`["a"]`, `["b"]`, false},
		{`["a"]`, `[]`, false},
		{`[]`, `[]`, false},
		{`["é"]`, `["\u00e9"]`, true},
		{`[1]`, `[1.0]`, true},
		{long, `[1,2,3,4,5,6,9,10,11,12,8]`, true},
		{`[1,2,3,4,5,6,9,10,11,12,8.5]`, long, false},
	} {
		got := query.CallValue(query.FuncOverlap, query.Type{Kind: query.KindBool}, query.List(tt.a), query.List(tt.b))
		if query.CompareValues(got, query.Bool(tt.want)) != 0 {
			t.Errorf("%s && %s is %v", tt.a, tt.b, got.Bool())
		}
	}
}

// Filters on collections and their opposites, on rows.
func TestContainOnRows(t *testing.T) {
	table := query.NewTable("t", []*query.Column{
		{Name: "id", Type: integer},
		{Name: "tags", Type: query.Type{Kind: query.KindList, Elem: query.KindText}},
		{Name: "meta", Type: query.Type{Kind: query.KindJSON}},
	}, nil)
	rows := []query.Row{
		{query.Int(1), query.List(`["a","b"]`), query.JSON(`{"a":1,"b":[1,2]}`)},
		{query.Int(2), query.List(`[]`), query.JSON(`["a"]`)},
		{query.Int(3), query.Null(), query.Null()},
	}
	for _, tt := range []struct{ rawQuery, want string }{
		{"tags=cs.{a}", "1"},
		{"tags=not.cs.{a}", "2"},
		{"tags=cs.{}", "1 2"},
		{"tags=cs.{a,null}", ""},
		{"tags=not.cs.{a,null}", "1 2"},
		{"tags=cd.{a,b,c}", "1 2"},
		{"tags=cd.{a,null}", "2"},
		{"tags=ov.{b,z}", "1"},
		{"tags=ov.{null}", ""},
		{"tags=not.ov.{b}", "2"},
		{`meta=cs.{"b":[2]}`, "1"},
		{`meta=cs."a"`, "2"},
		{`meta=cd.["a","b"]`, "2"},
		{`meta->b=cs.[1]`, "1"},
		{"id=isdistinct.1", "2 3"},
		{"tags=isdistinct.null", "1 2"},
		{"tags=not.isdistinct.null", "3"},
		{"tags=isdistinct.{a,b}", "2 3"},
		{"tags=not.isdistinct.{a,b}", "1"},
		{"id=eq(any).{1,3,null}", "1 3"},
		{"id=lt(all).{3,4}", "1 2"},
		{"id=lt(all).{3,null}", ""},
		{"id=not.lt(all).{3,null}", "3"},
	} {
		r, f := query.ParseRequest(nil, table, strings.ReplaceAll(tt.rawQuery, `"`, "%22"), query.DefaultLimits())
		if f != nil {
			t.Errorf("%s: %v", tt.rawQuery, f)
			continue
		}
		var got []string
		for _, row := range rows {
			if query.Holds(r.Where, row, nil) == query.True {
				got = append(got, strconv.FormatInt(row[0].N, 10))
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %v, want %s", tt.rawQuery, got, tt.want)
		}
	}
}

func TestNewContain(t *testing.T) {
	list := func(elem query.Kind) query.Expr {
		return &query.Literal{Value: query.List("[]"), Of: query.Type{Kind: query.KindList, Elem: elem}}
	}
	document := query.NewLiteral(query.JSON("{}"))
	for _, tt := range []struct {
		f           query.FuncName
		left, right query.Expr
		ok          bool
	}{
		{query.FuncSuperset, list(query.KindText), list(query.KindText), true},
		{query.FuncSuperset, list(query.KindInt), list(query.KindFloat), true},
		{query.FuncSuperset, list(query.KindInt), list(query.KindText), false},
		{query.FuncSuperset, document, document, true},
		{query.FuncSuperset, document, list(query.KindText), false},
		{query.FuncOverlap, document, document, false},
		{query.FuncOverlap, list(query.KindText), list(query.KindText), true},
		{query.FuncOverlap, list(query.KindText), query.NewLiteral(query.Text("a")), false},
	} {
		if _, f := query.NewCall(tt.f, tt.left, tt.right); (f == nil) != tt.ok || f != nil && f.Code != query.CodeNoOperator {
			t.Errorf("%s on %s and %s: %v", tt.f, tt.left.Type(), tt.right.Type(), f)
		}
	}
}
