package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// Rehearsal is how a migration went on a copy of the database.
type Rehearsal struct {
	// Took is the migration's time on the copy.
	Took time.Duration `json:"tookNanoseconds"`
	// Rows are those that were written anew.
	Rows []TableRows `json:"rows"`
	// Faults are what the rows forbid; then the migration would change nothing.
	Faults fault.List    `json:"-"`
	Report *fault.Report `json:"refused,omitempty"`
}

// Rehearse carries out the database's part of a comparison on a copy, of the
// running backend or of the file, and keeps how it went. The database itself is
// not touched.
func Rehearse(ctx context.Context, m *manifest.Manifest, c *Comparison) error {
	if c.plan.Empty() || len(c.plan.Refused()) > 0 || c.Grave() {
		return nil
	}
	if !hasCopies(m) {
		return errNoRehearsal
	}
	begin := "." + filepath.Base(c.Database) + ".rehearsal-"
	sweepRehearsals(rehearsalDir(c.Database), begin)
	dir, err := os.MkdirTemp(rehearsalDir(c.Database), begin+"*")
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is swept by a later one
	copied := filepath.Join(dir, "copy.db")
	f, err := os.OpenFile(copied, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	err = StreamBackup(ctx, Source{Server: admin.NewClient(m.DataDir()), Manifest: m}, f)
	if err := errors.Join(err, f.Close()); err != nil && !isNoDatabase(err) {
		return fmt.Errorf("copy the database: %w", err)
	}
	did, err := sqlite.Rehearse(ctx, copied, c.plan)
	c.Rehearsal = &Rehearsal{Took: did.Took, Rows: []TableRows{}}
	if err != nil {
		return c.Rehearsal.refused(migrationFault(m, err))
	}
	for table, rows := range did.Rows {
		c.Rehearsal.Rows = append(c.Rehearsal.Rows, TableRows{Name: table, Rows: rows})
	}
	slices.SortFunc(c.Rehearsal.Rows, func(a, b TableRows) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// refused keeps faults; any other error is the rehearsal's.
func (r *Rehearsal) refused(err error) error {
	var single *fault.Fault
	switch {
	case errors.As(err, &r.Faults):
	case errors.As(err, &single):
		r.Faults = fault.List{single}
	default:
		return err
	}
	report := fault.NewReport(r.Faults, "")
	r.Report = &report
	return nil
}

// rehearsalDir is the database's own folder, where there is room for a copy, or
// the system's where that is not made yet.
func rehearsalDir(path string) string {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// sweepRehearsals removes the copies that were left by a process that was killed.
func sweepRehearsals(dir, begin string) {
	entries, err := os.ReadDir(dir)
	if dir == "" || err != nil {
		return // it only takes room
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasPrefix(entry.Name(), begin) && time.Since(info.ModTime()) > abandoned {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name())) // the same
		}
	}
}

// isNoDatabase reports a database that was never made: the copy is empty then.
func isNoDatabase(err error) bool { return fault.Is(err, sqlite.CodeNoFile) }
