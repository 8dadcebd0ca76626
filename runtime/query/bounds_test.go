package query_test

import (
	"math"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

// TestBoundsAreExact asks for exactly as much as is allowed, and for one more.
func TestBoundsAreExact(t *testing.T) {
	table := querytest.Things()
	limits := query.Limits{Predicates: 3, Nesting: 2, InList: 3, Select: 3, Order: 2, Pattern: 4, Wildcards: 2, FilterBytes: 40}
	for _, test := range []struct{ within, beyond string }{
		{"n=eq.1&m=eq.1&x=eq.1", "n=eq.1&m=eq.1&x=eq.1&n=eq.2"},
		{"or=(n.eq.1,and(m.eq.1,x.eq.1))", "or=(n.eq.1,and(m.eq.1,or(x.eq.1)))"},
		{"n=in.(1,2,3)", "n=in.(1,2,3,4)"},
		{"or=(n.in.(1,2,3))", "or=(n.in.(1,2,3,4))"},
		{"select=n,m,x", "select=n,m,x,id"},
		{"columns=n,m,x", "columns=n,m,x,id"},
		{"order=n,m", "order=n,m,x"},
		{"name=like.abcd", "name=like.abcde"},
		{"name=like.日日日日", "name=like.日日日日日"},
		{"name=match.abcd", "name=match.abcde"},
		{"name=imatch.日日日日", "name=imatch.日日日日日"},
		{"name=like.*a*", "name=like.*a**"},
		{"name=ilike.%25a%25", "name=ilike.%25a%25%25"},
		{"name=eq." + strings.Repeat("a", 33), "name=eq." + strings.Repeat("a", 34)},
		{"name=eq." + strings.Repeat("a", 13) + "&name=eq." + strings.Repeat("a", 13), "name=eq." + strings.Repeat("a", 13) + "&name=eq." + strings.Repeat("a", 14)},
		{"limit=2147483647", "limit=2147483648"},
		{"offset=2147483647", "offset=2147483648"},
		{"limit=0", "limit=-1"},
		{"meta" + strings.Repeat("-%3Ea", 4) + "=is.null", "meta" + strings.Repeat("-%3Ea", 65) + "=is.null"},
	} {
		if _, f := query.ParseRequest(nil, table, test.within, limits); f != nil {
			t.Errorf("%s: %v", test.within, f)
		}
		if _, f := query.ParseRequest(nil, table, test.beyond, limits); f == nil || f.Code != query.CodeParse {
			t.Errorf("%s: %v", test.beyond, f)
		}
	}
}

// TestHiddenColumnsAreAbsent proves that a column that the caller does not see is, in every
// place and in the fault's words, as one that is not there.
func TestHiddenColumnsAreAbsent(t *testing.T) {
	table := querytest.Things()
	limits := query.DefaultLimits()
	var readable query.ColumnSet
	limits.Sees = func(*query.Table) (*query.ColumnSet, bool) { return &readable, true }
	for _, c := range table.Columns {
		if c.Name != "name" && c.Name != "meta" {
			readable.Add(c)
		}
	}
	for _, form := range []string{
		"select=NAME", "select=n,NAME", "select=x:NAME", "order=NAME", "order=n,NAME.desc", "NAME=eq.x", "NAME=is.null", "NAME=in.(x)", "%22NAME%22=eq.x",
		"or=(NAME.eq.x)", "or=(n.eq.1,and(NAME.eq.x))", "select=NAME->a", "select=NAME->>a", "order=NAME->a", "NAME->a=eq.1", "NAME->>a=eq.1", "not.and=(NAME->a.eq.1)",
	} {
		var said []string
		for _, name := range []string{"name", "meta", "nope"} {
			_, f := query.ParseRequest(nil, table, strings.ReplaceAll(form, "NAME", name), limits)
			if f == nil {
				t.Errorf("%s: %s may be named", form, name)
				continue
			}
			said = append(said, f.Code+strings.ReplaceAll(f.Message+f.Details, name, "NAME"))
			if strings.Contains(f.Hint, "name") || strings.Contains(f.Hint, "meta") {
				t.Errorf("%s: the hint gives a hidden column away: %s", form, f.Hint)
			}
		}
		if len(said) == 3 && (said[0] != said[2] || said[1] != said[2]) {
			t.Errorf("%s: hidden and absent differ: %q", form, said)
		}
	}
	if _, f := query.ParseRequest(nil, table, "nam=eq.x", limits); f == nil || f.Hint != "" {
		t.Errorf("a hint towards a hidden column: %v", f)
	}
}

func TestTimesOutOfRange(t *testing.T) {
	for _, test := range []struct{ of, text, want string }{
		{"timestamp", "2026-01-31T24:00:00Z", `"2026-02-01T00:00:00+00:00"`},
		{"timestamp", "2026-01-31T24:00:01Z", query.CodeTimeRange},
		{"timestamp", "2026-01-31T24:00:00+99:00", query.CodeTimeRange},
		{"timestamp", "2026-01-31T23:60:00Z", query.CodeTimeRange},
		{"timestamp", "2026-01-31T00:00:61Z", query.CodeTimeRange},
		{"timestamp", "2026-01-31T00:00:00+15:59", `"2026-01-30T08:01:00+00:00"`},
		{"timestamp", "2026-01-31T00:00:00-15:59", `"2026-01-31T15:59:00+00:00"`},
		{"timestamp", "2026-01-31T00:00:00+16:00", query.CodeTimeRange},
		{"timestamp", "2026-01-31T00:00:00-16:00", query.CodeTimeRange},
		{"timestamp", "0001-01-01T00:00:00Z", `"0001-01-01T00:00:00+00:00"`},
		{"timestamp", "0001-01-01T00:00:00+00:01", query.CodeTimeRange},
		{"timestamp", "9999-12-31T23:59:59.999999Z", `"9999-12-31T23:59:59.999999+00:00"`},
		{"timestamp", "9999-12-31T23:59:59-00:01", query.CodeTimeRange},
		{"date", "9999-12-31", `"9999-12-31"`},
		{"date", "0001-01-01", `"0001-01-01"`},
		{"date", "0000-12-31", query.CodeTimeRange},
		{"date", "2026-02-29", query.CodeTimeRange},
		{"date", "2024-02-29", `"2024-02-29"`},
		{"date", "2026-00-10", query.CodeTimeRange},
		{"date", "2026-13-10", query.CodeTimeRange},
		{"date", "Sat anF 31 2026 00:00:00 GMT+0000", query.CodeTimeSyntax},
		{"date", "Sat xxx 31 2026 00:00:00 GMT+0000", query.CodeTimeSyntax},
		{"date", "Sat Dec 31 2022 00:00:00 GMT+0000 (UTC)", `"2022-12-31"`},
	} {
		of := moment
		if test.of == "date" {
			of = day
		}
		v, f := query.ParseLiteral(of, test.text)
		got := string(query.AppendJSON(nil, v))
		if f != nil {
			got = f.Code
		}
		if got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.of, test.text, got, test.want)
		}
	}
}

