package surreal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surql"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// slowQueries are texts that would take minutes, each in a way of its own.
var slowQueries = map[string]string{
	"a select":            "SELECT n, (SELECT VALUE n FROM rows WHERE n > $parent.n AND n < 0) AS l FROM rows",
	"a select of a block": "SELECT VALUE { FOR $i IN 0..100000000 { LET $x = $i * 2 }; 1 } FROM ONLY 1",
	"a return":            "RETURN (SELECT n, (SELECT VALUE n FROM rows WHERE n > $parent.n AND n < 0) AS l FROM rows)",
	"a loop":              "RETURN { LET $x = (SELECT VALUE n FROM rows LIMIT 3); FOR $i IN 0..100000000 { LET $y = $i * 2 }; 1 }",
	"a loop that reads":   "RETURN { FOR $i IN 0..100000000 { LET $y = (SELECT VALUE n FROM rows WHERE n = $i - 1 AND n < 0) }; 1 }",
	"a closure":           "RETURN array::len(array::map(array::range(0, 10000), |$x| (SELECT VALUE n FROM rows WHERE n > $x AND n < 0)))",
	"a closure's sums":    "SELECT VALUE array::len(array::map(array::range(0, 10000), |$x| array::len(array::map(array::range(0, 10000), |$y| $y * $x)))) FROM ONLY 1",
	"a write":             "UPDATE rows SET n = n + array::len((SELECT VALUE n FROM rows WHERE n > $parent.n AND n < 0)) RETURN NONE",
}

