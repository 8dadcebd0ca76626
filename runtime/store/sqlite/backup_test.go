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

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// backedUp writes a backup of a notebook to a new file.
func (n *notebook) backedUp() string {
	n.Helper()
	path := filepath.Join(n.TempDir(), "notes.backup")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		n.Fatal(err)
	}
	if err := errors.Join(n.store.Backup(n.Context(), f), f.Close()); err != nil {
		n.Fatal(err)
	}
	return path
}

// TestBackupUnderWriters restores elsewhere what was copied while 16 wrote:
// every row that was acknowledged before is there, none is there twice, and
// none that was never written.
func TestBackupUnderWriters(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	var mu sync.Mutex
	begun, acknowledged := map[string]bool{}, map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("%d-%d-%s", w, i, strings.Repeat("x", 300))
				mu.Lock()
				begun[text] = true
				mu.Unlock()
				if _, err := n.write(t.Context(), text); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				mu.Lock()
				acknowledged[text] = true
				mu.Unlock()
			}
		})
	}
	for round := range 3 {
		poll(t, "rows", func() bool { mu.Lock(); defer mu.Unlock(); return len(acknowledged) > 300*(round+1) })
		mu.Lock()
		before := make([]string, 0, len(acknowledged))
		for text := range acknowledged {
			before = append(before, text)
		}
		mu.Unlock()
		backup := n.backedUp()
		path := filepath.Join(t.TempDir(), "elsewhere.db")
		contents, kept, err := sqlite.Restore(t.Context(), backup, path)
		if err != nil || kept != "" {
			t.Fatalf("restore: %v, kept %q", err, kept)
		}
		restored := openNotes(t, sqlite.Options{Path: path})
		seen := &secondCounter{seen: map[string]int{}}
		columns := []query.Output{{Name: "text", Expr: restored.table.Ref(restored.table.Column("text"))}}
		if _, err := restored.view.Select(t.Context(), query.Select{Table: restored.table, Columns: columns, Limit: -1}, seen); err != nil {
			t.Fatal(err)
		}
		for _, text := range before {
			if seen.seen[text] != 1 {
				t.Fatalf("acknowledged row %.10s is there %d times", text, seen.seen[text])
			}
		}
		mu.Lock()
		for text := range seen.seen {
			if !begun[text] {
				t.Fatalf("row %.10s was never written", text)
			}
		}
		mu.Unlock()
		if contents.Rows[0] != int64(len(seen.seen)) || contents.Made.IsZero() || contents.Cursor == "0.0" {
			t.Errorf("contents %+v, but %d rows", contents, len(seen.seen))
		}
	}
	stop()
	writers.Wait()
}

type secondCounter struct {
	query.JSONWriter
	seen map[string]int
}

func (k *secondCounter) BeginRow()     {}
func (k *secondCounter) Text(s []byte) { k.seen[string(s)]++ }
func (k *secondCounter) EndRow() error { return nil }

func poll(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestVerifyFindsEveryByte turns bytes all over a backup and cuts it short: no
// such file passes, and none is touched.
func TestVerifyFindsEveryByte(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	for i := range 60 {
		n.must(fmt.Sprintf("note %d %s", i, strings.Repeat("y", 50)))
	}
	good := n.backedUp()
	contents, err := sqlite.Verify(t.Context(), good)
	if err != nil || contents.Rows[0] != 60 {
		t.Fatalf("the whole one: %+v, %v", contents, err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	step := len(whole)/400 | 1
	var places []int
	for i := 0; i < len(whole); i += step {
		places = append(places, i)
	}
	for _, mark := range []string{"seal", "made", "cursor", "note 7 ", "edge-hive"} {
		if i := bytes.Index(whole, []byte(mark)); i >= 0 {
			for j := range 20 {
				places = append(places, i+j)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "bad.backup")
	for _, at := range places {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(whole)
			bad[at] ^= bit
			checkRefused(t, path, bad, fmt.Sprintf("byte %d turned by %x", at, bit))
		}
	}
	for _, length := range []int{0, 10, 100, 4096, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		checkRefused(t, path, whole[:length], fmt.Sprintf("cut to %d", length))
	}
	checkRefused(t, path, append(bytes.Clone(whole), 0), "one byte more")
}

func checkRefused(t *testing.T, path string, content []byte, what string) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Verify(t.Context(), path)
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code == fault.CodeInternal || !strings.Contains(f.Message, "bad.backup") {
		t.Fatalf("%s: %v", what, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
		t.Fatalf("%s: the file was touched: %v", what, err)
	}
	if beside := names(t, filepath.Dir(path)); len(beside) != 1 {
		t.Fatalf("%s: beside it are %v", what, beside)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(entries))
	for i, entry := range entries {
		all[i] = entry.Name()
	}
	return all
}

func TestBackupFile(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	n.must("kept")
	var out bytes.Buffer
	if err := sqlite.BackupFile(t.Context(), n.path(), &out); !errors.Is(err, sqlite.ErrServed) || out.Len() > 0 {
		t.Errorf("of a served one: %v, %d bytes", err, out.Len())
	}
	if err := sqlite.BackupFile(t.Context(), filepath.Join(t.TempDir(), "absent.db"), &out); !errors.Is(err, sqlite.ErrNoDatabase) {
		t.Errorf("of none: %v", err)
	}
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(n.path())
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlite.BackupFile(t.Context(), n.path(), &out); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(n.path()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database has changed: %v", err)
	}
	path := filepath.Join(t.TempDir(), "offline.backup")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if contents, err := sqlite.Verify(t.Context(), path); err != nil || contents.Rows[0] != 1 {
		t.Errorf("%+v, %v", contents, err)
	}
	if found, err := sqlite.InspectFile(t.Context(), n.path()); err != nil || found.Schema.Table("notes") == nil || len(found.Filled) != 1 || len(found.Drift) != 0 {
		t.Errorf("inspect: %+v, %v", found, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sqlite.BackupFile(ended, n.path(), &out); err == nil {
		t.Error("an ended context makes a backup")
	}
	for _, name := range names(t, filepath.Dir(n.path())) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("left behind: %s", name)
		}
	}
}
