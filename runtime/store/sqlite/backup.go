package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Backup implements store.Store: a copy of one moment, in one file that needs
// no other beside it and that is sealed, so that Verify finds any byte that has
// changed. It has no epoch: a start on it begins a new one, and nobody resumes
// across the restore.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.gate.Enter(ctx); err != nil {
		return err
	}
	dir, err := copyAside(ctx, s.options.files, s.options.Path)
	s.gate.Leave() // who reads slowly keeps no migration waiting
	return sendAway(ctx, dir, err, w)
}

// copyName is the copy in the folder that copyAside makes.
const copyName = "copy.db"

// copyAside makes a sealed copy of the database at path in a folder beside it,
// whole and proven before any of it is sent. The folder is to be removed, also
// after an error.
func copyAside(ctx context.Context, in files, path string) (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), passing(path, "backup"))
	if err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	// Its own connection: a copy takes longer than a statement may, and no
	// reader shall wait for it.
	c, err := in.openConn(path, false, 0)
	if err != nil {
		return dir, unreadable(path, err)
	}
	c.time.Context = ctx
	if err = checkOurs(c, path); err == nil {
		err = copyDatabase(c, filepath.Join(dir, copyName))
	}
	if err = errors.Join(err, c.close()); err == nil {
		err = detach(ctx, in, filepath.Join(dir, copyName))
	}
	if err != nil {
		return dir, fmt.Errorf("backup: %w", statementError(ctx, err))
	}
	return dir, nil
}

// sendAway writes the copy in dir, if err is nil, and removes it.
func sendAway(ctx context.Context, dir string, err error, w io.Writer) error {
	if err == nil {
		err = send(ctx, filepath.Join(dir, copyName), w)
	}
	if dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func send(ctx context.Context, path string, w io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, readerContext{ctx, f}); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// copyDatabase copies in steps within one read transaction, so that the copy
// is of one moment and writers do not start it again.
func copyDatabase(c *conn, path string) error {
	if err := c.db.Exec("BEGIN"); err != nil {
		return err
	}
	defer c.endRead()
	if _, err := queryInt(c.db, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	address, _ := c.files.address(path, 0) // the driver reads it as an URI always
	b, err := c.db.BackupInit("main", address)
	if err != nil {
		return err
	}
	defer b.Close()
	for {
		done, err := b.Step(backupPages)
		if err != nil || done {
			return err
		}
		if err := c.time.Err(); err != nil {
			return err
		}
	}
}

// backupPages are copied between two looks at the context.
const backupPages = 1024

// passing is the pattern of the names of what stands beside a database only
// while something runs; sweep removes what a process that was killed left.
func passing(path, what string) string {
	return "." + filepath.Base(path) + "." + what + "-*"
}

// sweep is called by whoever holds the database's lock.
func sweep(path string) {
	for _, what := range []string{"backup", "restore"} {
		left, err := filepath.Glob(filepath.Join(globbed(filepath.Dir(path)), globbed("."+filepath.Base(path)+"."+what+"-")+"*"))
		if err != nil {
			continue // a name that cannot be matched: what is left only takes room
		}
		for _, name := range left {
			_ = os.RemoveAll(name) // the same
		}
	}
}

// globbed is a name as a pattern that matches it alone.
func globbed(name string) string {
	if runtime.GOOS == "windows" {
		return name // there is no escape, and no such name
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// readerContext ends a copy with its context.
type readerContext struct {
	ctx context.Context
	io.Reader
}

func (r readerContext) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
