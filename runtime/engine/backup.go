package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/edge-hive/edge-hive/runtime/durable"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// Backup says what a backup holds.
type Backup struct {
	File string `json:"file"`
	// Made is when it was made; zero for a database that was set aside.
	Made  time.Time `json:"made,omitzero"`
	Bytes int64     `json:"bytes"`
	Rows  int64     `json:"rows"` // of all tables
	// Cursor is that of the last commit in it.
	Cursor string      `json:"cursor"`
	Tables []TableRows `json:"tables"`
}

// TableRows is how many rows a table has.
type TableRows struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Source is a database that can be backed up.
type Source struct {
	// Server is asked first; when none runs, the manifest's database is read.
	Server   *admin.Client
	Manifest *manifest.Manifest // nil where it is not known
}

// path is that of the database's file, "" where there is none or none is known.
func (s Source) path() string {
	if s.Manifest == nil {
		return ""
	}
	return s.Manifest.Database.Path
}

// codeTarget is a backup's file that cannot be written.
const codeTarget = "target"

// WriteBackup makes a backup of a running server, or of a database that nobody
// serves, as target: all of it, proven, or nothing. A file that is there is
// replaced only by force. An end of the context removes what was begun.
func WriteBackup(ctx context.Context, from Source, target string, force bool) (_ Backup, err error) {
	if from.Manifest != nil && !hasCopies(from.Manifest) {
		return Backup{}, errNoBackup
	}
	target, err = filepath.Abs(target)
	if err != nil {
		return Backup{}, err
	}
	if err := checkTarget(from, target, force); err != nil {
		return Backup{}, err
	}
	dir := filepath.Dir(target)
	sweepPartial(target)
	f, err := os.CreateTemp(dir, partial(target)+"*") // 0600
	if err != nil {
		return Backup{}, targetFault(target, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	err = StreamBackup(ctx, from, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Backup{}, err
	}
	contents, err := sqlite.Verify(ctx, f.Name())
	if err != nil {
		return Backup{}, fmt.Errorf("the backup is not whole: %w", err)
	}
	if err := place(f.Name(), target, force); err != nil {
		return Backup{}, targetFault(target, err)
	}
	return backupOf(target, contents), nil
}

// StreamBackup writes a backup to w. The copy is proven before its first byte
// is written; who reads it finds with VerifyBackup whether all has arrived.
func StreamBackup(ctx context.Context, from Source, w io.Writer) error {
	if from.Manifest != nil && !hasCopies(from.Manifest) {
		return errNoBackup
	}
	path := from.path()
	err := from.Server.Backup(ctx, w)
	if !errors.Is(err, admin.ErrNotRunning) || path == "" {
		return err
	}
	err = sqlite.BackupFile(ctx, path, w)
	if errors.Is(err, sqlite.ErrNoDatabase) {
		return fault.Newf(sqlite.CodeNoFile, "there is no database %s yet", path).WithHint("start the server once: edge-hive serve")
	}
	return err
}

// checkTarget refuses what shall not be replaced.
func checkTarget(from Source, target string, force bool) error {
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return targetFault(target, err)
	case !info.Mode().IsRegular():
		return fault.Newf(codeTarget, "%s is not a file that can be replaced", target).WithHint("name a file")
	case !force:
		return fault.Newf(codeTarget, "%s is there already", target).WithHint("name another file, or replace it with --force")
	}
	if served, err := os.Stat(from.path()); err == nil && os.SameFile(served, info) {
		return fault.Newf(codeTarget, "%s is the database itself", target).WithHint("name another file")
	}
	return nil
}

func targetFault(target string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fault.Newf(codeTarget, "%s is there already", target).WithHint("name another file, or replace it with --force")
	}
	var failed *fs.PathError
	var linked *os.LinkError
	switch {
	case errors.As(err, &failed):
		err = failed.Err
	case errors.As(err, &linked):
		err = linked.Err
	}
	return fault.Newf(codeTarget, "%s cannot be written: %v", target, err).WithHint("name a folder that is there and that this user may write to")
}

// partial begins the names of a backup's file while it is written.
func partial(target string) string { return "." + filepath.Base(target) + ".partial-" }

// abandoned is the age at which a file that nobody writes to any more was left
// by a process that was killed.
const abandoned = time.Hour

// sweepPartial removes what earlier backups to this target left when they were
// killed.
func sweepPartial(target string) {
	entries, err := os.ReadDir(filepath.Dir(target))
	if err != nil {
		return // the target cannot be written either, which is said then
	}
	for _, entry := range entries {
		begin := partial(target)
		if len(entry.Name()) <= len(begin) || entry.Name()[:len(begin)] != begin {
			continue
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(filepath.Dir(target), entry.Name())) // it only takes room
		}
	}
}

// place gives a finished file its name, durably. Without force a file that came
// meanwhile is left alone.
func place(from, target string, force bool) error {
	if force {
		if err := os.Rename(from, target); err != nil {
			return err
		}
		return durable.SyncFolder(filepath.Dir(target))
	}
	err := os.Link(from, target)
	switch {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil: // a file system without links
		if err := os.Rename(from, target); err != nil {
			return err
		}
	}
	return durable.SyncFolder(filepath.Dir(target))
}

func backupOf(file string, contents sqlite.Contents) Backup {
	b := Backup{File: file, Made: contents.Made, Bytes: contents.Bytes, Cursor: contents.Cursor, Tables: []TableRows{}}
	for i := range contents.Schema.Tables {
		b.Tables = append(b.Tables, TableRows{Name: contents.Schema.Tables[i].Name, Rows: contents.Rows[i]})
		b.Rows += contents.Rows[i]
	}
	return b
}

// answerBackup streams a backup. One that fails on the way cuts the connection,
// so that half of it is not taken for the whole.
func (e *Engine) answerBackup(w http.ResponseWriter, r *http.Request) {
	if !hasCopies(e.Manifest()) {
		http.Error(w, errNoBackup.Message+"; "+errNoBackup.Hint, http.StatusNotImplemented)
		return
	}
	began := time.Now()
	w.Header().Set("Content-Type", "application/vnd.sqlite3")
	counted := &countingWriter{w: w}
	err := e.shared.store.Backup(r.Context(), counted)
	if err == nil {
		e.log.Info("backup", "bytes", counted.n, "took", time.Since(began).Round(time.Millisecond).String())
		return
	}
	e.log.Error("backup", "error", err)
	if counted.n > 0 {
		panic(http.ErrAbortHandler)
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
