package plan_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

func kind(k query.Kind) query.Type { return query.Type{Kind: k} }

func decimal(scale uint8) query.Type { return query.Type{Kind: query.KindDecimal, Scale: scale} }

func listOf(k query.Kind) query.Type { return query.Type{Kind: query.KindList, Elem: k} }

// TestConvert: a value becomes another that says the same, or none.
func TestConvert(t *testing.T) {
	none := query.Value{Kind: 255}
	text, integer, float, boolean, json := kind(query.KindText), kind(query.KindInt), kind(query.KindFloat), kind(query.KindBool), kind(query.KindJSON)
	at, day, uuid := kind(query.KindTimestamp), kind(query.KindDate), kind(query.KindUUID)
	for _, test := range []struct {
		from, to query.Type
		in, want query.Value
	}{
		{text, integer, query.Text("42"), query.Int(42)},
		{text, integer, query.Text(" -7 "), query.Int(-7)},
		{text, integer, query.Text("4.2"), none},
		{text, integer, query.Text(""), none},
		{text, integer, query.Text("9223372036854775808"), none},
		{text, float, query.Text("0.10"), query.Float(0.1)},
		{text, float, query.Text("1e3"), query.Float(1000)},
		{text, float, query.Text("0.1000000000000000055511151231257827"), none},
		{text, float, query.Text("1e-400"), none},
		{text, float, query.Text("1e-999999999"), none},
		{text, float, query.Text("0e9"), query.Float(0)},
		{text, decimal(2), query.Text("1.5"), query.Decimal(150, 2)},
		{text, decimal(2), query.Text("1.500"), query.Decimal(150, 2)},
		{text, decimal(2), query.Text("1.505"), none},
		{text, boolean, query.Text("yes"), query.Bool(true)},
		{text, boolean, query.Text("maybe"), none},
		{text, at, query.Text("1970-01-01T00:00:01Z"), query.Timestamp(1_000_000)},
		{text, at, query.Text("1970-01-01T00:00:00.0000010Z"), query.Timestamp(1)},
		{text, at, query.Text("1970-01-01T00:00:00.0000015Z"), none},
		{text, day, query.Text("1970-01-02"), query.Date(1)},
		{text, day, query.Text("1970-01-02T00:00:00Z"), query.Date(1)},
		{text, day, query.Text("1970-01-02T10:00:00Z"), none},
		{text, uuid, query.Text("018F3A5E-0000-7000-8000-000000000001"), query.UUID("018f3a5e-0000-7000-8000-000000000001")},
		{text, uuid, query.Text("x"), none},
		{text, json, query.Text(`{"a": 1}`), query.JSON(`{"a":1}`)},
		{text, json, query.Text("hello"), none},
		{text, listOf(query.KindInt), query.Text("{1,2}"), query.List("[1,2]")},
		{integer, text, query.Int(5), query.Text("5")},
		{integer, float, query.Int(1 << 53), query.Float(1 << 53)},
		{integer, float, query.Int(1<<53 + 1), none},
		{integer, float, query.Int(9223372036854775807), none},
		{integer, decimal(2), query.Int(5), query.Decimal(500, 2)},
		{integer, decimal(18), query.Int(10), none},
		{integer, boolean, query.Int(1), query.Bool(true)},
		{integer, boolean, query.Int(2), none},
		{integer, at, query.Int(2), none},
		{float, integer, query.Float(3), query.Int(3)},
		{float, integer, query.Float(3.5), none},
		{float, integer, query.Float(1e19), none},
		{float, decimal(1), query.Float(0.5), query.Decimal(5, 1)},
		{float, decimal(1), query.Float(0.25), none},
		{decimal(2), integer, query.Decimal(500, 2), query.Int(5)},
		{decimal(2), integer, query.Decimal(501, 2), none},
		{decimal(2), decimal(3), query.Decimal(501, 2), query.Decimal(5010, 3)},
		{decimal(2), decimal(1), query.Decimal(510, 2), query.Decimal(51, 1)},
		{decimal(2), decimal(1), query.Decimal(511, 2), none},
		{decimal(2), float, query.Decimal(10, 2), query.Float(0.1)},
		{decimal(2), float, query.Decimal(9223372036854775807, 2), none},
		{boolean, integer, query.Bool(true), query.Int(1)},
		{boolean, text, query.Bool(true), query.Text("true")},
		{boolean, float, query.Bool(true), none},
		{at, day, query.Timestamp(-86_400_000_000), query.Date(-1)},
		{at, day, query.Timestamp(1), none},
		{day, at, query.Date(1), query.Timestamp(86_400_000_000)},
		{uuid, text, query.UUID("018f3a5e-0000-7000-8000-000000000001"), query.Text("018f3a5e-0000-7000-8000-000000000001")},
		{json, integer, query.JSON("7"), query.Int(7)},
		{json, integer, query.JSON(`"7"`), query.Int(7)},
		{json, integer, query.JSON("null"), query.Null()},
		{json, integer, query.JSON("[7]"), none},
		{json, boolean, query.JSON("1"), none},
		{json, uuid, query.JSON("7"), none},
		{json, text, query.JSON(`{"a":1}`), query.Text(`{"a":1}`)},
		{json, listOf(query.KindText), query.JSON(`["a",1]`), query.List(`["a","1"]`)},
		{json, listOf(query.KindInt), query.JSON(`[1,null]`), none},
		{text, json, query.Text("null"), query.JSON("null")},
		{listOf(query.KindInt), listOf(query.KindText), query.List("[1,2]"), query.List(`["1","2"]`)},
		{listOf(query.KindText), listOf(query.KindInt), query.List(`["1","x"]`), none},
		{listOf(query.KindText), json, query.List(`["1"]`), query.JSON(`["1"]`)},
		{integer, integer, query.Null(), query.Null()},
	} {
		got, ok := plan.Convert(test.in, test.from, test.to)
		if test.want == none {
			if ok {
				t.Errorf("%s -> %s: %+v became %+v", test.from, test.to, test.in, got)
			}
			continue
		}
		if !ok || got != test.want {
			t.Errorf("%s -> %s: %+v became %+v (%t), want %+v", test.from, test.to, test.in, got, ok, test.want)
		}
		if plan.Converts(test.from, test.to) == plan.ConvertsNone {
			t.Errorf("%s -> %s is told as none", test.from, test.to)
		}
	}
}

