package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// Backups that are made before data is lost: where they are, what
// they are called, and how many are kept.
const (
	keptFolder  = "backups"
	keptBegin   = "before-migration-"
	keptEnd     = ".backup"
	keptBackups = 5

	codeBackup = "backup-failed"
)

// keepBefore makes a backup before a generation that loses data, and gives its
// file. Without one it does not come.
func (e *Engine) keepBefore(ctx context.Context, g *generation, p plan.Plan) (string, error) {
	m, path := g.manifest, e.loss(g, p)
	if path == "" {
		return "", nil
	}
	if !hasCopies(m) {
		e.log.Warn("a change loses data, and a database on a server is not copied before it", "database", m.Database.Address())
		return "", nil
	}
	began := time.Now()
	file, err := e.keepBackup(ctx, filepath.Join(m.DataDir(), keptFolder))
	if err != nil {
		return "", fault.Newf(codeBackup, "the change loses data, and no backup could be made before it: %v", err).
			WithHint("make room in the data folder and let this user write to it; nothing has changed").WithCause(err).
			At(path, m.Positions.At(path))
	}
	e.log.Info("backup before a change that loses data", "file", file, "took", time.Since(began).Round(time.Millisecond).String())
	return file, nil
}

// loss is the place in the manifest of what loses data: a plan's step, or rows
// that leave by themselves and did not in the generation that serves. At a start
// nobody knows when they left before. "" is none.
func (e *Engine) loss(g *generation, p plan.Plan) string {
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Grade == plan.LosesData }) {
		return "removed"
	}
	old := e.current.Load()
	if old == nil {
		return ""
	}
	changes := difference.Manifests(difference.Side{Manifest: old.manifest, Rules: old.rules}, difference.Side{Manifest: g.manifest, Rules: g.rules})
	for i := range changes {
		if changes[i].Grade == difference.LosesData {
			return changes[i].Path
		}
	}
	return ""
}

// keepBackup writes a proven backup into a folder, and clears away those before
// the last few.
func (e *Engine) keepBackup(ctx context.Context, dir string) (_ string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	target := keptName(dir, time.Now().UTC())
	sweepPartial(filepath.Join(dir, keptBegin+keptEnd))
	f, err := os.CreateTemp(dir, partial(keptBegin+keptEnd)+"*") // 0600
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	err = e.shared.store.Backup(ctx, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	if _, err := sqlite.Verify(ctx, f.Name()); err != nil {
		return "", fmt.Errorf("it is not whole: %w", err)
	}
	if err := place(f.Name(), target, false); err != nil {
		return "", err
	}
	sweepKept(dir)
	return target, nil
}

// keptName is a name that no file has, later ones after earlier ones.
func keptName(dir string, at time.Time) string {
	stem := filepath.Join(dir, keptBegin+at.Format("20060102T150405.000000Z"))
	name := stem + keptEnd
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d%s", stem, n, keptEnd)
	}
}

// sweepKept removes all but the last; what cannot be removed only takes room.
func sweepKept(dir string) {
	entries, err := os.ReadDir(dir) // in the order of their names, which are times
	if err != nil {
		return
	}
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); entry.Type().IsRegular() && strings.HasPrefix(name, keptBegin) && strings.HasSuffix(name, keptEnd) {
			names = append(names, name)
		}
	}
	for _, name := range names[:max(0, len(names)-keptBackups)] {
		_ = os.Remove(filepath.Join(dir, name)) // see above
	}
}
