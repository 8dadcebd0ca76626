package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// Restored says what a restore did.
type Restored struct {
	Backup
	// Database is the file that is served from now on.
	Database string `json:"database"`
	// Kept is where the database that was there is now, "" where there was none.
	Kept string `json:"kept,omitempty"`
}

// VerifiedBackup is a backup that was proven, and what m would change in it.
type VerifiedBackup struct {
	Backup
	// Changes are what the first start on it would do; nil without a manifest.
	Changes []difference.Change `json:"changes"`
}

// VerifyBackup proves that a file is a whole backup, and says what the first
// start on it would do to serve m, which may be nil. Nothing is touched.
func VerifyBackup(ctx context.Context, file string, m *manifest.Manifest) (VerifiedBackup, error) {
	if m != nil && !hasCopies(m) {
		return VerifiedBackup{}, errNoBackup
	}
	contents, err := sqlite.Verify(ctx, file)
	if err != nil {
		return VerifiedBackup{}, err
	}
	verified := VerifiedBackup{Backup: backupOf(file, contents)}
	if m == nil {
		return verified, nil
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return VerifiedBackup{}, err
	}
	var filled []string
	for _, table := range verified.Tables {
		if table.Rows > 0 {
			filled = append(filled, table.Name)
		}
	}
	verified.Changes = steps(contents.Schema, filled, m, checked)
	return verified, nil
}

// Restore puts a backup in the place of the database of m. The one that was
// there is kept beside it. A backend that runs is refused.
func Restore(ctx context.Context, m *manifest.Manifest, file string) (Restored, error) {
	if !hasCopies(m) {
		return Restored{}, errNoBackup
	}
	if _, err := admin.NewClient(m.DataDir()).Status(ctx); !errors.Is(err, admin.ErrNotRunning) {
		if ctx.Err() != nil {
			return Restored{}, ctx.Err()
		}
		return Restored{}, servedFault(m)
	}
	same, err := sameFile(file, m.Database.Path)
	if err != nil {
		return Restored{}, err
	}
	if same {
		return Restored{}, fault.Newf(sqlite.CodeInUse, "%s is the database itself", file).WithHint("name a backup")
	}
	contents, kept, err := sqlite.Restore(ctx, file, m.Database.Path)
	if err != nil {
		if isServed(err) {
			return Restored{}, servedFault(m)
		}
		if kept != "" {
			err = fmt.Errorf("%w; the database that was there is kept as %s", err, kept)
		}
		return Restored{}, err
	}
	return Restored{Backup: backupOf(file, contents), Database: m.Database.Path, Kept: kept}, nil
}

func servedFault(m *manifest.Manifest) error {
	return fault.Newf("running", "a server runs on the data folder %s", m.DataDir()).
		WithHint("stop it first; nothing has changed")
}

func sameFile(a, b string) (bool, error) {
	first, err := os.Stat(a)
	if err != nil {
		return false, nil //nolint:nilerr // what reads the file says what is wrong with it
	}
	second, err := os.Stat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(first, second), err
}
