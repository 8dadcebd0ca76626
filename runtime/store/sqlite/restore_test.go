package sqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

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

// refusing is a disk on which nothing takes the place of another file, and that
// is full by the time the database is set aside.
type refusing struct {
	folder
	target string
}

func (r refusing) Sync(path string) error {
	err := r.folder.Sync(path)
	r.disk.arm(isFull, 1)
	return err
}

func (r refusing) Rename(from, to string) error {
	if to == r.target {
		return errDisk
	}
	return r.folder.Rename(from, to)
}

// TestRestoreGivesBack fails to put a backup in the place of a database whose
// log could not be brought into its file: it stays as it was, log and all.
func TestRestoreGivesBack(t *testing.T) {
	disk := newFailingDisk(t)
	n := openNotes(t, sqlite.Options{})
	n.must("first")
	backup := n.backedUp()
	n.must("second")
	left := filepath.Join(t.TempDir(), "left.db") // as a process that was killed leaves it
	copyFile(t, n.path(), left)
	copyFile(t, n.path()+"-wal", left+"-wal")
	_, kept, err := sqlite.RestoreOn(t.Context(), refusing{folder{disk: disk}, left}, backup, left)
	disk.disarm()
	if !errors.Is(err, errDisk) || kept != "" {
		t.Errorf("%v, kept %q", err, kept)
	}
	for _, name := range names(t, filepath.Dir(left)) {
		if strings.Contains(name, "before-restore") {
			t.Errorf("left behind: %s", name)
		}
	}
	if rows := openNotes(t, sqlite.Options{Path: left}).count(); rows != 2 {
		t.Errorf("%d rows, want 2", rows)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
