package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// named is a query that gives columns of these types.
func named(name, text string, reads []*query.Table, params []query.Parameter, columns ...*query.Column) *query.Named {
	return &query.Named{Name: name, Text: text, Reads: reads, Params: params, Result: query.NewTable(name, columns, nil)}
}

func result(name string, kind query.Kind) *query.Column {
	return &query.Column{Name: name, Type: query.Type{Kind: kind}}
}

// openNamed is a view with these queries on a table t of texts.
func openNamed(t *testing.T, queries func(*query.Table) []*query.Named) (*sqlite.Store, store.View, *query.Table) {
	t.Helper()
	table := query.NewTable("t", []*query.Column{{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true}, result("n", query.KindInt)}, nil)
	schema := query.NewSchema([]*query.Table{table})
	schema.Queries = queries(table)
	s := openStore(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db")})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, v, table
}

func invoke(ctx context.Context, t *testing.T, v store.View, call query.Invocation) ([]query.Row, error) {
	t.Helper()
	var rows []query.Row
	err := v.Query(ctx, call, func(row query.Row) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func TestNamedQuery(t *testing.T) {
	integer := query.Type{Kind: query.KindInt}
	var above, who *query.Named
	_, v, table := openNamed(t, func(t *query.Table) []*query.Named {
		above = named("above", "SELECT n, id FROM t WHERE n > :least ORDER BY n", []*query.Table{t},
			[]query.Parameter{{Name: "least", Type: integer}}, result("id", query.KindText), result("n", query.KindInt))
		who = named("who", "SELECT :auth_uid AS uid, :auth_role AS role, :x AS x", nil,
			[]query.Parameter{{Name: "x", Type: integer}}, result("uid", query.KindText), result("role", query.KindText), result("x", query.KindInt))
		return []*query.Named{above, who}
	})
	var rows []query.Row
	for i, id := range []string{"a", "b", "c"} {
		rows = append(rows, query.Row{query.Text(id), query.Int(int64(i))})
	}
	if _, err := v.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: rows}}}); err != nil {
		t.Fatal(err)
	}
	got, err := invoke(t.Context(), t, v, query.Invocation{Query: above, Args: []query.Value{query.Int(0)}})
	if err != nil || len(got) != 2 || got[0][0].S != "b" || got[1][1].N != 2 {
		t.Errorf("%v, %v", got, err)
	}
	first, err := invoke(t.Context(), t, v, query.Invocation{Query: who, Args: []query.Value{query.Int(7)}, UID: query.Text("ann"), Role: "authenticated"})
	if err != nil || first[0][0].S != "ann" || first[0][1].S != "authenticated" || first[0][2].N != 7 {
		t.Errorf("%v, %v", first, err)
	}
	// The connection is the same: nothing of the call before may be left on it.
	next, err := invoke(t.Context(), t, v, query.Invocation{Query: who, Args: []query.Value{query.Null()}, Role: "anon"})
	if err != nil || !next[0][0].IsNull() || next[0][1].S != "anon" || !next[0][2].IsNull() {
		t.Errorf("%v, %v", next, err)
	}
	enough := errors.New("enough")
	seen := 0
	err = v.Query(t.Context(), query.Invocation{Query: above, Args: []query.Value{query.Int(-1)}}, func(query.Row) error { seen++; return enough })
	if !errors.Is(err, enough) || seen != 1 {
		t.Errorf("%d rows, %v", seen, err)
	}
}

// Texts that VerifyQueries would refuse still cannot write, and an endless one
// ends with its time.
func TestNamedQueryIsHeldBack(t *testing.T) {
	var writes, endless *query.Named
	s, v, table := openNamed(t, func(table *query.Table) []*query.Named {
		writes = named("writes", "INSERT INTO t (id, n, _rev) VALUES ('x', 1, 1) RETURNING id", []*query.Table{table}, nil, result("id", query.KindText))
		endless = named("endless", "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) AS n FROM c", nil, nil, result("n", query.KindInt))
		return []*query.Named{writes, endless}
	})
	if _, err := invoke(t.Context(), t, v, query.Invocation{Query: writes}); err == nil {
		t.Error("a named query wrote")
	}
	outputs := []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}
	w := query.NewJSONWriter(nil, query.NewJSONShape(outputs))
	if _, err := v.Select(t.Context(), query.Select{Table: table, Columns: outputs, Limit: -1}, w); err != nil || w.Rows() != 0 {
		t.Errorf("%d rows, %v", w.Rows(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := invoke(ctx, t, v, query.Invocation{Query: endless}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went away: %v", err)
	}
	sqlite.LimitStatements(s, 50*time.Millisecond)
	if _, err := invoke(t.Context(), t, v, query.Invocation{Query: endless}); !fault.Is(err, "57014") {
		t.Errorf("an endless query: %v", err)
	}
}

// A view with a text that does not fit the database does not open.
func TestNamedQueryThatDoesNotFit(t *testing.T) {
	s := openStore(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db")})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, n := range []*query.Named{
		named("gone", "SELECT x AS n FROM gone", nil, nil, result("n", query.KindInt)),
		named("other", "SELECT 1 AS m", nil, nil, result("n", query.KindInt)),
	} {
		schema := query.NewSchema(nil)
		schema.Queries = []*query.Named{n}
		if _, err := s.Open(t.Context(), schema); err == nil {
			t.Errorf("%s: opened", n.Name)
		}
	}
}
