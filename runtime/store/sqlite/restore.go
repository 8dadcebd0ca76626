package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/durable"
)

// Restore puts a verified copy of the file from in the place of the database,
// in one step. The database that was there is kept beside it, under the name
// that is returned, "" where there was none. A database that a process serves
// is a fault, and so is a file that Verify refuses: then nothing has changed.
// The next start begins a new epoch of the feed.
func Restore(ctx context.Context, from, path string) (Contents, string, error) {
	resolved, err := prepareFolder(path)
	if err != nil {
		return Contents{}, "", err
	}
	if _, err := plainFile(from, from); err != nil {
		return Contents{}, "", err
	}
	held, err := lock(resolved)
	if err != nil {
		return Contents{}, "", err
	}
	sweep(resolved)
	contents, kept, err := restore(ctx, from, resolved)
	return contents, kept, errors.Join(err, held.Close())
}

// prepareFolder makes the database's folder, and gives the database's name
// without symbolic links.
func prepareFolder(path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	resolved, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		return resolved, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("restore: %w", err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

func restore(ctx context.Context, from, path string) (Contents, string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), passing(path, "restore"))
	if err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is swept at the next start
	copied := filepath.Join(dir, "copy.db")
	if err := copyFile(ctx, from, copied); err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	contents, err := verify(ctx, copied, from)
	if err != nil {
		return Contents{}, "", err
	}
	if err := unseal(copied); err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	kept, err := setAside(path)
	if err != nil {
		return Contents{}, "", fmt.Errorf("keep the database that is there: %w", err)
	}
	if err := os.Rename(copied, path); err != nil {
		return Contents{}, kept, fmt.Errorf("restore: %w", err)
	}
	return contents, kept, durable.SyncFolder(filepath.Dir(path))
}

// unseal takes from a copy what makes it a backup, and what would let a client
// resume.
func unseal(path string) error {
	c, err := openFile(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	err = c.db.Exec("PRAGMA journal_mode=DELETE")
	if err == nil {
		err = c.inTransaction(func() error {
			return errors.Join(c.db.Exec(forgetBackup), c.db.Exec("DELETE FROM _meta WHERE key='"+metaEpoch+"'"))
		})
	}
	if err := errors.Join(err, c.close()); err != nil {
		return err
	}
	return syncFile(path)
}

// setAside gives the database a second name beside it, whole: the first still
// leads to it until another file takes its place. The caller holds the lock.
func setAside(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return "", removeBeside(path)
	}
	if err != nil {
		return "", err
	}
	settle(path)
	stem := path + ".before-restore-" + time.Now().UTC().Format("20060102T150405Z")
	kept := stem
	for n := 2; ; n++ {
		err := os.Link(path, kept)
		if errors.Is(err, fs.ErrExist) {
			kept = stem + "-" + strconv.Itoa(n)
			continue
		}
		if err != nil { // a file system without links
			err = copyFile(context.Background(), path, kept)
		}
		if err != nil {
			return "", err
		}
		break
	}
	// The log of a database that could not be settled goes with it: beside
	// another file it would be played into that.
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		if err := os.Rename(path+"-wal", kept+"-wal"); err != nil {
			return "", err
		}
	}
	return kept, errors.Join(os.Chmod(kept, 0o600), removeBeside(path), durable.SyncFolder(filepath.Dir(path)))
}

// settle brings everything that was committed into the file itself. One that is
// too damaged for that is kept as it is.
func settle(path string) {
	c, err := openConn(path, true, 0)
	if err != nil {
		return
	}
	_ = errors.Join(c.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"), c.close())
}

// removeBeside removes what belongs to the file that goes, and would harm the
// one that comes.
func removeBeside(path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyFile copies to a new file, readable by us alone and on the disk when it
// returns.
func copyFile(ctx context.Context, from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, readerContext{ctx, source})
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
