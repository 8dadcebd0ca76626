package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Restore puts a verified copy of the file from in the place of the database,
// in one step. The database that was there is kept beside it, under the name
// that is returned, "" where there was none. A database that a process serves
// is a fault, and so is a file that Verify refuses: then nothing has changed.
// The next start begins a new epoch of the feed.
func Restore(ctx context.Context, from, path string) (Contents, string, error) {
	return restoreOn(ctx, system{}, from, path)
}

func restoreOn(ctx context.Context, d disk, from, path string) (Contents, string, error) {
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
	contents, kept, err := restore(ctx, d, from, resolved)
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

func restore(ctx context.Context, d disk, from, path string) (Contents, string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), passing(path, "restore"))
	if err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is swept at the next start
	copied := filepath.Join(dir, "copy.db")
	if err := d.Copy(ctx, from, copied); err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	contents, err := verify(ctx, copied, from)
	if err != nil {
		return Contents{}, "", err
	}
	if err := unseal(d, copied); err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	if err := d.Sync(copied); err != nil {
		return Contents{}, "", fmt.Errorf("restore: %w", err)
	}
	kept, err := setAside(d, path)
	if err != nil {
		return Contents{}, "", errors.Join(fmt.Errorf("keep the database that is there: %w", err), giveBack(d, path, kept))
	}
	if err := d.Rename(copied, path); err != nil {
		return Contents{}, "", errors.Join(fmt.Errorf("restore: %w", err), giveBack(d, path, kept))
	}
	return contents, kept, d.SyncFolder(filepath.Dir(path))
}

// unseal takes from a copy what makes it a backup, and what would let a client
// resume.
func unseal(d disk, path string) error {
	c, err := d.Files().openFile(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	err = c.db.Exec("PRAGMA journal_mode=DELETE")
	if err == nil {
		err = c.inTransaction(func() error {
			return c.execAll(forgetBackup, "DELETE FROM _meta WHERE key='"+metaEpoch+"'")
		})
	}
	return errors.Join(err, c.close())
}

// setAside gives the database a second name beside it, whole: the first still
// leads to it until another file takes its place. The caller holds the lock. What
// it gives with an error is to be given back.
func setAside(d disk, path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return "", removeBeside(d, path)
	}
	if err != nil {
		return "", err
	}
	settle(d, path)
	kept, err := keepAs(d, path, path+".before-restore-"+time.Now().UTC().Format("20060102T150405Z"))
	if err != nil {
		return "", err
	}
	// The log of a database that could not be settled goes with it: beside
	// another file it would be played into that.
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		if err := d.Rename(path+"-wal", kept+"-wal"); err != nil {
			return kept, err
		}
	}
	return kept, errors.Join(os.Chmod(kept, 0o600), removeBeside(d, path), d.SyncFolder(filepath.Dir(path)))
}

// keepAs gives a file a name that is free.
func keepAs(d disk, path, stem string) (string, error) {
	kept := stem
	for n := 2; ; n++ {
		err := d.Link(path, kept)
		switch {
		case err == nil:
			return kept, nil
		case errors.Is(err, fs.ErrExist):
			kept = stem + "-" + strconv.Itoa(n)
			continue
		}
		// A file system without links.
		if err := d.Copy(context.Background(), path, kept); err != nil {
			return "", errors.Join(err, removeIfThere(d, kept))
		}
		return kept, nil
	}
}

// giveBack undoes setAside: a database that stays must not lose its log.
func giveBack(d disk, path, kept string) error {
	if kept == "" {
		return nil
	}
	err := d.Rename(kept+"-wal", path+"-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the database that was there is whole only as %s: %w", kept, err)
	}
	return removeIfThere(d, kept)
}

// settle brings everything that was committed into the file itself. One that is
// too damaged for that is kept as it is.
func settle(d disk, path string) {
	c, err := d.Files().openConn(path, true, 0)
	if err != nil {
		return
	}
	_ = errors.Join(c.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"), c.close())
}

// removeBeside removes what belongs to the file that goes, and would harm the
// one that comes.
func removeBeside(d disk, path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := removeIfThere(d, path+suffix); err != nil {
			return err
		}
	}
	return nil
}

func removeIfThere(d disk, path string) error {
	if err := d.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