// FuzzConvert: what converts comes back as a value of the type, and what is told
// to convert always does.
func FuzzConvert(f *testing.F) {
	f.Add("1.50", uint8(2), uint8(3))
	f.Add("2024-05-06T07:08:09.123456Z", uint8(6), uint8(0))
	f.Add(`["a"]`, uint8(9), uint8(1))
	types := []query.Type{
		kind(query.KindText), kind(query.KindInt), kind(query.KindFloat), decimal(0), decimal(2), kind(query.KindBool), kind(query.KindTimestamp),
		kind(query.KindDate), kind(query.KindUUID), kind(query.KindJSON), listOf(query.KindInt), listOf(query.KindText),
	}
	f.Fuzz(func(t *testing.T, text string, a, b uint8) {
		from, to := types[int(a)%len(types)], types[int(b)%len(types)]
		v, ok := plan.Convert(query.Text(text), kind(query.KindText), from)
		if _, bad := query.ParseLiteral(kind(query.KindText), text); bad != nil || !ok || v.IsNull() {
			return
		}
		out, ok := plan.Convert(v, from, to)
		if !ok {
			if plan.Converts(from, to) == plan.ConvertsAll {
				t.Fatalf("%+v is told to convert to %s", v, to)
			}
			return
		}
		back, ok := plan.Convert(out, to, from)
		if !ok || out.IsNull() || from.Kind == query.KindText || from.Kind == query.KindJSON || from.Kind == query.KindList {
			return // only where there is a way back, and one way to write a value
		}
		if query.CompareValues(v, back) != 0 {
			t.Fatalf("%s -> %s -> %s: %+v, %+v, %+v", from, to, from, v, out, back)
		}
	})
}
