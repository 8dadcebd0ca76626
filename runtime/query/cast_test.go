package query_test

import (
	"math"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

func TestCastValue(t *testing.T) {
	of := func(k query.Kind) query.Type { return query.Type{Kind: k} }
	tests := []struct {
		v          query.Value
		of         query.Type
		want, code string
	}{
		{query.Null(), of(query.KindInt), "null", ""},
		{query.Text(" 42 "), of(query.KindInt), "42", ""},
		{query.Text("4.2"), of(query.KindInt), "", "22P02"},
		{query.Text("abc"), of(query.KindInt), "", "22P02"},
		{query.Text("99999999999999999999"), of(query.KindInt), "", "22003"},
		{query.Text("1e3"), of(query.KindFloat), "1000", ""},
		{query.Text("yes"), of(query.KindBool), "true", ""},
		{query.Text("maybe"), of(query.KindBool), "", "22P02"},
		{query.Text(`{"a": 1}`), of(query.KindJSON), `{"a":1}`, ""},
		{query.Text("{"), of(query.KindJSON), "", "22P02"},
		{query.Text("2026-01-31"), of(query.KindDate), `"2026-01-31"`, ""},
		{query.Text("2026-01-31 12:00+02"), of(query.KindTimestamp), `"2026-01-31T10:00:00+00:00"`, ""},
		{query.Text("soon"), of(query.KindTimestamp), "", "22007"},
		{query.Text("018F3A5E-0000-7000-8000-000000000001"), of(query.KindUUID), `"018f3a5e-0000-7000-8000-000000000001"`, ""},
		{query.Text("x"), of(query.KindUUID), "", "22P02"},
		{query.Int(-7), of(query.KindText), `"-7"`, ""},
		{query.Int(-7), of(query.KindFloat), "-7", ""},
		{query.Int(-7), of(query.KindBool), "true", ""},
		{query.Int(0), of(query.KindBool), "false", ""},
		{query.Float(2.5), of(query.KindInt), "2", ""},
		{query.Float(3.5), of(query.KindInt), "4", ""},
		{query.Float(-2.5), of(query.KindInt), "-2", ""},
		{query.Float(1 << 63), of(query.KindInt), "", "22003"},
		{query.Float(-1 << 63), of(query.KindInt), "-9223372036854775808", ""},
		{query.Float(0.5), of(query.KindText), `"0.5"`, ""},
		{query.Decimal(250, 2), of(query.KindInt), "3", ""},
		{query.Decimal(249, 2), of(query.KindInt), "2", ""},
		{query.Decimal(-250, 2), of(query.KindInt), "-3", ""},
		{query.Decimal(-249, 2), of(query.KindInt), "-2", ""},
		{query.Decimal(math.MaxInt64, 0), of(query.KindInt), "9223372036854775807", ""},
		{query.Decimal(math.MinInt64, 18), of(query.KindInt), "-9", ""},
		{query.Decimal(250, 2), of(query.KindText), `"2.50"`, ""},
		{query.Decimal(250, 2), of(query.KindFloat), "2.5", ""},
		{query.Bool(true), of(query.KindInt), "1", ""},
		{query.Bool(false), of(query.KindText), `"false"`, ""},
		{query.Timestamp(-1), of(query.KindDate), `"1969-12-31"`, ""},
		{query.Timestamp(0), of(query.KindText), `"1970-01-01T00:00:00+00:00"`, ""},
		{query.Date(1), of(query.KindTimestamp), `"1970-01-02T00:00:00+00:00"`, ""},
		{query.Date(1), of(query.KindText), `"1970-01-02"`, ""},
		{query.List(`["a"]`), of(query.KindJSON), `["a"]`, ""},
		{query.List(`["a"]`), of(query.KindText), `"[\"a\"]"`, ""},
		{query.JSON(`"a"`), of(query.KindText), `"\"a\""`, ""},
		{query.JSON("null"), of(query.KindInt), "null", ""},
		{query.JSON("2.5"), of(query.KindInt), "3", ""},
		{query.JSON("1e30"), of(query.KindInt), "", "22003"},
		{query.JSON("1e400"), of(query.KindFloat), "", "22003"},
		{query.JSON("1.0"), of(query.KindFloat), "1", ""},
		{query.JSON("true"), of(query.KindBool), "true", ""},
		{query.JSON("1"), of(query.KindBool), "", "22023"},
		{query.JSON(`"1"`), of(query.KindInt), "", "22023"},
		{query.JSON("[1]"), of(query.KindFloat), "", "22023"},
		{query.Date(1), of(query.KindInt), "", "42846"},
	}
	for _, tt := range tests {
		v, f := query.CastValue(tt.v, tt.of)
		switch {
		case f != nil && f.Code == tt.code:
		case f != nil || tt.code != "":
			t.Errorf("%s as %s: got %v, want %q", query.AppendJSON(nil, tt.v), tt.of, f, tt.code)
		case string(query.AppendJSON(nil, v)) != tt.want:
			t.Errorf("%s as %s: got %s, want %s", query.AppendJSON(nil, tt.v), tt.of, query.AppendJSON(nil, v), tt.want)
		case !v.IsNull() && v.Kind != tt.of.Kind:
			t.Errorf("%s as %s: became a %s", query.AppendJSON(nil, tt.v), tt.of, v.Kind)
		}
	}
}

func TestCastMessages(t *testing.T) {
	for _, tt := range []struct {
		v             query.Value
		of            query.Kind
		code, message string
	}{
		{query.Text("abc"), query.KindInt, "22P02", `invalid input syntax for type bigint: "abc"`},
		{query.JSON(`"abc"`), query.KindInt, "22023", "cannot cast jsonb string to type bigint"},
		{query.JSON("{}"), query.KindBool, "22023", "cannot cast jsonb object to type boolean"},
		{query.Float(1e300), query.KindInt, "22003", "bigint out of range"},
	} {
		if _, f := query.CastValue(tt.v, query.Type{Kind: tt.of}); f == nil || f.Code != tt.code || f.Message != tt.message {
			t.Errorf("got %v, want %s %s", f, tt.code, tt.message)
		}
	}
}

// Every cast that types gives, of each value, that type, null or a fault, and
// Eval null where it is a fault.
func TestCastAgrees(t *testing.T) {
	g := querytest.New(9)
	rows := g.Rows(200)
	for _, c := range g.Table.Columns {
		for _, name := range []string{"text", "int", "int4", "int8", "integer", "BIGINT", "float8", "double precision", "numeric", "bool", "boolean", "json", "jsonb", "timestamptz", "date", "uuid"} {
			to, f := query.CastType(name, c.Type)
			if f != nil {
				t.Fatal(f)
			}
			e, f := query.NewCast(g.Table.Ref(c), to)
			if f != nil {
				if f.Code != query.CodeNoCast {
					t.Errorf("%s::%s: %v", c.Name, name, f)
				}
				continue
			}
			if e.Type() != to {
				t.Errorf("%s::%s is %s", c.Name, name, e.Type())
			}
			for _, row := range rows {
				v, f := query.CastValue(row[c.Index], to)
				if f == nil && !v.IsNull() && v.Kind != to.Kind || f != nil && (f.Code == "" || f.Message == "") {
					t.Fatalf("%s::%s of %v: %v, %v", c.Name, name, row[c.Index], v, f)
				}
				if got := query.Eval(e, row, nil); f != nil && !got.IsNull() || f == nil && query.CompareValues(got, v) != 0 {
					t.Fatalf("%s::%s of %v: Eval gives %v, CastValue %v", c.Name, name, row[c.Index], got, v)
				}
			}
		}
	}
}

func TestNewAggregate(t *testing.T) {
	typed := func(k query.Kind) query.Expr { return &query.Literal{Of: query.Type{Kind: k, Scale: 2}} }
	for _, tt := range []struct {
		f       query.AggregateFunc
		of      query.Kind
		want    query.Kind
		message string
	}{
		{query.AggregateSum, query.KindInt, query.KindInt, ""},
		{query.AggregateSum, query.KindFloat, query.KindFloat, ""},
		{query.AggregateSum, query.KindDecimal, query.KindDecimal, ""},
		{query.AggregateSum, query.KindText, 0, "function sum(text) does not exist"},
		{query.AggregateSum, query.KindBool, 0, "function sum(boolean) does not exist"},
		{query.AggregateAvg, query.KindInt, query.KindFloat, ""},
		{query.AggregateAvg, query.KindDecimal, query.KindFloat, ""},
		{query.AggregateAvg, query.KindDate, 0, "function avg(date) does not exist"},
		{query.AggregateMin, query.KindText, query.KindText, ""},
		{query.AggregateMax, query.KindTimestamp, query.KindTimestamp, ""},
		{query.AggregateMax, query.KindDecimal, query.KindDecimal, ""},
		{query.AggregateMax, query.KindBool, 0, "function max(boolean) does not exist"},
		{query.AggregateMin, query.KindVector, 0, "function min(vector) does not exist"},
		{query.AggregateCount, query.KindJSON, query.KindInt, ""},
	} {
		e, f := query.NewAggregate(tt.f, typed(tt.of))
		switch {
		case tt.message != "":
			if f == nil || f.Code != query.CodeNoOperator || f.Message != tt.message {
				t.Errorf("got %v, want %s", f, tt.message)
			}
		case f != nil || e.Type().Kind != tt.want || tt.want == query.KindDecimal && e.Type().Scale != 2:
			t.Errorf("%s of %s: %v, %v", tt.f, tt.of, e, f)
		}
	}
	if _, f := query.NewAggregate(query.AggregateSum, nil); f == nil {
		t.Error("a sum of nothing types")
	}
}
