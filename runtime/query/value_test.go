package query_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

var (
	boolean  = query.Type{Kind: query.KindBool}
	integer  = query.Type{Kind: query.KindInt}
	float    = query.Type{Kind: query.KindFloat}
	money    = query.Type{Kind: query.KindDecimal, Scale: 2}
	text     = query.Type{Kind: query.KindText}
	moment   = query.Type{Kind: query.KindTimestamp}
	day      = query.Type{Kind: query.KindDate}
	uuid     = query.Type{Kind: query.KindUUID}
	document = query.Type{Kind: query.KindJSON}
	textList = query.Type{Kind: query.KindList, Elem: query.KindText}
	intList  = query.Type{Kind: query.KindList, Elem: query.KindInt}
)

func TestAppendJSON(t *testing.T) {
	tests := []struct {
		value query.Value
		want  string
	}{
		{query.Null(), `null`},
		{query.Bool(true), `true`},
		{query.Int(math.MinInt64), `-9223372036854775808`},
		{query.Float(0.1), `0.1`},
		{query.Float(1e21), `1e+21`},
		{query.Float(123456789), `123456789`},
		{query.Float(math.NaN()), `null`},
		{query.Decimal(1250, 2), `12.50`},
		{query.Decimal(-5, 2), `-0.05`},
		{query.Decimal(0, 3), `0.000`},
		{query.Decimal(math.MinInt64, 18), `-9.223372036854775808`},
		{query.Decimal(7, 0), `7`},
		{query.Text("a\"\\\n\t\x01é日😀"), `"a\"\\\n\t\u0001é日😀"`},
		{query.Text("a\xffb"), `"a` + "\ufffd" + `b"`},
		{query.UUID("018f3a5e-0000-7000-8000-000000000001"), `"018f3a5e-0000-7000-8000-000000000001"`},
		{query.Timestamp(0), `"1970-01-01T00:00:00+00:00"`},
		{query.Timestamp(1769862896789012), `"2026-01-31T12:34:56.789012+00:00"`},
		{query.Timestamp(1769862896500000), `"2026-01-31T12:34:56.5+00:00"`},
		{query.Timestamp(-1), `"1969-12-31T23:59:59.999999+00:00"`},
		{query.Date(20484), `"2026-01-31"`},
		{query.Date(-719162), `"0001-01-01"`},
		{query.JSON(`{"a":1}`), `{"a":1}`},
		{query.List(`["a"]`), `["a"]`},
	}
	for _, tt := range tests {
		got := string(query.AppendJSON(nil, tt.value))
		if got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.value, got, tt.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON", got)
		}
	}
}

func TestDecodeJSON(t *testing.T) {
	tests := []struct {
		of   query.Type
		raw  string
		want string // as AppendJSON writes it, or the fault's code
	}{
		{integer, `5`, `5`},
		{integer, ` "5" `, `5`},
		{integer, `null`, `null`},
		{integer, `5.0`, query.CodeSyntax},
		{integer, `9223372036854775807`, `9223372036854775807`},
		{integer, `9223372036854775808`, query.CodeRange},
		{integer, `true`, query.CodeSyntax},
		{integer, `[1]`, query.CodeSyntax},
		{integer, `tru`, query.CodeSyntax},
		{integer, ``, query.CodeSyntax},
		{float, `1e400`, query.CodeRange},
		{float, `"0.1"`, `0.1`},
		{float, `-0.0`, `0`},
		{float, `"NaN"`, query.CodeSyntax},
		{float, `"0x1p4"`, query.CodeSyntax},
		{money, `9.99`, `9.99`},
		{money, `" 9.99 "`, `9.99`},
		{money, `9.995`, `10.00`},
		{money, `-9.995`, `-10.00`},
		{money, `0.30000000000000004`, `0.30`},
		{money, `0.004`, `0.00`},
		{money, `0.005`, `0.01`},
		{money, `99.999`, `100.00`},
		{money, `1e3`, `1000.00`},
		{money, `"7"`, `7.00`},
		{money, `1e30`, query.CodeRange},
		{money, `1e999999999999`, query.CodeRange},
		{money, `1e-999999999999`, `0.00`},
		{money, `"--5"`, query.CodeSyntax},
		{boolean, `true`, `true`},
		{boolean, `"true"`, `true`},
		{boolean, `"no"`, `false`},
		{boolean, `1`, `true`},
		{boolean, `2`, query.CodeSyntax},
		{text, `"a\u00e9"`, `"aé"`},
		{text, `5`, `"5"`},
		{text, `{"b": 1, "a": [ ]}`, `"{\"b\":1,\"a\":[]}"`},
		{text, `"a\u0000b"`, query.CodeNUL},
		{text, `"\ud800"`, query.CodeSyntax},
		{text, "\"\xff\"", query.CodeSyntax},
		{uuid, `"018F3A5E-0000-7000-8000-00000000000A"`, `"018f3a5e-0000-7000-8000-00000000000a"`},
		{uuid, `"x"`, query.CodeSyntax},
		{moment, `"2026-01-31T12:34:56.7890129Z"`, `"2026-01-31T12:34:56.789012+00:00"`},
		{moment, `5`, query.CodeTimeSyntax},
		{day, `"2026-02-30"`, query.CodeTimeRange},
		{document, ` {"a" : 1.50} `, `{"a":1.50}`},
		{document, `"x"`, `"x"`},
		{document, `{"a":1,"a":2}`, query.CodeSyntax},
		{document, `{"a":1,"\u0061":2}`, query.CodeSyntax},
		{document, `{"a":"\u0000"}`, query.CodeNUL},
		{document, `{"a":"\\u0000"}`, `{"a":"\\u0000"}`},
		{document, strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 64) + strings.Repeat("]", 64)},
		{document, strings.Repeat("[", 65) + strings.Repeat("]", 65), query.CodeSyntax},
		{document, `{} {}`, query.CodeSyntax},
		{textList, `["a", "b"]`, `["a","b"]`},
		{textList, `["a", null]`, query.CodeSyntax},
		{textList, `{"a":1}`, query.CodeSyntax},
		{textList, `"{a,\"b,c\"}"`, `["a","b,c"]`},
		{intList, `["1", 2]`, `[1,2]`},
		{intList, `[1.5]`, query.CodeSyntax},
	}
	for _, tt := range tests {
		v, f := query.DecodeJSON(tt.of, []byte(tt.raw))
		got := string(query.AppendJSON(nil, v))
		if f != nil {
			got = f.Code
		}
		if got != tt.want {
			t.Errorf("%s from %s: got %s, want %s (%v)", tt.of, tt.raw, got, tt.want, f)
		}
	}
}