// slowStore is a store on a server of its own, whose statements have a second.
func slowStore(t *testing.T, rows int) (server *surrealtest.Server, s store.Store, v store.View, table *query.Table, queries map[string]*query.Named) {
	t.Helper()
	server, err := surrealtest.Start(t.Context(), filepath.Join(t.TempDir(), "rocksdb"), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	if _, known := server.Worked(); !known {
		t.Skip("what the server works cannot be told here")
	}
	s, err = Open(t.Context(), Options{URL: server.URL, Namespace: "slow", Database: "main", User: "root", Password: "root", StatementTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	number := resultColumn("n", query.KindInt)
	key := &query.Column{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true}
	table = query.NewTable("rows", []*query.Column{key, number}, nil)
	schema := query.NewSchema([]*query.Table{table})
	queries = map[string]*query.Named{}
	for name, text := range slowQueries {
		n := &query.Named{Name: name, Text: text, Write: name == "a write", Reads: []*query.Table{table}, Result: query.NewTable(name, []*query.Column{resultColumn("n", query.KindInt)}, nil), Value: true}
		if n.Write {
			n.Value, n.Result = false, query.NewTable(name, nil, nil)
		}
		if !strings.Contains(text, "rows") {
			n.Reads = nil
		}
		queries[name] = n
		schema.Queries = append(schema.Queries, n)
	}
	if err := s.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	if v, err = s.Open(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	hand := fmt.Sprintf("FOR $i IN 1..%d { CREATE type::record('rows', $i) SET n = $i }", rows+1)
	if _, err := s.(*Store).client.Query(t.Context(), hand, nil); err != nil {
		t.Fatal(err)
	}
	return server, s, v, table, queries
}

// A statement whose caller is gone does not keep the server's processor.
func TestServerRestsAfterATimeout(t *testing.T) {
	server, s, v, table, queries := slowStore(t, 3000)
	none := query.Compare{Op: query.Less, Left: table.Ref(table.Column("n")), Right: &query.Literal{Value: query.Int(0), Of: query.Type{Kind: query.KindInt}}}
	above := func() query.Expr { // no row has such another one, which takes all of them to find
		outer := *table.Ref(table.Column("n"))
		outer.Up = 1
		return &query.Exists{Table: table, Where: &query.And{Terms: []query.Expr{&query.Compare{Op: query.Greater, Left: table.Ref(table.Column("n")), Right: &outer}, &none}}}
	}
	slow := map[string]func(ctx context.Context) error{
		"a select with its place": func(ctx context.Context) error {
			outputs := []query.Output{{Name: "l", Expr: &query.Lookup{Table: table, Where: above(), Value: table.Ref(table.Column("n"))}}}
			w := query.NewJSONWriter(nil, query.NewJSONShape(outputs))
			_, err := v.Select(ctx, query.Select{Table: table, Columns: outputs, Limit: -1, Position: true}, w)
			return err
		},
		"a condition": func(ctx context.Context) error {
			_, err := v.Test(ctx, []query.Expr{&query.Exists{Table: table, Where: above()}})
			return err
		},
		"an update of rows": func(ctx context.Context) error {
			_, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Update, Table: table, Where: above(), Set: []query.Assignment{{Column: table.Column("n"), Value: &query.Literal{Value: query.Int(1), Of: query.Type{Kind: query.KindInt}}}}}}})
			return err
		},
		"a check of what is written": func(ctx context.Context) error {
			check := query.Check{Cond: &query.Exists{Table: table, Where: above()}, Fault: fault.New("42501", "refused")}
			_, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: []query.Row{{query.Int(100_000), query.Int(1)}}, Checks: []query.Check{check}}}})
			return err
		},
	}
	for name, n := range queries {
		slow[name] = func(ctx context.Context) error {
			call := query.Invocation{Query: n}
			if n.Write {
				_, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Run, Table: n.Result, Invocation: &call}}})
				return err
			}
			return v.Query(ctx, call, func(query.Row) error { return nil })
		}
	}
	for name, do := range slow {
		// Where the server's answer is late, it is not known what became of a write.
		if err := do(t.Context()); !fault.Is(err, codeTimeout) && !fault.Is(err, codeUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(v.Close(), s.Close()); err != nil { // what a store asks now and then is work, too
		t.Fatal(err)
	}
	if !rests(t, server) {
		t.Error("the server works on")
	}
}

// rests waits until the server has nothing to do, and gives up after a while.
func rests(t *testing.T, server *surrealtest.Server) bool {
	t.Helper()
	const quiet = 2 // hundredths of a second in one
	last, _ := server.Worked()
	still := 0
	var worked []int
	for range 180 {
		time.Sleep(time.Second)
		now, _ := server.Worked()
		if still++; now-last > quiet {
			still = 0
		}
		worked = append(worked, now-last)
		if last = now; still == 3 {
			return true
		}
	}
	t.Logf("in each second it worked %d hundredths", worked)
	return false
}

// What a text answers is the same with its bounds as without them.
func TestBoundsChangeNoAnswer(t *testing.T) {
	s := openEmpty(t).(*Store)
	defer func() { _ = s.Close() }()
	hand := "DEFINE TABLE rows; FOR $i IN 0..40 { CREATE type::record('rows', $i) SET n = $i, s = <string> ($i % 7), next = type::record('rows', $i + 1) }; RETURN 1"
	if _, err := s.client.Query(t.Context(), hand, nil); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"SELECT n, s, (SELECT VALUE n FROM rows WHERE n > $parent.n ORDER BY n LIMIT 2) AS l FROM rows WHERE n < 5 ORDER BY s, n",
		"SELECT s, count() AS c, math::sum(n) AS m FROM rows GROUP BY s",
		"SELECT count() FROM rows GROUP ALL;",
		"SELECT * FROM ONLY rows:3 -- one",
		"SELECT n, next.next.n FROM rows WHERE n > 5 ORDER BY n DESC LIMIT 3 START 1",
		"SELECT *, next.* FROM rows LIMIT 2 FETCH next",
		"RETURN (SELECT VALUE n FROM rows WHERE n < 10 ORDER BY n DESC LIMIT 2)",
		"RETURN SELECT VALUE n FROM rows ORDER BY n LIMIT 2 FETCH next",
		"RETURN (SELECT count() FROM rows GROUP ALL)[0].count + (SELECT VALUE n FROM ONLY rows WHERE n = 7 LIMIT 1) + rows:3.n",
		"RETURN array::map([3, 1, 2], |$x| (SELECT VALUE n FROM rows WHERE n < 10 ORDER BY n DESC LIMIT $x))",
		"RETURN array::map([3, 1], |$x| { x: $x, l: [$x, 2].map(|$y| (SELECT VALUE n + $y FROM ONLY rows:1)) })",
		"SELECT n, array::map([1, 2], |$x| $x + n) AS l FROM rows WHERE n < 3 ORDER BY n",
		"SELECT n, array::map([1, 2], |$x| $x + $this.n) AS l FROM rows WHERE n < 3 ORDER BY n",
		"SELECT n, array::map([1, 2], |$x| [$this, $parent, n, s]) AS l FROM rows WHERE n < 3 ORDER BY n",
		"SELECT n, [n].map(|$x| { LET $y = $x; (SELECT VALUE n + $parent.n FROM rows WHERE n = $y + 1) }) AS l FROM rows WHERE n < 3 ORDER BY n",
		"SELECT VALUE array::filter((SELECT VALUE n FROM rows), |$x| $x > $parent.n) FROM rows WHERE array::any([n], |$x| $x = 3)",
		"RETURN array::fold([1, 2, 3], 0, |$a, $b| { LET $c = $a + $b; $c * 2 })",
		"RETURN { LET $f = |$x| $x + 1; LET $g = || NONE; [$f(1), $g()] }",
		"RETURN { LET $a = (SELECT VALUE n FROM rows:4); LET $b = array::first((SELECT n, $parent AS p, $this.s AS s FROM rows WHERE n IN $a ORDER BY s LIMIT 1)); [$a, $b] }",
		"RETURN { LET $l = []; FOR $i IN (SELECT VALUE n FROM rows ORDER BY n LIMIT 3) { IF $i = 1 { CONTINUE }; IF $i = 2 { RETURN $i }; }; 7 }",
		"RETURN { FOR $i IN 0..3 {}; RETURN (SELECT VALUE n FROM rows WHERE n < 10 ORDER BY n DESC LIMIT 2); }",
		"RETURN { FOR $i IN [1, 2] { THROW 'no' } }",
		"RETURN { LET $x = SELECT VALUE n FROM rows LIMIT 1; { SELECT VALUE n FROM rows WHERE n = 3 } }",
		"RETURN (SELECT n FROM rows WHERE n > 90)",
		"RETURN (SELECT * FROM ONLY rows:99)",
		"RETURN (SELECT * FROM ONLY rows)",
	} {
		bounded := surql.Bound(text).Text(60_000)
		if bounded == text {
			t.Errorf("%s: no bound", text)
		}
		want, wantErr := s.client.Read(t.Context(), text, nil)
		got, err := s.client.Read(t.Context(), bounded, nil)
		if wantErr != nil || err != nil {
			if !sameError(wantErr, err) {
				t.Errorf("%s: %v, want %v", text, err, wantErr)
			}
			continue
		}
		if !bytes.Equal(got[len(got)-1], want[0]) {
			t.Errorf("%s: %q, want %q", text, got[len(got)-1], want[0])
		}
	}
}

func sameError(x, y error) bool {
	var one, other *rpc.StatementError
	return errors.As(x, &one) && errors.As(y, &other) && one.Message == other.Message && one.Kind == other.Kind
}
