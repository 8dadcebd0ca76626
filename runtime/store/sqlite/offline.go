package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// ErrNoDatabase is returned for a database that was never made.
var ErrNoDatabase = errors.New("there is no database yet")

// BackupFile is Backup of a database that nobody serves: it holds its lock
// meanwhile and changes nothing in it.
func BackupFile(ctx context.Context, path string, w io.Writer) error {
	return backupFile(ctx, systemFiles, path, w)
}

func backupFile(ctx context.Context, in files, path string, w io.Writer) error {
	return locked(path, func(path string) error {
		dir, err := copyAside(ctx, in, path)
		return sendAway(ctx, dir, err, w)
	})
}

// Found is what a database that nobody serves holds.
type Found struct {
	Schema plan.Schema
	// Filled are the tables that have rows; unknown where a drift is grave.
	Filled  []string
	Drift   []plan.Drift
	History []plan.Record // the first migration first
}

// Grave reports whether the database cannot be served as it is.
func (f *Found) Grave() bool {
	return slices.ContainsFunc(f.Drift, func(d plan.Drift) bool { return d.Grave })
}

// InspectFile looks at a database that nobody serves. One that was never made
// holds nothing.
func InspectFile(ctx context.Context, path string) (Found, error) {
	var found Found
	err := locked(path, func(path string) error {
		c, err := systemFiles.openConn(path, false, 0)
		if err != nil {
			return unreadable(path, err)
		}
		c.time.Context = ctx
		if err = checkOurs(c, path); err == nil {
			err = found.read(c)
		}
		return errors.Join(err, c.close())
	})
	if errors.Is(err, ErrNoDatabase) {
		return Found{}, nil
	}
	return found, err
}

func (f *Found) read(c *conn) (err error) {
	if f.Schema, err = readSchema(c); err != nil {
		return err
	}
	if f.Drift, err = findDrift(c, f.Schema); err != nil || f.Grave() {
		return err
	}
	if f.Filled, err = filledTables(c, f.Schema); err != nil {
		return err
	}
	marks, err := readMarks(c)
	if err != nil || marks.format < 2 { // it had no history
		return err
	}
	f.History, err = readHistory(c)
	return err
}

// Rehearsal is what a plan did to a copy.
type Rehearsal struct {
	// Rows are those that were written anew, by table, where any were.
	Rows map[string]int64
	Took time.Duration
}

// Rehearse carries out a plan on a copy of a database that is the caller's to
// throw away. What the rows forbid is a fault, or a fault.List.
func Rehearse(ctx context.Context, path string, p plan.Plan) (_ Rehearsal, err error) {
	c, err := systemFiles.openConn(path, true, 0)
	if err != nil {
		return Rehearsal{}, unreadable(path, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := identify(c, path, false); err != nil {
		return Rehearsal{}, err
	}
	c.time.Context = ctx
	began := time.Now()
	m := newMigration(c, &p)
	if err := m.carryOut(func() error { return nil }); err != nil {
		return Rehearsal{}, statementError(ctx, err)
	}
	return Rehearsal{Rows: m.touched, Took: time.Since(began)}, nil
}

func filledTables(c *conn, schema plan.Schema) ([]string, error) {
	var filled []string
	for i := range schema.Tables {
		rows, err := queryInt(c.db, "SELECT EXISTS (SELECT 1 FROM "+quote(schema.Tables[i].Name)+")")
		if err != nil {
			return nil, err
		}
		if rows != 0 {
			filled = append(filled, schema.Tables[i].Name)
		}
	}
	return filled, nil
}

// locked runs f while no other process can serve the database, which is named
// without symbolic links.
func locked(path string, f func(path string) error) error {
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoDatabase
	}
	if err != nil {
		return fmt.Errorf("open database %q: %w", path, err)
	}
	if info, err := os.Stat(resolved); err != nil || info.Size() == 0 {
		return errors.Join(ErrNoDatabase, err)
	}
	held, err := lock(resolved)
	if err != nil {
		return err
	}
	sweep(resolved)
	return errors.Join(f(resolved), held.Close())
}