func TestParseLiteral(t *testing.T) {
	tests := []struct {
		of   query.Type
		text string
		want string
	}{
		{boolean, "T", `true`},
		{boolean, " off ", `false`},
		{boolean, "maybe", query.CodeSyntax},
		{integer, " 5 ", `5`},
		{integer, "1_000", query.CodeSyntax},
		{integer, "5.0", query.CodeSyntax},
		{integer, "null", query.CodeSyntax},
		{integer, "99999999999999999999", query.CodeRange},
		{text, " a ", `" a "`},
		{text, "a\x00", query.CodeNUL},
		{text, "\xff", query.CodeEncoding},
		{money, "9.999", `9.999`},
		{money, "9", `9.00`},
		{money, ".5", `0.50`},
		{money, "5.", `5.00`},
		{money, "", query.CodeSyntax},
		{money, ".", query.CodeSyntax},
		{money, "1e", query.CodeSyntax},
		{money, "0.1234567890123456789", query.CodeRange},
		{uuid, "{018F3A5E-0000-7000-8000-000000000001}", `"018f3a5e-0000-7000-8000-000000000001"`},
		{uuid, "018f3a5e000070008000000000000001", `"018f3a5e-0000-7000-8000-000000000001"`},
		{uuid, "018f3a5e-0000-7000-8000-00000000000g", query.CodeSyntax},
		{uuid, "018f3a5e0-000-7000-8000-000000000001", query.CodeSyntax},
		{moment, "2026-01-31", `"2026-01-31T00:00:00+00:00"`},
		{moment, "2026-01-31 12:34", `"2026-01-31T12:34:00+00:00"`},
		{moment, "2026-01-31T12:34:56+02:30", `"2026-01-31T10:04:56+00:00"`},
		{moment, "2026-01-31T12:34:56-0230", `"2026-01-31T15:04:56+00:00"`},
		{moment, "2026-01-31T12:34:56+02", `"2026-01-31T10:34:56+00:00"`},
		{moment, "2026-01-31T24:00:00Z", `"2026-02-01T00:00:00+00:00"`},
		{moment, "Thu Jan 01 2026 01:00:00 GMT+0100 (Central European Standard Time)", `"2026-01-01T00:00:00+00:00"`},
		{moment, "2026-01-31T12:34:56+", query.CodeTimeSyntax},
		{moment, "2026-13-01", query.CodeTimeRange},
		{moment, "0001-01-01T00:00:00+01", query.CodeTimeRange},
		{moment, "9999-12-31T23:59:59.999999Z", `"9999-12-31T23:59:59.999999+00:00"`},
		{moment, "now", query.CodeTimeSyntax},
		{day, "2024-02-29", `"2024-02-29"`},
		{day, "2023-02-29", query.CodeTimeRange},
		{day, "2026-01-31T23:00:00-05:00", `"2026-01-31"`},
		{document, `{"a": 1}`, `{"a":1}`},
		{document, "red", query.CodeSyntax},
		{textList, `{a, b ,"c d"}`, `["a","b","c d"]`},
		{textList, `{}`, `[]`},
		{textList, `["a"]`, `["a"]`},
		{textList, `{a,}`, query.CodeSyntax},
		{textList, `{a,null}`, query.CodeSyntax},
		{textList, `{a,"null"}`, `["a","null"]`},
		{textList, `a`, query.CodeSyntax},
	}
	for _, tt := range tests {
		v, f := query.ParseLiteral(tt.of, tt.text)
		got := string(query.AppendJSON(nil, v))
		if f != nil {
			got = f.Code
		}
		if got != tt.want {
			t.Errorf("%s from %q: got %s, want %s (%v)", tt.of, tt.text, got, tt.want, f)
		}
	}
}

