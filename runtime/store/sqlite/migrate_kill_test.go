package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	killMigration     = "EDGEHIVE_KILL_MIGRATION"
	killMigrationRows = 50_000
)

// convertedTable has its number as text or as int.
func convertedTable(kind query.Kind) *query.Table {
	return query.NewTable("numbers", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "n", Type: query.Type{Kind: kind}},
		{Name: "note", Type: query.Type{Kind: query.KindText}},
	}, nil)
}

func convertedSchema(kind query.Kind) *query.Schema {
	return query.NewSchema([]*query.Table{convertedTable(kind)})
}

// TestKillMigration ends a process with SIGKILL in the middle of a migration
// that converts a table: the database is the one before or the one after, with
// all its rows, and opens.
func TestKillMigration(t *testing.T) {
	if os.Getenv(killMigration) != "" {
		t.Skip("this is the child")
	}
	rounds := 2 * killRounds
	if text := os.Getenv(killVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", killVariable, err)
		}
	}
	path := filepath.Join(t.TempDir(), "kill.db")
	took := fillConverted(t, path)
	before, after := 0, 0
	for round := range rounds {
		now := convertedKind(t, path)
		// From its very begin to a little after its end.
		killMigrating(t, path, time.Duration(round+1)*took*5/4/time.Duration(rounds))
		if then := convertedKind(t, path); then == now {
			before++
		} else {
			after++
		}
	}
	// A machine that was busy when the time was taken may have been too quick since.
	for more := 0; before == 0 && more < 100; more++ {
		now := convertedKind(t, path)
		took /= 2
		killMigrating(t, path, took/8)
		if convertedKind(t, path) == now {
			before++
		}
	}
	t.Logf("%d rounds: %d before, %d after; one takes %s", rounds, before, after, took)
	if before == 0 {
		t.Error("no migration was ever cut short")
	}
}

// fillConverted makes the table, and gives the time of a migration of it.
func fillConverted(t *testing.T, path string) time.Duration {
	t.Helper()
	ctx := t.Context()
	s := openStore(t, sqlite.Options{Path: path})
	schema := convertedSchema(query.KindText)
	if err := s.Migrate(ctx, plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(ctx, schema)
	if err != nil {
		t.Fatal(err)
	}
	table := schema.Table("numbers")
	const each = 5000
	for first := 1; first <= killMigrationRows; first += each {
		rows := make([]query.Row, each)
		for i := range rows {
			rows[i] = query.Row{query.Int(int64(first + i)), query.Text(strconv.Itoa(first + i)), query.Text(fmt.Sprintf("note %d", first+i))}
		}
		if _, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: rows}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	convert(t, s)
	took := time.Since(began)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return took
}

// convert brings the number to the type that it does not have.
func convert(t *testing.T, s *sqlite.Store) {
	t.Helper()
	have, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := query.KindInt
	if have.Table("numbers").Column("n").Type == "int" {
		to = query.KindText
	}
	if err := s.Migrate(context.Background(), plan.Diff(have, plan.FromQuery(convertedSchema(to)), nil)); err != nil {
		t.Fatal(err)
	}
}

// convertedKind opens the database, proves that all rows are there, and gives
// the type of the number.
func convertedKind(t *testing.T, path string) query.Kind {
	t.Helper()
	s := openStore(t, sqlite.Options{Path: path})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	have, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := s.Drift(t.Context()); err != nil || len(found) > 0 {
		t.Fatalf("between before and after: %+v, %v", found, err)
	}
	kind, _ := query.KindOf(have.Table("numbers").Column("n").Type)
	schema := convertedSchema(kind)
	v, err := s.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	table := schema.Table("numbers")
	c := &numberCounter{}
	if _, err := v.Select(t.Context(), query.Select{Table: table, Columns: []query.Output{
		{Name: "id", Expr: table.Ref(table.Key())}, {Name: "n", Expr: table.Ref(table.Column("n"))},
	}, Limit: -1}, c); err != nil {
		t.Fatal(err)
	}
	if c.rows != killMigrationRows || c.others > 0 {
		t.Fatalf("%d rows, %d of them with another number", c.rows, c.others)
	}
	return kind
}

// numberCounter counts rows, and those whose second column is not the first.
type numberCounter struct {
	query.JSONWriter
	rows, others int
	key          int64
	second       bool
}

func (c *numberCounter) BeginRow() { c.second = false }

func (c *numberCounter) Int(n int64) {
	if !c.second {
		c.key, c.second = n, true
	} else if n != c.key {
		c.others++
	}
}

func (c *numberCounter) Text(s []byte) {
	if string(s) != strconv.FormatInt(c.key, 10) {
		c.others++
	}
}

func (c *numberCounter) EndRow() error { c.rows++; return nil }

// killMigrating runs a child that migrates, and kills it some time after it has
// begun.
func killMigrating(t *testing.T, path string, after time.Duration) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKillMigrationChild$")
	child.Env = append(os.Environ(), killMigration+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(killPatience, func() { _ = child.Process.Kill() })
	defer watchdog.Stop()
	if _, err := out.Read(make([]byte, 1)); err != nil { // it begins
		t.Fatalf("the child: %v", err)
	}
	time.Sleep(after)
	_ = child.Process.Kill() // it may have ended
	_ = child.Wait()         // the same
}

// TestKillMigrationChild is the process that is killed.
func TestKillMigrationChild(t *testing.T) {
	path := os.Getenv(killMigration)
	if path == "" {
		t.Skip("runs as a child of TestKillMigration")
	}
	s := openStore(t, sqlite.Options{Path: path})
	_, _ = os.Stdout.WriteString("b")
	convert(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkConvert is the time of a migration that converts 100 000 rows.
func BenchmarkConvert(b *testing.B) {
	s, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	from := plan.FromQuery(convertedSchema(query.KindText))
	if err := s.Migrate(b.Context(), plan.Diff(plan.Schema{}, from, nil)); err != nil {
		b.Fatal(err)
	}
	schema := convertedSchema(query.KindText)
	v, err := s.Open(b.Context(), schema)
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]query.Row, 10_000)
	table := schema.Table("numbers")
	for range 10 {
		for i := range rows {
			rows[i] = query.Row{query.Null(), query.Text("4711"), query.Text("a note of some length")}
		}
		if _, err := v.Apply(b.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: rows}}}); err != nil {
			b.Fatal(err)
		}
	}
	next := query.KindInt
	for b.Loop() {
		have, err := s.Inspect(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Migrate(b.Context(), plan.Diff(have, plan.FromQuery(convertedSchema(next)), nil)); err != nil {
			b.Fatal(err)
		}
		next = query.KindInt + query.KindText - next
	}
}
