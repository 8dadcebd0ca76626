package query_test

import (
	"encoding/json"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

func TestRowRoundTrip(t *testing.T) {
	g := querytest.New(7)
	for _, row := range g.Rows(500) {
		raw := query.AppendRow(nil, g.Table, row)
		if !json.Valid(raw) {
			t.Fatalf("no JSON: %s", raw)
		}
		got, err := query.DecodeRow(g.Table, raw)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range row {
			if got[i] != v {
				t.Fatalf("column %s was %v, read back as %v", g.Table.Columns[i].Name, v, got[i])
			}
		}
	}
}

func TestDecodeRowByTodaysColumns(t *testing.T) {
	table := query.NewTable("todos", []*query.Column{
		{Name: "id", Type: integer}, {Name: "title", Type: text}, {Name: "price", Type: money},
	}, nil)
	row, err := query.DecodeRow(table, []byte(`{"gone":{"a":[1,"}"]},"price":1.5,"title":"a\"b","id":3}`))
	if err != nil {
		t.Fatal(err)
	}
	want := query.Row{query.Int(3), query.Text(`a"b`), query.Decimal(150, 2)}
	for i := range want {
		if row[i] != want[i] {
			t.Errorf("column %d: got %v, want %v", i, row[i], want[i])
		}
	}
	if row, err := query.DecodeRow(table, []byte(`{"id":4}`)); err != nil || !row[1].IsNull() {
		t.Errorf("a missing member: got %v, %v", row, err)
	}
	for _, raw := range []string{``, `[]`, `{"id":"x"}`} {
		if row, err := query.DecodeRow(table, []byte(raw)); err == nil {
			t.Errorf("%s became %v, want an error", raw, row)
		}
	}
}

func TestJSONWriter(t *testing.T) {
	g := querytest.New(3)
	table := g.Table
	outputs := []query.Output{
		{Name: `a "name"`, Expr: table.Ref(table.Column("name"))},
		{Name: "color", Expr: &query.Path{Base: table.Ref(table.Column("meta")), Steps: []query.Step{{Key: "a", IsKey: true}}}},
	}
	for _, c := range table.Columns {
		outputs = append(outputs, query.Output{Name: c.Name, Expr: table.Ref(c)})
	}
	shape := query.NewJSONShape(outputs)
	rows := g.Rows(50)

	array := query.NewJSONWriter([]byte("x"), shape)
	var objects query.JSONWriter
	objects.ResetObjects([]byte("y"), shape)
	for _, row := range rows {
		if err := query.WriteRow(array, outputs, row); err != nil {
			t.Fatal(err)
		}
		if err := query.WriteRow(&objects, outputs, row); err != nil {
			t.Fatal(err)
		}
	}
	var got []map[string]json.RawMessage
	if err := json.Unmarshal(array.Bytes()[1:], &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 50 || array.Rows() != 50 || objects.Rows() != 50 {
		t.Fatalf("%d objects, %d and %d rows, want 50", len(got), array.Rows(), objects.Rows())
	}
	for i, row := range rows {
		for j, c := range table.Columns {
			if want := string(query.AppendJSON(nil, row[j])); string(got[i][c.Name]) != want {
				t.Fatalf("row %d, %s: got %s, want %s", i, c.Name, got[i][c.Name], want)
			}
		}
		if want := string(query.AppendJSON(nil, query.Eval(outputs[0].Expr, row, nil))); string(got[i][`a "name"`]) != want {
			t.Fatalf("row %d, alias: got %s, want %s", i, got[i][`a "name"`], want)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(objects.Row(i), &object); err != nil || len(object) != len(outputs) {
			t.Fatalf("row %d alone: %s: %v", i, objects.Row(i), err)
		}
	}
}

func TestJSONWriterWithoutRows(t *testing.T) {
	if got := string(query.NewJSONWriter(nil, query.NewJSONShape(nil)).Bytes()); got != "[]" {
		t.Errorf("no rows: got %s", got)
	}
	w := query.NewJSONWriter(nil, query.NewJSONShape(nil))
	if err := query.WriteRow(w, nil, nil); err != nil || string(w.Bytes()) != "[{}]" {
		t.Errorf("a row without members: got %s, %v", w.Bytes(), err)
	}
}
