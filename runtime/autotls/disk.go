package autotls

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/durable"
)

// Disk is a vault in a folder, which only this user can read. Processes may share
// it: a lock is one of the system's, on a file, and ends with its process.
type Disk struct {
	dir string

	mu    sync.Mutex
	locks map[string]*os.File
}

// locksFolder is where locks are; nothing else is kept there.
const locksFolder = "locks"

// NewDisk opens a folder, which is made at the first use.
func NewDisk(dir string) *Disk { return &Disk{dir: dir, locks: make(map[string]*os.File)} }

// file is where a key is.
func (d *Disk) file(key string) (string, error) {
	name := filepath.FromSlash(key)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("certificates: %q is no key", key)
	}
	return filepath.Join(d.dir, name), nil
}

// Load reads a value.
func (d *Disk) Load(_ context.Context, key string) ([]byte, time.Time, error) {
	file, err := d.file(key)
	if err != nil {
		return nil, time.Time{}, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, time.Time{}, err
	}
	if info.IsDir() {
		return nil, time.Time{}, fs.ErrNotExist
	}
	value, err := os.ReadFile(file)
	return value, info.ModTime(), err
}

// Store writes a value, whole or not at all.
func (d *Disk) Store(_ context.Context, key string, value []byte) (err error) {
	file, err := d.file(key)
	if err != nil {
		return err
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(value)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return durable.SyncFolder(dir)
}

// Delete removes a value, and the folders that are empty then.
func (d *Disk) Delete(_ context.Context, key string) error {
	file, err := d.file(key)
	if err != nil {
		return err
	}
	if info, err := os.Stat(file); err != nil {
		return err
	} else if info.IsDir() {
		return fs.ErrNotExist
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	for dir := filepath.Dir(file); dir != d.dir && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
	}
	return nil
}

// List gives the keys below a prefix.
func (d *Disk) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	err := filepath.WalkDir(d.dir, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // nothing was stored yet, or it was deleted meanwhile
		case err != nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case entry.IsDir() && entry.Name() == locksFolder && filepath.Dir(file) == d.dir:
			return filepath.SkipDir
		case entry.IsDir() || strings.HasPrefix(entry.Name(), ".new-"):
			return nil
		}
		key, err := filepath.Rel(d.dir, file)
		if key = filepath.ToSlash(key); err == nil && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
		return err
	})
	return keys, err
}

// lockPoll is how often a lock that somebody has is tried.
const lockPoll = 100 * time.Millisecond

// Lock waits for a lock.
func (d *Disk) Lock(ctx context.Context, name string) error {
	for {
		got, err := d.TryLock(ctx, name)
		if got || err != nil {
			return err
		}
		if !sleep(ctx, lockPoll) {
			return ctx.Err()
		}
	}
}

// TryLock takes a lock where nobody has it.
func (d *Disk) TryLock(ctx context.Context, name string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	dir := filepath.Join(d.dir, locksFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(filepath.Join(dir, safeName(name)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	got, err := tryLock(f)
	if !got || err != nil {
		return false, errors.Join(err, f.Close())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locks[name] = f
	return true, nil
}

// Unlock gives a lock back. Its file stays: to remove it would let two have it.
func (d *Disk) Unlock(_ context.Context, name string) error {
	d.mu.Lock()
	f := d.locks[name]
	delete(d.locks, name)
	d.mu.Unlock()
	if f == nil {
		return fmt.Errorf("certificates: the lock %s is not ours", name)
	}
	return f.Close()
}

// safeName is a name as a file can have it.
func safeName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		case r == '*':
			return '+'
		}
		return '='
	}, name)
}
