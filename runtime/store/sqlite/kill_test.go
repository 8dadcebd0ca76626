package sqlite_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	killVariable   = "EDGEHIVE_KILL_ROUNDS"
	killChild      = "EDGEHIVE_KILL_CHILD"
	killRecovery   = "EDGEHIVE_KILL_RECOVERY"
	killRounds     = 3
	killWriters    = 64
	killRecoveries = 3 // of each round are cut short
	recoveryTime   = 15 * time.Millisecond
	killOnceEvery  = 4 // of the writers, one in so many sends what it repeats
	killKeysARound = 1_000_000
	killPatience   = 5 * time.Minute // for a child that hangs
)

func killTable() *query.Table {
	return query.NewTable("acks", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true},
		{Name: "n", Type: query.Type{Kind: query.KindInt}},
	}, nil)
}

// killTables are killTable and one whose rows nothing tells apart but a text
// that may be there twice: what is written once is written so because it is
// remembered.
func killTables() (acks, effects *query.Table) {
	effects = query.NewTable("effects", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "of", Type: query.Type{Kind: query.KindText}},
	}, nil)
	effects.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: effects.Columns[1:2]}}
	return killTable(), effects
}

// killBatch is what a writer sends as its n-th row.
func killBatch(acks, effects *query.Table, n int) query.Batch {
	key := killKey(n)
	if !sendsOnce(n) {
		return query.Batch{Writes: []query.Write{{Op: query.Insert, Table: acks, Rows: []query.Row{{query.Text(key), query.Int(int64(n))}}}}}
	}
	return query.Batch{
		Writes: []query.Write{{Op: query.Insert, Table: effects, Rows: []query.Row{{query.Null(), query.Text(key)}}, Returning: true}},
		Once:   &query.Once{Key: key, Request: sha256.Sum256([]byte(key))},
	}
}

// sendsOnce reports a row of a writer that sends repeatable batches.
func sendsOnce(n int) bool { return n%killWriters%killOnceEvery == 0 }

// TestKill ends a process under 64 writers with SIGKILL, again and again: each
// row that was acknowledged is there once, and once in the feed. What may be
// repeated is repeated then, whether it was acknowledged or not, and is done
// once. Those that recover what was left are killed over it first.
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
		keys := killOnce(t, path, round, 50+100*round%400)
		for _, key := range keys {
			acknowledged[key] = true
		}
		for range killRecoveries {
			killRecovering(t, path, time.Duration(rand.IntN(int(recoveryTime))))
		}
		verifyKilled(t, path, acknowledged)
		repeatKilled(t, path, round, keys)
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
	watchdog := time.AfterFunc(killPatience, func() { _ = child.Process.Kill() })
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

// killRecovering runs a child that opens the database, and kills it some time
// after it has begun.
func killRecovering(t *testing.T, path string, after time.Duration) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKillRecoveryChild$")
	child.Env = append(os.Environ(), killRecovery+"="+path)
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
	_ = child.Process.Kill()
	_ = child.Wait() // killed
}

// TestKillRecoveryChild is the process that is killed as it recovers, or as it
// writes the first thing afterwards.
func TestKillRecoveryChild(t *testing.T) {
	path := os.Getenv(killRecovery)
	if path == "" {
		t.Skip("runs as a child of TestKill")
	}
	_, _ = os.Stdout.WriteString("b")
	s := openStore(t, sqlite.Options{Path: path})
	for {
		if err := s.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
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
	acks, effects := killTables()
	schema := query.NewSchema([]*query.Table{acks, effects})
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
				n := round*killKeysARound + i
				_, err := v.Apply(ctx, killBatch(acks, effects, n))
				if err != nil {
					fmt.Fprintln(os.Stderr, "apply:", err)
					return
				}
				_, _ = os.Stdout.WriteString(killKey(n) + "\n") // one write: never mixed
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
	acks, effects := killTables()
	v, err := s.Open(ctx, query.NewSchema([]*query.Table{acks, effects}))
	if err != nil {
		t.Fatal(err)
	}
	seen := countKeys(t, v, acks, "id")
	maps.Copy(seen, countKeys(t, v, effects, "of"))
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
				table, column := acks, 0
				if change.Table == effects.Name {
					table, column = effects, 1
				}
				row, err := query.DecodeRow(table, change.After)
				if err != nil {
					t.Fatal(err)
				}
				inFeed[row[column].S]++
			}
		}
		after = commits[len(commits)-1].Cursor
	}
	for key := range acknowledged {
		if seen[key] != 1 || inFeed[key] != 1 {
			t.Fatalf("acknowledged row %s: %d times in the table, %d times in the feed", key, seen[key], inFeed[key])
		}
	}
	if len(seen) != len(inFeed) {
		t.Fatalf("%d rows, but %d in the feed", len(seen), len(inFeed))
	}
	verifyWords(t, v, effects)
	if drift, err := s.Drift(ctx); err != nil || len(drift) > 0 {
		t.Fatalf("drift %v, %v", drift, err)
	}
	if said := wholeness(t, path); said != "ok\n" {
		t.Fatalf("the file is damaged: %s", said)
	}
}

