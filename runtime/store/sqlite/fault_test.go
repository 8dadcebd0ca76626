package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// notes is a table to write to.
func notes() *query.Table {
	return query.NewTable("notes", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "text", Type: query.Type{Kind: query.KindText}},
	}, nil)
}

type notebook struct {
	*testing.T
	store *sqlite.Store
	view  store.View
	table *query.Table
	file  string
}

func (n *notebook) path() string { return n.file }

func openNotes(t *testing.T, options sqlite.Options) *notebook {
	t.Helper()
	if options.Path == "" {
		options.Path = filepath.Join(t.TempDir(), "notes.db")
	}
	n := &notebook{T: t, store: openStore(t, options), table: notes(), file: options.Path}
	t.Cleanup(func() { _ = n.store.Close() })
	schema := query.NewSchema([]*query.Table{n.table})
	have, err := n.store.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.store.Migrate(t.Context(), plan.Diff(have, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	if n.view, err = n.store.Open(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *notebook) write(ctx context.Context, texts ...string) (query.Result, error) {
	rows := make([]query.Row, len(texts))
	for i, text := range texts {
		rows[i] = query.Row{query.Null(), query.Text(text)}
	}
	return n.view.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Insert, Table: n.table, Rows: rows}}})
}

func (n *notebook) count() int64 {
	n.Helper()
	info, err := n.view.Select(n.Context(), query.Select{Table: n.table, Limit: 0, Count: true}, query.NewJSONWriter(nil, query.NewJSONShape(nil)))
	if err != nil {
		n.Fatalf("count: %v", err)
	}
	return info.Count
}

// slow is a condition that takes long for each row that is there.
func (n *notebook) slow() query.Expr {
	match := &query.Match{Operand: n.table.Ref(n.table.Column("text")), Pattern: "(x+x+)+y$"}
	terms := make([]query.Expr, 200)
	for i := range terms {
		terms[i] = match
	}
	return &query.Or{Terms: terms}
}

// withTimeouts runs a test of statements that end with their time. On a machine so
// slow that the others end with theirs, too, it is run again with more; what is to
// be slow is made so in proportion to share.
func withTimeouts(t *testing.T, least time.Duration, run func(timeout time.Duration, share int) (enough bool)) {
	t.Helper()
	for share := 1; ; share *= 4 {
		if enough := run(time.Duration(share)*least, share); enough {
			return
		}
		if share > 100 {
			t.Fatalf("statements that take no time do not end in %s", time.Duration(share)*least)
		}
	}
}

// TestGroup checks that a batch that fails, for whatever reason, takes none of
// its neighbours in the group along.
func TestGroup(t *testing.T) {
	withTimeouts(t, 150*time.Millisecond, func(timeout time.Duration, share int) bool { return groups(t, timeout, share) })
}

