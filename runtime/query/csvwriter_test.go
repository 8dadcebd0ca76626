package query_test

import (
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// every writes one row with a value of each kind.
func every(t testing.TB, w query.RowWriter) {
	t.Helper()
	w.BeginRow()
	w.Null()
	w.Bool(true)
	w.Int(math.MinInt64)
	w.Float(1.5)
	w.Decimal(-1250, 2)
	w.Text([]byte("say \"hi\",\nyou"))
	w.Text(nil)
	w.Timestamp(0)
	w.Date(1)
	w.JSON([]byte(`{"a":[1,null],"b":null}`))
	if err := w.EndRow(); err != nil {
		t.Fatal(err)
	}
}

func everyOutput() []query.Output {
	names := []string{"null", "bool", "int", "float", "decimal", "a,b", "empty", "at", "day", "json"}
	outputs := make([]query.Output, len(names))
	for i, name := range names {
		outputs[i].Name = name
	}
	return outputs
}

func TestCSVWriter(t *testing.T) {
	w := query.NewCSVWriter(nil, everyOutput())
	every(t, w)
	const want = "null,bool,int,float,decimal,\"a,b\",empty,at,day,json\n" +
		",true,-9223372036854775808,1.5,-12.50,\"say \"\"hi\"\",\nyou\",\"\",1970-01-01T00:00:00+00:00,1970-01-02,\"{\"\"a\"\":[1,null],\"\"b\"\":null}\"\n"
	if got := string(w.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	records, err := csv.NewReader(strings.NewReader(string(w.Bytes()))).ReadAll()
	if err != nil || len(records) != 2 || records[1][5] != "say \"hi\",\nyou" || records[1][9] != `{"a":[1,null],"b":null}` {
		t.Errorf("another reader finds %q, %v", records, err)
	}
	if w.Rows() != 1 {
		t.Errorf("%d rows", w.Rows())
	}
}

func TestJSONWriterLeavesNullsOut(t *testing.T) {
	outputs := everyOutput()
	w := query.NewJSONWriter(nil, query.NewJSONShape(outputs))
	w.StripNulls()
	every(t, w)
	w.BeginRow()
	for range outputs {
		w.Null()
	}
	if err := w.EndRow(); err != nil {
		t.Fatal(err)
	}
	got := string(w.Bytes())
	if !strings.HasPrefix(got, `[{"bool":true,"int":`) || !strings.HasSuffix(got, `"json":{"a":[1,null]}},{}]`) || strings.Count(got, "null") != 1 {
		t.Errorf("got %s", got)
	}
	var plain query.JSONWriter
	plain.Reset(nil, query.NewJSONShape(outputs[:1]))
	plain.StripNulls()
	plain.Reset(nil, query.NewJSONShape(outputs[:1]))
	plain.BeginRow()
	plain.Null()
	if err := plain.EndRow(); err != nil {
		t.Fatal(err)
	}
	if got := string(plain.Bytes()); got != `[{"null":null}]` {
		t.Errorf("after a Reset: %s", got)
	}
}

func TestStripNullsOfNestedJSON(t *testing.T) {
	for raw, want := range map[string]string{
		`null`:                         `[{}]`,
		`[null,{"a":null}]`:            `[{"v":[null,{}]}]`,
		`{"a":null}`:                   `[{"v":{}}]`,
		`{"a":{"b":null,"c":1},"d":2}`: `[{"v":{"a":{"c":1},"d":2}}]`,
		`{"a":"null","\"b":"}"}`:       `[{"v":{"a":"null","\"b":"}"}}]`,
		`"x"`:                          `[{"v":"x"}]`,
	} {
		w := query.NewJSONWriter(nil, query.NewJSONShape([]query.Output{{Name: "v"}}))
		w.StripNulls()
		w.BeginRow()
		w.JSON([]byte(raw))
		if err := w.EndRow(); err != nil {
			t.Fatal(err)
		}
		if got := string(w.Bytes()); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