// TestNumbersAtTheirEdges holds the wire's and the functions' numbers where
// their form changes.
func TestNumbersAtTheirEdges(t *testing.T) {
	for f, want := range map[float64]string{
		1e-6: "0.000001", 9.99e-7: "9.99e-07", 1e21: "1e+21", 999999999999999900000: "999999999999999900000", -1e-6: "-0.000001", -1e21: "-1e+21",
		math.Copysign(0, -1): "0",
	} {
		if got := string(query.AppendJSON(nil, query.Float(f))); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
	for _, test := range []struct {
		of   query.Type
		raw  string
		want string
	}{
		{integer, "12", "12"},
		{integer, "1.0", "1"},
		{integer, "1e3", "1000"},
		{integer, "1.5", "null"},
		{integer, "0.1e1", "1"},
		{integer, "9223372036854775807.0", "9223372036854775807"},
		{integer, "9223372036854775808", "null"},
		{integer, "-9223372036854775808.0", "-9223372036854775808"},
		{integer, "1e400", "null"},
		{float, "1e400", "null"},
		{float, "7", "7"},
		{money, "1.25", "1.25"},
		{boolean, "true", "true"},
		{boolean, "1", "null"},
		{text, "1", "null"},
		{text, `"a\u0062"`, `"ab"`},
		{integer, `"1"`, "null"},
		{moment, `"soon"`, "null"},
	} {
		if got := string(query.AppendJSON(nil, query.Scalar(test.of, test.raw))); got != test.want {
			t.Errorf("%s as %s: %s, want %s", test.raw, test.of, got, test.want)
		}
	}
}

// TestAccessIsNeverGrantedByNull: whatever is unknown, no condition built on it
// is true.
func TestAccessIsNeverGrantedByNull(t *testing.T) {
	n := names{querytest.Things()}
	row := make(query.Row, len(n.table.Columns)) // all null
	null := n.col("n")
	for op := query.Equal; op <= query.GreaterEqual; op++ {
		for _, pair := range [][2]query.Expr{{null, num(1)}, {num(1), null}, {null, null}} {
			compare := &query.Compare{Op: op, Left: pair[0], Right: pair[1]}
			for _, e := range []query.Expr{compare, &query.Not{Term: compare}, query.Simplify(&query.Not{Term: compare})} {
				if got := query.Holds(e, row, nil); got != query.Unknown {
					t.Errorf("%s on nulls is %v", query.String(e), got)
				}
			}
		}
	}
	for _, e := range []query.Expr{
		&query.In{Operand: null, List: []query.Expr{num(1)}},
		&query.In{Operand: num(1), List: []query.Expr{null, num(2)}},
		&query.Like{Operand: n.col("name"), Pattern: "%"},
		&query.Match{Operand: n.col("name"), Pattern: ""},
		&query.Match{Operand: str("x"), Pattern: "("},
		&query.Auth{Attribute: query.AuthUID}, &query.Param{Name: "p", Of: boolean},
		&query.Compare{Op: query.Equal, Left: &query.Auth{Attribute: query.AuthUID}, Right: n.col("owner")},
		&query.Cond{If: n.col("flag"), Then: query.TrueExpr(), Else: query.TrueExpr()},
		&query.Call{Func: query.FuncContains, Args: []query.Expr{str("x"), n.col("name")}, Of: boolean},
	} {
		for _, e := range []query.Expr{e, &query.Not{Term: e}} {
			if got := query.Holds(e, row, nil); got == query.True {
				t.Errorf("%s on nulls is true", query.String(e))
			}
		}
	}
}
