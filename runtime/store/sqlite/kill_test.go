package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	killVariable   = "EDGEHIVE_KILL_ROUNDS"
	killChild      = "EDGEHIVE_KILL_CHILD"
	killRounds     = 3
	killWriters    = 64
	killKeysARound = 1_000_000
)

func killTable() *query.Table {
	return query.NewTable("acks", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true},
		{Name: "n", Type: query.Type{Kind: query.KindInt}},
	}, nil)
}

// TestKill ends a process under 64 writers with SIGKILL, again and again: each
// row that was acknowledged is there once, and once in the feed.
func TestKill(t *testing.T) {
	if os.Getenv(killChild) != "" {
		t.Skip("this is the child")
	}
	rounds := killRounds
	if text := os.Getenv(killVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", killVariable, err)
		}
	}
	path := filepath.Join(t.TempDir(), "kill.db")
	acknowledged := map[string]bool{}
	for round := range rounds {
		for _, key := range killOnce(t, path, round, 50+100*round%400) {
			acknowledged[key] = true
		}
		verifyKilled(t, path, acknowledged)
	}
	if len(acknowledged) == 0 {
		t.Fatal("nothing was ever acknowledged")
	}
}

// killOnce runs a child until it has acknowledged some rows, kills it, and
// gives all that it acknowledged.
func killOnce(t *testing.T, path string, round, enough int) []string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d", killChild, path, round))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Minute, func() { _ = child.Process.Kill() })
	defer watchdog.Stop()
	var keys []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		keys = append(keys, lines.Text())
		if len(keys) == enough {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed
	if len(keys) < enough {
		t.Fatalf("round %d: the child ended after %d rows", round, len(keys))
	}
	// A line that was cut in two is no acknowledgement.
	if last := keys[len(keys)-1]; len(last) != len(killKey(0)) {
		keys = keys[:len(keys)-1]
	}
	return keys
}

func killKey(n int) string { return fmt.Sprintf("k%012d", n) }

// TestKillChild is the process that is killed: it writes and tells on its
// standard output what was acknowledged.
func TestKillChild(t *testing.T) {
	config := os.Getenv(killChild)
	if config == "" {
		t.Skip("runs as a child of TestKill")
	}
	sep := len(config) - 1
	for config[sep] != ':' {
		sep--
	}
	path := config[:sep]
	round, err := strconv.Atoi(config[sep+1:])
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	s := openStore(t, sqlite.Options{Path: path})
	table := killTable()
	schema := query.NewSchema([]*query.Table{table})
	have, err := s.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx, plan.Diff(have, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(ctx, schema)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range killWriters {
		writers.Go(func() {
			for i := w; ; i += killWriters {
				key := killKey(round*killKeysARound + i)
				_, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{
					Op: query.Insert, Table: table, Rows: []query.Row{{query.Text(key), query.Int(int64(i))}},
				}}})
				if err != nil {
					fmt.Fprintln(os.Stderr, "apply:", err)
					return
				}
				_, _ = os.Stdout.WriteString(key + "\n") // one write: never mixed
			}
		})
	}
	writers.Wait()
}

func verifyKilled(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	ctx := t.Context()
	s := openStore(t, sqlite.Options{Path: path})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	table := killTable()
	v, err := s.Open(ctx, query.NewSchema([]*query.Table{table}))
	if err != nil {
		t.Fatal(err)
	}
	w := &keyCounter{seen: map[string]int{}}
	if _, err := v.Select(ctx, query.Select{Table: table, Columns: []query.Output{{Name: "id", Expr: table.Ref(table.Key())}}, Limit: -1}, w); err != nil {
		t.Fatal(err)
	}
	inFeed := map[string]int{}
	for after := (query.Cursor{}); ; {
		commits, err := s.Changes(ctx, after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(commits) == 0 {
			break
		}
		for _, c := range commits {
			for _, change := range c.Changes {
				row, err := query.DecodeRow(table, change.After)
				if err != nil {
					t.Fatal(err)
				}
				inFeed[row[0].S]++
			}
		}
		after = commits[len(commits)-1].Cursor
	}
	for key := range acknowledged {
		if w.seen[key] != 1 || inFeed[key] != 1 {
			t.Fatalf("acknowledged row %s: %d times in the table, %d times in the feed", key, w.seen[key], inFeed[key])
		}
	}
	if len(w.seen) != len(inFeed) {
		t.Fatalf("%d rows, but %d in the feed", len(w.seen), len(inFeed))
	}
}

// keyCounter counts the first column's texts.
type keyCounter struct {
	query.JSONWriter
	seen map[string]int
}

func (k *keyCounter) BeginRow()     {}
func (k *keyCounter) Text(s []byte) { k.seen[string(s)]++ }
func (k *keyCounter) EndRow() error { return nil }