func TestLiteralFaultTexts(t *testing.T) {
	tests := []struct {
		of         query.Type
		text, want string
	}{
		{integer, "abc", `invalid input syntax for type bigint: "abc"`},
		{moment, "x", `invalid input syntax for type timestamp with time zone: "x"`},
		{integer, "99999999999999999999", `value "99999999999999999999" is out of range for type bigint`},
		{boolean, "2", `invalid input syntax for type boolean: "2"`},
	}
	for _, tt := range tests {
		_, f := query.ParseLiteral(tt.of, tt.text)
		if f == nil || f.Message != tt.want {
			t.Errorf("%s from %q: got %v, want %s", tt.of, tt.text, f, tt.want)
		}
	}
}

func TestCompareValues(t *testing.T) {
	// Each list is in order; neighbours that are equal share a line.
	orders := map[string][][]query.Value{
		"bool": {{query.Bool(false)}, {query.Bool(true)}},
		"text": {{query.Text("")}, {query.Text("A")}, {query.Text("a"), query.UUID("a")}, {query.Text("é")}, {query.Text("日")}},
		"numbers": {
			{query.Float(-math.MaxFloat64)},
			{query.Int(math.MinInt64), query.Float(-1 << 63)},
			{query.Int(-1), query.Decimal(-100, 2)},
			{query.Decimal(-1, 18)},
			{query.Int(0), query.Float(0), query.Float(math.Copysign(0, -1)), query.Decimal(0, 5)},
			{query.Float(0.1), query.Decimal(1, 1), query.Decimal(100, 3)},
			{query.Int(1 << 53), query.Float(1 << 53)},
			{query.Int(1<<53 + 1)},
			{query.Int(math.MaxInt64)},
			{query.Float(1 << 63)},
			{query.Float(math.MaxFloat64)},
		},
		"json": {
			{query.JSON(`null`)},
			{query.JSON(`""`)},
			{query.JSON(`"a"`), query.JSON(`"\u0061"`)},
			{query.JSON(`-1e400`)},
			{query.JSON(`-1`)},
			{query.JSON(`0`), query.JSON(`-0.0e5`)},
			{query.JSON(`1`), query.JSON(`1.0`), query.JSON(`10e-1`)},
			{query.JSON(`9007199254740993`)},
			{query.JSON(`9007199254740994`)},
			{query.JSON(`1e400`)},
			{query.JSON(`1e99999999999999999999`)},
			{query.JSON(`false`)},
			{query.JSON(`true`)},
			{query.JSON(`[]`)},
			{query.JSON(`[1]`), query.List(`[ 1.0 ]`)},
			{query.JSON(`[2]`)},
			{query.JSON(`[1,1]`)},
			{query.JSON(`{}`)},
			{query.JSON(`{"a":1,"b":2}`), query.JSON(`{"b":2.0, "a":1}`)},
			{query.JSON(`{"a":1,"b":3}`)},
		},
	}
	for name, order := range orders {
		for i, equals := range order {
			for j, others := range order {
				for _, a := range equals {
					for _, b := range others {
						got := query.CompareValues(a, b)
						if want := sign(i - j); sign(got) != want {
							t.Errorf("%s: %v against %v: got %d, want %d", name, a, b, got, want)
						}
					}
				}
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func TestNewUUID(t *testing.T) {
	last := ""
	for range 1000 {
		id := query.NewUUID()
		v, f := query.ParseLiteral(uuid, id)
		if f != nil || v.S != id || id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) {
			t.Fatalf("%s is no version 7 uuid: %v", id, f)
		}
		if id[:13] < last {
			t.Fatalf("%s came after %s", id, last)
		}
		last = id[:13]
	}
}

func TestCursor(t *testing.T) {
	for _, c := range []query.Cursor{{}, {Epoch: 1, Seq: 35}, {Epoch: math.MaxUint64, Seq: math.MaxUint64}} {
		got, err := query.ParseCursor(c.String())
		if err != nil || got != c {
			t.Errorf("%v became %q became %v, %v", c, c.String(), got, err)
		}
	}
	for _, s := range []string{"", ".", "1", "1.", ".1", "01.1", "A.1", "1.1.1", "-1.1", "+1.1", "1. 1", "zzzzzzzzzzzzzzzz.1"} {
		if c, err := query.ParseCursor(s); err == nil {
			t.Errorf("%q became %v, want an error", s, c)
		}
	}
	if (query.Cursor{Epoch: 1, Seq: 9}).Compare(query.Cursor{Epoch: 2}) >= 0 || (query.Cursor{Epoch: 1, Seq: 9}).Compare(query.Cursor{Epoch: 1, Seq: 8}) <= 0 {
		t.Error("cursors are not ordered by epoch, then by commit")
	}
}