func groups(t *testing.T, timeout time.Duration, share int) (enough bool) {
	t.Helper()
	n := openNotes(t, sqlite.Options{})
	text := strings.Repeat("x", 20_000*share)
	n.must(text, text, text)
	sqlite.LimitStatements(n.store, timeout)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var timeouts, written, denied, late int
	for i := range 60 {
		wait.Go(func() {
			var err error
			switch i % 10 {
			case 3:
				_, err = n.view.Apply(t.Context(), query.Batch{Writes: []query.Write{
					{Op: query.Insert, Table: n.table, Rows: []query.Row{{query.Null(), query.Text("lost")}}},
					{Op: query.Delete, Table: n.table, Where: n.slow()},
				}})
			case 6:
				_, err = n.view.Apply(t.Context(), query.Batch{Writes: []query.Write{{
					Op: query.Insert, Table: n.table, Rows: []query.Row{{query.Int(1), query.Text("twice")}},
				}}})
			default:
				_, err = n.write(t.Context(), fmt.Sprint(i))
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				written++
			case fault.Is(err, "57014") && i%10 != 3:
				late++
			case fault.Is(err, "57014"):
				timeouts++
			case fault.Is(err, "23505"):
				denied++
			default:
				t.Errorf("batch %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	if late > 0 {
		return false
	}
	sqlite.LimitStatements(n.store, 0)
	if timeouts != 6 || denied != 6 || written != 48 {
		t.Errorf("%d timeouts, %d unique faults, %d written; want 6, 6, 48", timeouts, denied, written)
	}
	if got := n.count(); got != 3+48 {
		t.Errorf("%d rows, want 51", got)
	}
	return true
}

func TestStatementTimeout(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	if _, err := n.write(t.Context(), strings.Repeat("x", 50_000), strings.Repeat("x", 50_000)); err != nil {
		t.Fatal(err)
	}
	sqlite.LimitStatements(n.store, 100*time.Millisecond)
	w := query.NewJSONWriter(nil, query.NewJSONShape(nil))
	for _, sel := range []query.Select{
		{Table: n.table, Where: n.slow(), Limit: -1},
		{Table: n.table, Where: n.slow(), Limit: -1, Count: true, Position: true},
	} {
		if _, err := n.view.Select(t.Context(), sel, w); !fault.Is(err, "57014") {
			t.Errorf("select: %v, want 57014", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.view.Select(ctx, query.Select{Table: n.table, Limit: -1}, w); !errors.Is(err, context.Canceled) {
		t.Errorf("select of a caller who has gone: %v", err)
	}
	if _, err := n.write(ctx, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("write of a caller who has gone: %v", err)
	}
	sqlite.LimitStatements(n.store, 0)
	if got := n.count(); got != 2 {
		t.Errorf("%d rows, want 2", got)
	}
}

// TestFull fills a database that may not grow: writes say so, reads go on, and
// once there is room writing goes on by itself.
func TestFull(t *testing.T) {
	n := openNotes(t, sqlite.Options{MaxSize: 512 << 10, ChangesMax: 1})
	big := strings.Repeat("x", 20_000)
	var err error
	written := int64(0)
	for range 100 {
		if _, err = n.write(t.Context(), big); err != nil {
			break
		}
		written++
	}
	if !errors.Is(err, store.ErrFull) || written == 0 {
		t.Fatalf("after %d rows: %v, want ErrFull", written, err)
	}
	if got := n.count(); got != written {
		t.Errorf("%d rows, want the %d that were acknowledged", got, written)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := n.write(t.Context(), big); !errors.Is(err, store.ErrFull) {
				t.Errorf("write into a full database: %v, want ErrFull", err)
			}
		})
	}
	wait.Wait()
	// An empty table needs the room of its rows once more in the feed; delete
	// a few at a time.
	for key := range written / 2 {
		_, err = n.view.Apply(t.Context(), query.Batch{Writes: []query.Write{{
			Op: query.Delete, Table: n.table,
			Where: &query.Compare{Left: n.table.Ref(n.table.Key()), Right: query.NewLiteral(query.Int(key + 1))},
		}}})
		if err != nil && !errors.Is(err, store.ErrFull) {
			t.Fatal(err)
		}
	}
	if got := n.count(); got >= written {
		t.Fatalf("%d rows, no room was made", got)
	}
	if err := n.store.Health(t.Context()); err != nil {
		t.Errorf("health with room again: %v", err)
	}
	if _, err := n.write(t.Context(), "room again"); err != nil {
		t.Errorf("write with room again: %v", err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	n := openNotes(t, sqlite.Options{Queue: 2})
	if _, err := n.write(t.Context(), strings.Repeat("x", 100_000), strings.Repeat("x", 100_000)); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	ctx, end := context.WithCancel(t.Context())
	defer end()
	wait.Go(func() {
		_, _ = n.view.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Delete, Table: n.table, Where: n.slow()}}})
	})
	refused := make(chan struct{}, 64)
	for range 64 {
		wait.Go(func() {
			if _, err := n.write(t.Context(), "x"); fault.Is(err, "53000") {
				refused <- struct{}{}
				end() // the slow one is of no more use
			} else if err != nil {
				t.Errorf("write: %v", err)
			}
		})
	}
	wait.Wait()
	if len(refused) == 0 {
		t.Error("no write was turned away")
	}
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.db")
	first := openStore(t, sqlite.Options{Path: path})
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); err == nil || !strings.Contains(err.Error(), "served by another process") {
		t.Errorf("second open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openStore(t, sqlite.Options{Path: path}).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "notes.db")
	openNotes(t, sqlite.Options{Path: path})
	for name, want := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(name), info.Mode().Perm(), want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is damaged"},
		{"another program's", func(t *testing.T, path string) { execute(t, path, "CREATE TABLE theirs (a)") }, "not one that edge-hive made"},
		{"newer", func(t *testing.T, path string) {
			if err := openStore(t, sqlite.Options{Path: path}).Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, path, "PRAGMA user_version=99")
		}, "newer edge-hive"},
		{"changed by hand", func(t *testing.T, path string) {
			n := openNotes(t, sqlite.Options{Path: path})
			if err := n.store.Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, path, "ALTER TABLE notes DROP COLUMN text")
		}, "changed by hand"},
		{"damaged page of a large file, after a crash", func(t *testing.T, path string) {
			n := openNotes(t, sqlite.Options{Path: path})
			for range 500 {
				if _, err := n.write(t.Context(), strings.Repeat("x", 3000)); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.store.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, path)
			// What a process that was killed leaves beside the file.
			if err := os.WriteFile(path+"-wal", make([]byte, 32), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is damaged"},
		{"damaged page", func(t *testing.T, path string) {
			n := openNotes(t, sqlite.Options{Path: path})
			for range 50 {
				if _, err := n.write(t.Context(), strings.Repeat("x", 3000)); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.store.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, path)
		}, "is damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			test.make(t, path)
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

// damage writes over some pages.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 30_000), 4096*20); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, path, sql string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(sql); err != nil {
		t.Fatal(err)
	}
}
