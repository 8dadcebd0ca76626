package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// failure is how a failing disk fails from its n-th operation on.
type failure int

const (
	failsOnce  failure = iota // that operation alone
	isFull                    // every write, until there is room again
	isReadOnly                // everything but a sync, and no file opens to be written
	isTorn                    // that write is half done, and nothing is done after it
	isCut                     // nothing is done after it, and what was not synced is lost or not, by chance
	failures
)

func (f failure) String() string {
	return [...]string{"once", "full", "read-only", "torn", "power cut"}[f]
}

var errDisk = errors.New("the disk fails")

// failingDisk is the operating system's file system as the driver sees it, but
// that it counts what would change a file and fails as it was told. It does not
// wait for the disk: what was synced is kept account of, for a power cut.
type failingDisk struct {
	vfs.VFSFilename

	mu      sync.Mutex
	armed   bool
	failure failure
	at      int // the operation that fails; 0 is none
	done    int // operations since it was armed
	dead    bool
	hit     bool
	pending map[string][]unsynced // by file
}

// unsynced is a write or truncation that no sync has followed.
type unsynced struct {
	at            int64
	before, after []byte
	size          int64 // of the file before it
	truncatedTo   int64 // -1 for a write
}

const failingName = "failing"

// newFailingDisk lets the driver find it, under its name, for the time of a test.
func newFailingDisk(t *testing.T) *failingDisk {
	t.Helper()
	system, ok := vfs.Find("os").(vfs.VFSFilename)
	if !ok {
		t.Fatal("the driver's file system cannot be wrapped")
	}
	d := &failingDisk{VFSFilename: system, pending: map[string][]unsynced{}}
	vfs.Register(failingName, d)
	t.Cleanup(func() { vfs.Unregister(failingName) })
	return d
}

// arm makes the n-th operation from now fail; 0 only counts.
func (d *failingDisk) arm(f failure, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed, d.failure, d.at, d.done, d.dead, d.hit = true, f, n, 0, false, false
	clear(d.pending)
}

// disarm mends the disk, and gives how many operations there were, and whether
// one failed.
func (d *failingDisk) disarm() (done int, hit bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed, d.dead = false, false
	return d.done, d.hit
}

type operation int

const (
	opWrite operation = iota
	opSync
	opOther
)

// operate counts one operation; an error is its failure.
func (d *failingDisk) operate(op operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.armed {
		return nil
	}
	d.done++
	if d.dead {
		return errDisk
	}
	if d.at == 0 || d.done < d.at {
		return nil
	}
	switch d.failure {
	case isFull:
		if op == opWrite {
			d.hit = true
			return &fs.PathError{Op: "write", Err: syscall.ENOSPC} // as the system's own
		}
		return nil
	case isReadOnly:
		if op == opSync {
			return nil
		}
		d.hit = true
		return &fs.PathError{Op: "write", Err: syscall.EROFS}
	case failsOnce:
		if d.done > d.at {
			return nil
		}
	default:
		d.dead = true
	}
	d.hit = true
	return errDisk
}

// OpenFilename implements vfs.VFSFilename.
func (d *failingDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&vfs.OPEN_READWRITE != 0 && d.isReadOnly() {
		return nil, flags, &fs.PathError{Op: "open", Err: syscall.EROFS}
	}
	f, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil || name == nil {
		return f, flags, err
	}
	system, ok := f.(systemFile)
	if !ok {
		return nil, flags, fmt.Errorf("a file of the system is a %T", f)
	}
	return &failingFile{systemFile: system, disk: d, name: name.String()}, flags, nil
}

func (d *failingDisk) isReadOnly() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.armed && d.failure == isReadOnly && d.at > 0 && d.done >= d.at
}

// Delete implements vfs.VFS.
func (d *failingDisk) Delete(name string, syncDir bool) error {
	if err := d.operate(opOther); err != nil {
		return err
	}
	d.forget(name)
	return d.VFSFilename.Delete(name, syncDir)
}

// folder is what a restore does on the disk; names that were made are taken as
// synced.
type folder struct {
	sqlite.System
	disk *failingDisk
}

// Files is the same disk as the driver sees it.
func (f folder) Files() sqlite.Files { return failingName }

func (f folder) Copy(ctx context.Context, from, to string) error {
	return f.write(func() error { return f.System.Copy(ctx, from, to) })
}

