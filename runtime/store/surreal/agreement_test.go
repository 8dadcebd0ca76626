package surreal

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	casesVariable = "EDGEHIVE_AGREEMENT_CASES"
	seedVariable  = "EDGEHIVE_AGREEMENT_SEED"
	fewCases      = 600
	casesInText   = 20
	rowsOfCases   = 40
)

func fromEnvironment(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// dialFunctions connects to the server, with our functions in a namespace of
// its own.
func dialFunctions(t *testing.T) *rpc.Client {
	t.Helper()
	client, err := rpc.Dial(t.Context(), rpc.Options{
		URL: surrealtest.Shared(t).URL, Namespace: fmt.Sprintf("f%d_%d", time.Now().UnixNano(), namespaces.Add(1)), Database: "main",
		User: "root", Password: "root", Connections: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	text := ""
	for _, f := range functionTexts() {
		text += f + ";\n"
	}
	if _, err := client.Query(t.Context(), text, nil); err != nil {
		t.Fatalf("define the functions: %v", err)
	}
	return client
}

// kept is a row as it is after it was stored and read.
func kept(table *query.Table, row query.Row) query.Row {
	out := make(query.Row, len(row))
	for i, c := range table.Columns {
		out[i] = readValue(wire.NewReader(appendValue(nil, row[i], c.Type, "")), c.Type)
	}
	return out
}

// appendObjects appends rows as they are stored.
func appendObjects(dst []byte, table *query.Table, rows []query.Row) []byte {
	dst = wire.AppendArray(dst, len(rows))
	for _, row := range rows {
		dst = wire.AppendMap(dst, len(row))
		for i, c := range table.Columns {
			dst = wire.AppendString(dst, fieldOf(table, c))
			dst = appendValue(dst, row[i], c.Type, recordsOf(table.Ref(c)))
		}
	}
	return dst
}

// TestConditionsAgree holds what SurrealDB makes of conditions against
// query.Holds: random conditions over random rows, both whether they are true
// and whether they are false.
func TestConditionsAgree(t *testing.T) {
	client := dialFunctions(t)
	seed := uint64(fromEnvironment(t, seedVariable, 1))
	g := querytest.New(seed)
	rows := g.Rows(rowsOfCases)
	for i, row := range rows {
		rows[i] = kept(g.Table, row)
	}
	cases := fromEnvironment(t, casesVariable, fewCases)
	for done := 0; done < cases; done += casesInText {
		var conditions []query.Expr
		for i := range casesInText {
			conditions = append(conditions, g.Expr(i%4))
		}
		agree(t, client, g.Table, rows, conditions, seed)
	}
}

// TestConditionsApartAgree is TestConditionsAgree of conditions that stand so deep
// that each part of them is written apart.
func TestConditionsApartAgree(t *testing.T) {
	client := dialFunctions(t)
	seed := uint64(fromEnvironment(t, seedVariable, 1))
	g := querytest.New(seed)
	rows := g.Rows(rowsOfCases)
	for i, row := range rows {
		rows[i] = kept(g.Table, row)
	}
	for range fromEnvironment(t, casesVariable, fewCases) / casesInText {
		agreeAt(t, client, g.Table, rows, []query.Expr{g.Expr(2), g.Expr(3), g.Expr(4)}, seed, deepest)
	}
}

func agree(t *testing.T, client *rpc.Client, table *query.Table, rows []query.Row, conditions []query.Expr, seed uint64) {
	t.Helper()
	agreeAt(t, client, table, rows, conditions, seed, 0)
}

// agreeAt has the conditions written as if they stood so many levels deeper.
func agreeAt(t *testing.T, client *rpc.Client, table *query.Table, rows []query.Row, conditions []query.Expr, seed uint64, level int) {
	t.Helper()
	c := compiler{scope: scope{rows: []string{""}}, nested: nesting{level: level}}
	c.text("SELECT VALUE [")
	for i, condition := range conditions {
		if i > 0 {
			c.text(", ")
		}
		c.isTrue(condition)
		c.text(", ")
		c.isFalse(condition)
	}
	c.text("] FROM $rows")
	c.set("rows", func(dst []byte) []byte { return appendObjects(dst, table, rows) })
	if c.fault != nil {
		t.Fatalf("seed %d: %v", seed, c.fault)
	}
	answers, err := client.Query(t.Context(), c.statements(), c.vars())
	if err != nil {
		if len(conditions) > 1 {
			for _, condition := range conditions {
				agreeAt(t, client, table, rows, []query.Expr{condition}, seed, level)
			}
		}
		t.Fatalf("seed %d: %v\n%s\n%s", seed, err, query.String(conditions[0]), c.statements())
	}
	r := wire.NewReader(answers[len(answers)-1])
	if n := r.Array(); n != len(rows) {
		t.Fatalf("%d rows, not %d", n, len(rows))
	}
	for _, row := range rows {
		r.Array()
		for _, condition := range conditions {
			isTrue, isFalse := r.Bool(), r.Bool()
			want := query.Holds(condition, row, nil)
			if isTrue != (want == query.True) || isFalse != (want == query.False) {
				t.Errorf("seed %d: %s\nis true %t, is false %t, but %v on\n%s\n%s", seed, query.String(condition), isTrue, isFalse, want,
					query.AppendRow(nil, table, row), textOf(condition))
				return
			}
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
}

func textOf(condition query.Expr) string {
	c := compiler{scope: scope{rows: []string{""}}}
	c.isTrue(condition)
	return c.statements()
}
