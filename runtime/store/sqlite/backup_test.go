package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
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
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
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

func TestRestoreRefuses(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	n.must("kept")
	good := n.backedUp()
	newer := n.backedUp()
	execute(t, newer, "PRAGMA user_version=99")
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	execute(t, foreign, "CREATE TABLE t (x)")
	written := n.backedUp()
	execute(t, written, "UPDATE notes SET text='other'")
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "target.db")
	if err := os.WriteFile(target, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, code string }{
		{"absent", filepath.Join(t.TempDir(), "absent"), sqlite.CodeNoFile},
		{"a folder", t.TempDir(), sqlite.CodeNotOurs},
		{"a text", text, sqlite.CodeNotOurs},
		{"somebody else's", foreign, sqlite.CodeNotOurs},
		{"newer", newer, sqlite.CodeNewerFile},
		{"written to", written, sqlite.CodeDamaged},
		{"served", n.path(), sqlite.CodeInUse},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, kept, err := sqlite.Restore(t.Context(), c.file, target)
			if !fault.Is(err, c.code) || kept != "" {
				t.Errorf("%v, kept %q; want %s", err, kept, c.code)
			}
			if now, err := os.ReadFile(target); err != nil || string(now) != "as it was" {
				t.Errorf("the database is %q, %v", now, err)
			}
			for _, name := range names(t, filepath.Dir(target)) {
				if name != "target.db" && name != "target.db.lock" {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
	if _, _, err := sqlite.Restore(t.Context(), good, n.path()); !errors.Is(err, sqlite.ErrServed) {
		t.Errorf("onto a served database: %v", err)
	}
	if n.count() != 1 {
		t.Error("the served database was harmed")
	}
}

// TestRestoreKeeps puts a backup over a database that was not closed, and goes
// back again.
func TestRestoreKeeps(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	before := n.must("first")
	backup := n.backedUp()
	n.must("second")
	raw := filepath.Join(t.TempDir(), "crashed.db") // as a process that was killed leaves it
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(n.path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(raw+suffix, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, kept, err := sqlite.Restore(t.Context(), backup, raw)
	if err != nil || !strings.HasPrefix(kept, raw+".before-restore-") {
		t.Fatalf("kept %q, %v", kept, err)
	}
	for _, file := range []string{raw, kept} {
		if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	restored := openNotes(t, sqlite.Options{Path: raw})
	if got := restored.count(); got != 1 {
		t.Errorf("%d rows after the restore, want 1", got)
	}
	if _, err := restored.store.Changes(t.Context(), before.Cursor, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("changes across the restore: %v", err)
	}
	if err := restored.store.Close(); err != nil {
		t.Fatal(err)
	}
	// What was kept is a backup too, and gets an epoch of its own.
	contents, again, err := sqlite.Restore(t.Context(), kept, raw)
	if err != nil || contents.Rows[0] != 2 || again == "" || again == kept {
		t.Fatalf("back: %+v, kept %q, %v", contents, again, err)
	}
	back := openNotes(t, sqlite.Options{Path: raw})
	if got := back.count(); got != 2 {
		t.Errorf("%d rows after going back, want 2", got)
	}
	if _, err := back.store.Changes(t.Context(), before.Cursor, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("changes across the way back: %v", err)
	}
	// A backup of the restored one is sealed anew.
	if _, err := sqlite.Verify(t.Context(), back.backedUp()); err != nil {
		t.Error(err)
	}
}

// TestRestoreOverDamage keeps a database that cannot be opened as it is, its
// log with it.
func TestRestoreOverDamage(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	n.must("kept")
	backup := n.backedUp()
	path := filepath.Join(t.TempDir(), "broken.db")
	for suffix, content := range map[string]string{"": "broken", "-wal": "log"} {
		if err := os.WriteFile(path+suffix, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, kept, err := sqlite.Restore(t.Context(), backup, path)
	if err != nil {
		t.Fatal(err)
	}
	if was, err := os.ReadFile(kept); err != nil || string(was) != "broken" {
		t.Errorf("kept %q, %v", was, err)
	}
	if openNotes(t, sqlite.Options{Path: path}).count() != 1 {
		t.Error("the row is not there")
	}
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
	if schema, filled, err := sqlite.InspectFile(t.Context(), n.path()); err != nil || schema.Table("notes") == nil || len(filled) != 1 {
		t.Errorf("inspect: %v %v %v", schema, filled, err)
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

const restoreChild = "EDGEHIVE_RESTORE_CHILD"

// TestRestoreKilled ends processes in the middle of restores: whatever the
// moment, the database is the one before or the one after, whole.
func TestRestoreKilled(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	for range 30 {
		n.must(strings.Repeat("z", 20_000))
	}
	backup := n.backedUp()
	path := filepath.Join(t.TempDir(), "killed.db")
	other := openNotes(t, sqlite.Options{Path: path})
	other.must("one")
	if err := other.store.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 8 {
		child := exec.Command(os.Args[0], "-test.run=^TestRestoreChild$")
		child.Env = append(os.Environ(), restoreChild+"="+backup+"|"+path)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		poll(t, "a restore has begun", func() bool {
			left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.restore-*"))
			return len(left) > 0 || time.Since(began) > 10*time.Second
		})
		time.Sleep(time.Duration(round*7) * time.Millisecond) // another moment each round
		_ = child.Process.Kill()
		_ = child.Wait()
		now := openNotes(t, sqlite.Options{Path: path})
		if got := now.count(); got != 1 && got != 30 {
			t.Fatalf("round %d: %d rows, want 1 or 30", round, got)
		}
		if err := now.store.Close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range names(t, filepath.Dir(path)) {
			if strings.HasPrefix(name, ".") {
				t.Errorf("round %d: %s is left behind", round, name)
			}
		}
	}
}

// TestRestoreChild restores again and again until it is killed, or its parent
// must be gone.
func TestRestoreChild(t *testing.T) {
	from, path, child := strings.Cut(os.Getenv(restoreChild), "|")
	if !child {
		t.Skip("runs as a child of TestRestoreKilled")
	}
	for began := time.Now(); time.Since(began) < time.Minute; {
		_, kept, err := sqlite.Restore(context.Background(), from, path)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(kept)
	}
}