func (f folder) Link(from, to string) error {
	return f.other(func() error { return f.System.Link(from, to) })
}

func (f folder) Rename(from, to string) error {
	return f.other(func() error { return f.System.Rename(from, to) })
}

func (f folder) Remove(path string) error {
	return f.other(func() error { return f.System.Remove(path) })
}

func (f folder) SyncFolder(path string) error {
	return f.other(func() error { return f.System.SyncFolder(path) })
}

func (f folder) Sync(path string) error {
	if err := f.disk.operate(opSync); err != nil {
		return err
	}
	f.disk.forget(path)
	return nil
}

func (f folder) write(do func() error) error {
	if err := f.disk.operate(opWrite); err != nil {
		return err
	}
	return do()
}

func (f folder) other(do func() error) error {
	if err := f.disk.operate(opOther); err != nil {
		return err
	}
	return do()
}

// forget takes what a file holds as synced.
func (d *failingDisk) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pending, name)
}

// note keeps what a write or truncation is about to change.
func (d *failingDisk) note(f *failingFile, u unsynced) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.armed || d.failure != isCut {
		return nil
	}
	var err error
	if u.size, err = f.Size(); err != nil {
		return err
	}
	from, to := u.at, u.at+int64(len(u.after))
	if u.truncatedTo >= 0 {
		from, to = u.truncatedTo, u.size
	}
	u.before = make([]byte, max(0, min(to, u.size)-from))
	if _, err := f.ReadAt(u.before, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	u.at = from
	d.pending[f.name] = append(d.pending[f.name], u)
	return nil
}

// cutPower undoes what was not synced, or some of it; no file may be open.
func (d *failingDisk) cutPower(chance *rand.Rand) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs error
	for name, changes := range d.pending {
		errs = errors.Join(errs, undo(name, changes, chance))
	}
	clear(d.pending)
	return errs
}

func undo(name string, changes []unsynced, chance *rand.Rand) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed, or has another name, and was synced before
	}
	if err != nil {
		return err
	}
	var errs error
	for i := len(changes) - 1; i >= 0; i-- {
		_, err := f.WriteAt(changes[i].before, changes[i].at)
		errs = errors.Join(errs, err, f.Truncate(changes[i].size))
	}
	keep := chance.IntN(4) // of three writes that many reach the disk
	for _, u := range changes {
		if chance.IntN(3) >= keep {
			continue
		}
		if u.truncatedTo >= 0 {
			errs = errors.Join(errs, f.Truncate(u.truncatedTo))
			continue
		}
		part := u.after
		if keep < 3 && chance.IntN(3) == 0 {
			part = part[:len(part)/2]
		}
		_, err := f.WriteAt(part, u.at)
		errs = errors.Join(errs, err)
	}
	return errors.Join(errs, f.Close())
}

// systemFile is what the operating system's files can do.
type systemFile interface {
	vfs.FileSharedMemory
	vfs.FileLockState
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileHasMoved
	vfs.FileSizeHint
}

type failingFile struct {
	systemFile
	disk *failingDisk
	name string
}

// WriteAt implements vfs.File.
func (f *failingFile) WriteAt(p []byte, off int64) (int, error) {
	failed := f.disk.operate(opWrite)
	if failed != nil {
		if f.disk.tears() {
			_, err := f.systemFile.WriteAt(p[:len(p)/2], off)
			failed = errors.Join(failed, err)
		}
		return 0, failed
	}
	if err := f.disk.note(f, unsynced{at: off, after: append([]byte(nil), p...), truncatedTo: -1}); err != nil {
		return 0, err
	}
	return f.systemFile.WriteAt(p, off)
}

// tears reports the one operation that is half done.
func (d *failingDisk) tears() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure == isTorn && d.done == d.at
}

// Truncate implements vfs.File.
func (f *failingFile) Truncate(size int64) error {
	if err := f.disk.operate(opOther); err != nil {
		return err
	}
	if err := f.disk.note(f, unsynced{truncatedTo: size}); err != nil {
		return err
	}
	return f.systemFile.Truncate(size)
}

// Sync implements vfs.File.
func (f *failingFile) Sync(vfs.SyncFlag) error {
	if err := f.disk.operate(opSync); err != nil {
		return err
	}
	f.disk.forget(f.name)
	return nil
}

// SizeHint implements vfs.FileSizeHint. It is a hint: room that was not made
// fails the write.
func (f *failingFile) SizeHint(int64) error { return nil }
