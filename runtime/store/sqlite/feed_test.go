package sqlite_test

import (
	"bytes"
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

func (n *notebook) must(texts ...string) query.Result {
	n.Helper()
	result, err := n.write(n.Context(), texts...)
	if err != nil {
		n.Fatalf("write: %v", err)
	}
	return result
}

func (n *notebook) close() {
	n.Helper()
	if err := n.store.Close(); err != nil {
		n.Fatalf("close: %v", err)
	}
}

// TestFeedOutlivesTheProcess reads commits that no memory holds any more, and
// finds versions and cursors where they were.
func TestFeedOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.db")
	n := openNotes(t, sqlite.Options{Path: path})
	var last query.Result
	for i := range 10 {
		last = n.must(fmt.Sprint(i))
	}
	version := n.view.Version(n.table)
	n.close()

	n = openNotes(t, sqlite.Options{Path: path})
	if got, err := n.store.Position(t.Context()); err != nil || got != last.Cursor {
		t.Errorf("position %v, %v, want %v", got, err, last.Cursor)
	}
	if got := n.view.Version(n.table); got != version {
		t.Errorf("version %d, want %d", got, version)
	}
	next := n.must("10")
	if next.Cursor.Epoch != last.Cursor.Epoch || next.Cursor.Seq != last.Cursor.Seq+1 {
		t.Errorf("the next cursor is %v after %v", next.Cursor, last.Cursor)
	}
	var texts []string
	after := query.Cursor{}
	for {
		commits, err := n.store.Changes(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(commits) == 0 {
			break
		}
		for _, c := range commits {
			if c.Cursor.Seq != after.Seq+1 {
				t.Fatalf("commit %v after %v", c.Cursor, after)
			}
			after = c.Cursor
			row, err := query.DecodeRow(n.table, c.Changes[0].After)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, row[1].S)
		}
	}
	if got := strings.Join(texts, " "); got != "0 1 2 3 4 5 6 7 8 9 10" {
		t.Errorf("the feed is %s", got)
	}
}

// A page that is read from the database is bounded by its bytes, and the next
// goes on where it ended.
func TestFeedPagesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.db")
	n := openNotes(t, sqlite.Options{Path: path})
	large := strings.Repeat("x", 400<<10)
	for range 8 {
		n.must(large)
	}
	n.close()
	n = openNotes(t, sqlite.Options{Path: path})
	defer n.close()
	after, pages := query.Cursor{}, 0
	for {
		commits, err := n.store.Changes(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(commits) == 0 {
			break
		}
		if len(commits) > 4 {
			t.Fatalf("%d commits of 400 KiB in a page", len(commits))
		}
		for _, c := range commits {
			if c.Cursor.Seq != after.Seq+1 {
				t.Fatalf("commit %v after %v", c.Cursor, after)
			}
			after = c.Cursor
		}
		pages++
	}
	if after.Seq != 8 || pages < 2 {
		t.Errorf("%d commits in %d pages", after.Seq, pages)
	}
}

func TestFeedIsTrimmed(t *testing.T) {
	for _, test := range []struct {
		name    string
		options sqlite.Options
	}{
		{"by size", sqlite.Options{ChangesMax: 2000}},
		{"by age", sqlite.Options{ChangesKeep: time.Millisecond}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := openNotes(t, test.options)
			first := n.must("first")
			for i := range 50 {
				n.must(fmt.Sprintf("%0100d", i))
				time.Sleep(time.Millisecond / 4)
			}
			if _, err := n.store.Changes(t.Context(), first.Cursor, 10); !errors.Is(err, store.ErrTruncated) {
				t.Errorf("changes after the first commit: %v, want ErrTruncated", err)
			}
			at, err := n.store.Position(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n.must("last")
			if commits, err := n.store.Changes(t.Context(), at, 10); err != nil || len(commits) != 1 {
				t.Errorf("changes after the last but one: %v, %v", commits, err)
			}
			n.close()
			db, err := sqlite3.Open(n.path())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			stmt, _, err := db.Prepare("SELECT count(*) FROM _feed")
			if err != nil {
				t.Fatal(err)
			}
			defer stmt.Close()
			if !stmt.Step() || stmt.ColumnInt(0) > 25 {
				t.Errorf("%d commits are kept", stmt.ColumnInt(0))
			}
		})
	}
}

// TestRestore starts on a backup: all rows are there, and no cursor of before
// is good any more.
func TestRestore(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	before := n.must("kept")
	version := n.view.Version(n.table)
	var copied bytes.Buffer
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := n.write(t.Context(), "meanwhile"); err != nil {
					t.Errorf("write: %v", err)
					return
				}
			}
		}
	})
	err := n.store.Backup(t.Context(), &copied)
	close(stop)
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(n.path()), ".*.backup-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	path := filepath.Join(t.TempDir(), "restored.db")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	restored := openNotes(t, sqlite.Options{Path: path})
	if restored.count() == 0 {
		t.Error("the restored database is empty")
	}
	if _, err := restored.store.Changes(t.Context(), before.Cursor, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("changes across a restore: %v, want ErrTruncated", err)
	}
	if restored.view.Version(restored.table) == version {
		t.Error("the version is that of before the restore")
	}
	if at := restored.must("more").Cursor; at.Compare(before.Cursor) <= 0 {
		t.Errorf("cursor %v is not after %v", at, before.Cursor)
	}
}

