package storetest

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const (
	// CasesVariable names the environment variable that sets how many random
	// conditions are compared.
	CasesVariable = "EDGEHIVE_AGREEMENT_CASES"
	// SeedVariable names the environment variable that repeats a run.
	SeedVariable = "EDGEHIVE_AGREEMENT_SEED"

	// The seed is the same at each run, and so are these: for others there is `make storm`.
	agreementCases = 1000
	agreementRows  = 60
)

// testAgreement holds the engine's answers against query.Holds: random rows,
// random conditions, the same rows must pass.
func testAgreement(t *testing.T, s store.Store) {
	seed := uint64(number(t, SeedVariable, 1))
	g := querytest.New(seed)
	f := open(t, s, query.NewSchema([]*query.Table{g.Table}))
	rows := g.Rows(agreementRows)
	f.apply(query.Write{Op: query.Insert, Table: g.Table, Rows: rows})
	key := []query.Output{{Name: "id", Expr: g.Table.Ref(g.Table.Key())}}
	for i := range number(t, CasesVariable, agreementCases) {
		cond := g.Expr(i % 4)
		got := keys(f.rows(query.Select{Table: g.Table, Columns: key, Where: cond, Limit: -1}))
		var want []string
		for _, row := range rows {
			if query.Holds(cond, row, nil) == query.True {
				want = append(want, strconv.FormatInt(row[0].N, 10))
			}
		}
		if !slices.Equal(got, want) {
			f.disagree(seed, i, cond, rows, got, want)
		}
	}
}

// disagree shows one row that tells the difference.
func (f *fixture) disagree(seed uint64, i int, cond query.Expr, rows []query.Row, got, want []string) {
	f.Helper()
	for _, row := range rows {
		key := strconv.FormatInt(row[0].N, 10)
		if slices.Contains(got, key) != slices.Contains(want, key) {
			f.Fatalf("seed %d, case %d: %s\nthe engine says %t of\n%s", seed, i, query.String(cond), slices.Contains(got, key), query.AppendRow(nil, f.schema.Tables[0], row))
		}
	}
	f.Fatalf("seed %d, case %d: %s\ngot %v\nwant %v", seed, i, query.String(cond), got, want)
}

func number(t *testing.T, variable string, otherwise int) int {
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
