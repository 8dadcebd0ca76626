package surreal

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// TestKeysAreScans shows that conditions on keys are no scans of the table, and
// find the rows that they are about.
func TestKeysAreScans(t *testing.T) {
	client := dialFunctions(t)
	table := query.NewTable("keyed", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "n", Type: query.Type{Kind: query.KindInt}},
	}, nil)
	if _, err := client.Query(t.Context(), "DEFINE TABLE keyed SCHEMALESS; FOR $i IN 1..=9 { CREATE type::record('keyed', $i) SET n = $i }", nil); err != nil {
		t.Fatal(err)
	}
	key := table.Ref(table.Key())
	compare := func(op query.CompareOp, n int64) query.Expr {
		return &query.Compare{Op: op, Left: key, Right: query.NewLiteral(query.Int(n))}
	}
	in := &query.In{Operand: key}
	for _, n := range []int64{7, 2, 7, 90} {
		in.List = append(in.List, query.NewLiteral(query.Int(n)))
	}
	for _, test := range []struct {
		name  string
		where query.Expr
		want  string
	}{
		{"one", compare(query.Equal, 3), "3"},
		{"none", compare(query.Equal, 30), ""},
		{"from", compare(query.GreaterEqual, 8), "8,9"},
		{"after", compare(query.Greater, 8), "9"},
		{"before", compare(query.Less, 3), "1,2"},
		{"up to", compare(query.LessEqual, 3), "1,2,3"},
		{"between", &query.And{Terms: []query.Expr{compare(query.Greater, 3), compare(query.Less, 6)}}, "4,5"},
		{"between, twice", &query.And{Terms: []query.Expr{compare(query.Greater, 3), compare(query.Greater, 2), compare(query.LessEqual, 6), compare(query.Less, 6)}}, "4,5"},
		{"nothing", &query.And{Terms: []query.Expr{compare(query.Greater, 6), compare(query.Less, 3)}}, ""},
		{"list", in, "2,7"},
		{"list and range", &query.And{Terms: []query.Expr{in, compare(query.Less, 6)}}, "2"},
		{"not", &query.Not{Term: compare(query.Less, 8)}, "8,9"},
	} {
		c := compiler{scope: scope{rows: []string{""}}}
		c.text("SELECT id, id AS o0 FROM ")
		c.where(c.rowsOf(table, test.where))
		answers, err := client.Query(t.Context(), strings.ReplaceAll("RETURN array::join((TEXT ORDER BY o0).map(|$row| <string> record::id($row.id)), ','); EXPLAIN TEXT;"+
			"RETURN array::join((TEXT ORDER BY o0 DESC).map(|$row| <string> record::id($row.id)).reverse(), ',')", "TEXT", string(c.buf)), c.vars())
		if err != nil {
			t.Errorf("%s: %v\n%s", test.name, err, c.buf)
			continue
		}
		if got := string(wire.NewReader(answers[0]).String()); got != test.want {
			t.Errorf("%s: %s, not %s", test.name, got, test.want)
		}
		if got := string(wire.NewReader(answers[2]).String()); got != test.want {
			t.Errorf("%s, backwards: %s, not %s", test.name, got, test.want)
		}
		if plan := string(wire.NewReader(answers[1]).String()); strings.Contains(plan, "TableScan") && test.name != "not" {
			t.Errorf("%s: %s", test.name, plan)
		}
	}
}
