package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

func (n *notebook) once(key string, texts ...string) query.Batch {
	w := query.Write{Op: query.Insert, Table: n.table, Returning: true}
	for _, text := range texts {
		w.Rows = append(w.Rows, query.Row{query.Null(), query.Text(text)})
	}
	return query.Batch{Writes: []query.Write{w}, Once: &query.Once{Key: key}}
}

// onFile runs SQL on the file of a store that is closed, and gives a number.
func onFile(t *testing.T, path, sql string) int64 {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var n int64
	if stmt.Step() {
		n = stmt.ColumnInt64(0)
	}
	if err := stmt.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOnceIsForgotten remembers batches across a start, and no longer than it
// says; what is too old leaves the file a bounded number at a time.
func TestOnceIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "once.db")
	n := openNotes(t, sqlite.Options{Path: path})
	for i := range 1200 {
		if _, err := n.view.Apply(t.Context(), n.once(fmt.Sprint("old", i), "x")); err != nil {
			t.Fatal(err)
		}
	}
	n.close()
	n = openNotes(t, sqlite.Options{Path: path})
	if result, err := n.view.Apply(t.Context(), n.once("old7", "x")); err != nil || !result.Replayed {
		t.Fatalf("after a start: %+v, %v; want the result of before", result, err)
	}
	n.close()
	age := func(by time.Duration) {
		onFile(t, path, fmt.Sprintf("UPDATE _once SET at=at-%d", by.Microseconds()))
	}
	age(23 * time.Hour) // what a slow machine takes is not a day
	n = openNotes(t, sqlite.Options{Path: path})
	if result, err := n.view.Apply(t.Context(), n.once("old7", "x")); err != nil || !result.Replayed {
		t.Fatalf("just within the day: %+v, %v; want the result of before", result, err)
	}
	n.close()
	age(time.Hour)
	n = openNotes(t, sqlite.Options{Path: path})
	if result, err := n.view.Apply(t.Context(), n.once("old1199", "x")); err != nil || result.Replayed {
		t.Fatalf("after a day: %+v, %v; want a new batch", result, err)
	}
	n.must("any commit")
	n.close()
	if left := onFile(t, path, "SELECT count(*) FROM _once"); left != 1200-2*512 {
		t.Errorf("%d batches are remembered after two commits, want %d", left, 1200-2*512)
	}
	n = openNotes(t, sqlite.Options{Path: path})
	for _, key := range []string{"nothing", "nothing again"} {
		if _, err := n.view.Apply(t.Context(), n.once(key)); err != nil {
			t.Fatal(err)
		}
	}
	n.close()
	if left := onFile(t, path, "SELECT count(*) FROM _once"); left != 3 {
		t.Errorf("%d batches are remembered, want the three of today", left)
	}
}

// TestOnceIsBounded refuses a repeatable batch whose result is too large to be
// kept, whole.
func TestOnceIsBounded(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	large := strings.Repeat("x", 5<<20)
	if _, err := n.view.Apply(t.Context(), n.once("large", large)); !fault.Is(err, "54000") {
		t.Errorf("got %v, want 54000", err)
	}
	if n.count() != 0 {
		t.Error("the refused batch left a row")
	}
	small := n.once("large", large)
	small.Writes[0].Returning = false
	for range 2 {
		if _, err := n.view.Apply(t.Context(), small); err != nil {
			t.Fatal(err)
		}
	}
	if n.count() != 1 {
		t.Errorf("%d rows, want 1", n.count())
	}
}

// TestOnceOfOlderFiles brings a file of format 1 to where batches are
// remembered.
func TestOnceOfOlderFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	n := openNotes(t, sqlite.Options{Path: path})
	n.must("before")
	n.close()
	for _, sql := range []string{"DROP TABLE _once", "DROP TABLE _history", "DROP TABLE _notes", "PRAGMA user_version=1"} {
		onFile(t, path, sql)
	}
	n = openNotes(t, sqlite.Options{Path: path})
	for range 2 {
		if _, err := n.view.Apply(t.Context(), n.once("k", "after")); err != nil {
			t.Fatal(err)
		}
	}
	if n.count() != 2 {
		t.Errorf("%d rows, want 2", n.count())
	}
	other := n.once("k", "after")
	other.Once.Request[31] = 1
	if _, err := n.view.Apply(t.Context(), other); !errors.Is(err, store.ErrKeyReused) {
		t.Errorf("got %v, want ErrKeyReused", err)
	}
	n.close()
	if got := onFile(t, path, "SELECT count(*) FROM sqlite_schema WHERE name='_once_at'"); got != 1 {
		t.Error("the upgraded file has no index by age")
	}
}

// TestOnceAcrossGroups puts repeated batches beside ones that lose the whole
// transaction: each is still done once.
func TestOnceAcrossGroups(t *testing.T) {
	withTimeouts(t, 300*time.Millisecond, func(timeout time.Duration, share int) bool { return onceAcrossGroups(t, timeout, share) })
}

func onceAcrossGroups(t *testing.T, timeout time.Duration, share int) (enough bool) {
	t.Helper()
	n := openNotes(t, sqlite.Options{})
	text := strings.Repeat("x", 20_000*share)
	n.must(text, text)
	sqlite.LimitStatements(n.store, timeout)
	ended := make(chan error)
	const sides = 48
	for i := range sides {
		go func() {
			if i%8 == 0 {
				_, err := n.view.Apply(t.Context(), query.Batch{Writes: []query.Write{
					{Op: query.Insert, Table: n.table, Rows: []query.Row{{query.Null(), query.Text("lost")}}},
					{Op: query.Delete, Table: n.table, Where: n.slow()},
				}})
				if err == nil {
					err = errors.New("the slow batch was kept")
				} else if fault.Is(err, "57014") {
					err = nil
				}
				ended <- err
				return
			}
			result, err := n.view.Apply(t.Context(), n.once(fmt.Sprint("k", i%4), "y"))
			if err == nil && len(result.Writes[0].Rows) != 1 {
				err = fmt.Errorf("the result has no row: %+v", result)
			}
			ended <- err
		}()
	}
	late := false
	for range sides {
		if err := <-ended; fault.Is(err, "57014") {
			late = true
		} else if err != nil {
			t.Error(err)
		}
	}
	if late {
		return false
	}
	sqlite.LimitStatements(n.store, 0)
	if got := n.count(); got != 2+4 {
		t.Errorf("%d rows, want 6", got)
	}
	return true
}