// verifyWords looks whether the full-text index finds the rows that are there,
// some of them by their words.
func verifyWords(t *testing.T, v store.View, effects *query.Table) {
	t.Helper()
	const most = 100
	looked := 0
	for key := range countKeys(t, v, effects, "of") {
		if got := count(t, v, effects, wordsOf(t, effects, key)); got != 1 {
			t.Fatalf("the index finds %d rows of %s", got, key)
		}
		if looked++; looked == most {
			return
		}
	}
}

// wholeness is what SQLite says of a file, its full-text indexes included.
func wholeness(t *testing.T, path string) string {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return lines(t, db, "PRAGMA integrity_check")
}

// repeatKilled sends again all that writers of repeatable batches sent in a
// round, and what each was about to send: every one is done once, and those
// that were acknowledged are not done now.
func repeatKilled(t *testing.T, path string, round int, acknowledged []string) {
	t.Helper()
	s := openStore(t, sqlite.Options{Path: path})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	acks, effects := killTables()
	v, err := s.Open(t.Context(), query.NewSchema([]*query.Table{acks, effects}))
	if err != nil {
		t.Fatal(err)
	}
	heard := map[int]bool{} // by number
	for _, key := range acknowledged {
		n, err := strconv.Atoi(key[1:])
		if err != nil {
			t.Fatal(err)
		}
		heard[n] = true
	}
	var sent []int
	for w := range killWriters {
		n := round*killKeysARound + w
		for ; heard[n] && sendsOnce(w); n += killWriters {
			sent = append(sent, n)
		}
		if sendsOnce(w) {
			sent = append(sent, n)
		}
	}
	for _, n := range sent {
		result, err := v.Apply(t.Context(), killBatch(acks, effects, n))
		if err != nil {
			t.Fatalf("repeat %d: %v", n, err)
		}
		if heard[n] && !result.Replayed {
			t.Fatalf("batch %d was acknowledged and is done again", n)
		}
		if row := result.Writes[0].Rows[0]; row[1].S != killKey(n) {
			t.Fatalf("the result of batch %d is %v", n, row)
		}
	}
	seen := countKeys(t, v, effects, "of")
	for _, n := range sent {
		if seen[killKey(n)] != 1 {
			t.Fatalf("batch %d was done %d times", n, seen[killKey(n)])
		}
	}
}

func countKeys(t *testing.T, v store.View, table *query.Table, column string) map[string]int {
	t.Helper()
	w := &keyCounter{seen: map[string]int{}}
	output := []query.Output{{Name: column, Expr: table.Ref(table.Column(column))}}
	if _, err := v.Select(t.Context(), query.Select{Table: table, Columns: output, Limit: -1}, w); err != nil {
		t.Fatal(err)
	}
	return w.seen
}

// keyCounter counts the first column's texts.
type keyCounter struct {
	query.JSONWriter
	seen map[string]int
}

func (k *keyCounter) BeginRow()     {}
func (k *keyCounter) Text(s []byte) { k.seen[string(s)]++ }
func (k *keyCounter) EndRow() error { return nil }
