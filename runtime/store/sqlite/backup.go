package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

// Backup implements store.Store: a copy of one moment, in one file that needs
// no other beside it. It has no epoch, so that a start on it begins a new one
// and nobody resumes across the restore.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	dir, err := os.MkdirTemp(filepath.Dir(s.options.Path), ".backup-")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = s.backupTo(ctx, filepath.Join(dir, "copy.db"), w)
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func (s *Store) backupTo(ctx context.Context, path string, w io.Writer) error {
	// Its own connection: a copy takes longer than a statement may, and no
	// reader shall wait for it.
	c, err := openConn(s.options.Path, false, 0)
	if err != nil {
		return err
	}
	c.time.Context = ctx
	err = copyDatabase(c, path)
	if err := errors.Join(err, c.close()); err != nil {
		return statementError(ctx, err)
	}
	if err := detach(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, readerContext{ctx, f})
	return err
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
	b, err := c.db.BackupInit("main", path)
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

// detach makes the copy a file of its own: no WAL, no epoch.
func detach(path string) error {
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE|sqlite3.OPEN_NOFOLLOW)
	if err != nil {
		return err
	}
	err = errors.Join(
		db.Exec("PRAGMA journal_mode=DELETE"),
		db.Exec("DELETE FROM _meta WHERE key IN ('"+metaEpoch+"', '"+metaProbe+"')"),
	)
	return errors.Join(err, db.Close())
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