// TestRevision checks the hidden _rev: one more a write, and never the same for
// a key, even for a row that comes again.
func TestRevision(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	rev := func() int64 {
		t.Helper()
		column := &query.Column{Name: "_rev", Type: query.Type{Kind: query.KindInt}, Index: -1}
		outputs := []query.Output{{Name: "rev", Expr: &query.ColumnRef{Table: n.table, Column: column}}}
		w := query.NewJSONWriter(nil, query.NewJSONShape(outputs))
		if _, err := n.view.Select(t.Context(), query.Select{Table: n.table, Columns: outputs, Limit: 1}, w); err != nil {
			t.Fatal(err)
		}
		var got int64
		if _, err := fmt.Sscanf(string(w.Bytes()), `[{"rev":%d}]`, &got); err != nil {
			t.Fatalf("%s: %v", w.Bytes(), err)
		}
		return got
	}
	insert := query.Write{Op: query.Insert, Table: n.table, Rows: []query.Row{{query.Int(1), query.Text("a")}}}
	update := query.Write{Op: query.Update, Table: n.table, Set: []query.Assignment{{Column: n.table.Column("text"), Value: query.NewLiteral(query.Text("b"))}}}
	remove := query.Write{Op: query.Delete, Table: n.table}
	apply := func(writes ...query.Write) {
		t.Helper()
		if _, err := n.view.Apply(t.Context(), query.Batch{Writes: writes}); err != nil {
			t.Fatal(err)
		}
	}
	apply(insert)
	seen := rev()
	for range 3 {
		apply(update)
		if got := rev(); got != seen+1 {
			t.Fatalf("revision %d after %d", got, seen)
		}
		seen++
	}
	apply(remove, insert)
	if got := rev(); got <= seen {
		t.Fatalf("revision %d was used before", got)
	}
	seen = rev()
	apply(update, update, remove)
	path := n.path()
	n.close()
	n = openNotes(t, sqlite.Options{Path: path})
	insert.Table = n.table
	apply(insert)
	if got := rev(); got <= seen+2 {
		t.Fatalf("revision %d was used before the restart", got)
	}
}

// TestMigrationGate renames under load: every statement ends well, or says that
// its tables are being changed.
func TestMigrationGate(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	n.must("one")
	outputs, shape := selection(n.table)
	stop := make(chan struct{})
	var load sync.WaitGroup
	for i := range 4 {
		load.Go(func() {
			w := query.NewJSONWriter(nil, shape)
			for {
				select {
				case <-stop:
					return
				default:
				}
				var err error
				if i%2 == 0 {
					_, err = n.view.Select(t.Context(), query.Select{Table: n.table, Columns: outputs, Limit: 1}, w)
				} else {
					_, err = n.write(t.Context(), "x")
				}
				if err != nil && !fault.Is(err, "PGRST002") {
					t.Errorf("under a migration: %v", err)
					return
				}
			}
		})
	}
	have, err := n.store.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := plan.FromQuery(query.NewSchema([]*query.Table{n.table}))
	want.Tables[0].Name, want.Tables[0].Was = "memos", "notes"
	err = n.store.Migrate(t.Context(), plan.Diff(have, want, nil))
	close(stop)
	load.Wait()
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	if _, err := n.write(t.Context(), "late"); !fault.Is(err, "PGRST002") {
		t.Errorf("write through the old view: %v, want PGRST002", err)
	}
	memos := query.NewTable("memos", notes().Columns, nil)
	if _, err := n.store.Open(t.Context(), query.NewSchema([]*query.Table{memos})); err != nil {
		t.Errorf("open: %v", err)
	}
	if _, err := n.store.Open(t.Context(), query.NewSchema([]*query.Table{notes()})); !errors.Is(err, store.ErrMoved) {
		t.Errorf("open with the old schema: %v, want ErrMoved", err)
	}
}

func TestExplainUsesIndexes(t *testing.T) {
	table := notes()
	table.Indexes = []*query.Index{
		{Name: "byText", Columns: []*query.Column{table.Column("text")}},
	}
	s := openStore(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "explain.db")})
	defer s.Close()
	schema := query.NewSchema([]*query.Table{table})
	if err := s.Migrate(t.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(t.Context(), schema)
	if err != nil {
		t.Fatal(err)
	}
	text, id := table.Ref(table.Column("text")), table.Ref(table.Key())
	for name, where := range map[string]query.Expr{
		"USING INTEGER PRIMARY KEY": &query.Compare{Left: id, Right: query.NewLiteral(query.Int(1))},
		`"notes.byText"`:            &query.In{Operand: text, List: []query.Expr{query.NewLiteral(query.Text("a")), query.NewLiteral(query.Text("b"))}},
		"notes.byText (text>?":      &query.Compare{Op: query.Greater, Left: text, Right: query.NewLiteral(query.Text("a"))},
	} {
		got, err := v.Explain(t.Context(), query.Select{Table: table, Where: where, Order: []query.Order{{Expr: text}}, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got, strings.Trim(name, `"`)) {
			t.Errorf("no %s in\n%s", name, got)
		}
	}
}
