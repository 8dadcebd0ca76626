package surreal

import (
	"fmt"
	"slices"
	"strconv"
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
		for _, byKey := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, byKey), func(t *testing.T) {
				c := compiler{scope: scope{rows: []string{""}}}
				c.text("SELECT id, n FROM ")
				c.where(c.rowsOf(table, test.where, byKey))
				keys := func(order string) []string {
					t.Helper()
					answers, err := client.Query(t.Context(), string(c.buf)+" ORDER BY "+order, c.vars())
					if err != nil {
						t.Fatalf("%v\n%s", err, c.buf)
					}
					return keysOf(wire.NewReader(answers[0]))
				}
				all := strings.FieldsFunc(test.want, func(r rune) bool { return r == ',' })
				if got := keys("id"); !slices.Equal(got, all) {
					t.Errorf("%s, not %s", got, all)
				}
				if got := keys("id LIMIT 1 START 1"); !slices.Equal(got, cut(all, 1, 1)) {
					t.Errorf("a page of %s is %s", all, got)
				}
				answers, err := client.Query(t.Context(), "EXPLAIN "+string(c.buf), c.vars())
				if err != nil {
					t.Fatal(err)
				}
				if plan := string(wire.NewReader(answers[0]).String()); strings.Contains(plan, "TableScan") && test.name != "not" {
					t.Error(plan)
				}
				if byKey {
					return
				}
				slices.Reverse(all)
				for _, order := range []string{"id DESC", "n DESC"} {
					if got := keys(order); !slices.Equal(got, all) {
						t.Errorf("by %s %s, not %s", order, got, all)
					}
					if got := keys(order + " LIMIT 1 START 1"); !slices.Equal(got, cut(all, 1, 1)) {
						t.Errorf("by %s a page of %s is %s", order, all, got)
					}
				}
			})
		}
	}
}

// keysOf are the ids of rows that have more fields.
func keysOf(r *wire.Reader) []string {
	var keys []string
	for range r.Array() {
		for range r.Map() {
			if string(r.String()) != "id" {
				r.Skip()
				continue
			}
			r.Record()
			keys = append(keys, strconv.FormatInt(r.Int(), 10))
		}
	}
	return keys
}
