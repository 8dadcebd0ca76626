package sqlite

import (
	"errors"
	"fmt"
	"os"
)

// lockSuffix names the file beside the database that one process holds locked
// while it serves it. The file stays; the lock goes with the process.
const lockSuffix = ".lock"

// ErrServed is returned for a database that another process holds.
var ErrServed = errors.New("served by another process")

func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock database %q: %w", path, err)
	}
	free, err := tryLock(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock database %q: %w", path, err)
	}
	if !free {
		_ = f.Close()
		return nil, fmt.Errorf("database %q is %w: stop that one first, or give this one another database.path", path, ErrServed)
	}
	return f, nil
}
