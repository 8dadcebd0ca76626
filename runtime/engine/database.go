package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// This file and server.go are where the engines are known. The others ask here.

// database is what an engine opens.
type database interface {
	store.Store
	// HasValues reports whether any row has a value in a column, other than the
	// one that a column without values is filled with.
	HasValues(ctx context.Context, table, column string) (bool, error)
}

// openDatabase opens the database of a manifest to serve it or to change its
// tables; isServed tells of one that another process serves alone.
func openDatabase(ctx context.Context, m *manifest.Manifest, log *slog.Logger) (database, error) {
	if m.Database.Engine == manifest.SurrealDB {
		if err := os.MkdirAll(m.DataDir(), 0o700); err != nil {
			return nil, placeFolder(m, err)
		}
		return openServer(ctx, m, log, startPatience)
	}
	db, err := sqlite.Open(ctx, sqlite.Options{
		Path:             m.Database.Path,
		StatementTimeout: m.Limits.Statement,
		ChangesKeep:      m.Database.ChangesKeep,
		ChangesMax:       m.Database.ChangesMax,
		Logger:           log,
	})
	if err != nil {
		return nil, err
	}
	return db, nil
}

// isServed reports a file that another process serves. A server's database is
// nobody's alone.
func isServed(err error) bool { return errors.Is(err, sqlite.ErrServed) }

// found is what a database holds.
type found struct {
	Schema plan.Schema
	// Filled are the tables that have rows; unknown where a drift is grave.
	Filled  []string
	Drift   []plan.Drift
	History []plan.Record // the first migration first
}

// inspect looks at the database of a backend that does not run here. One that
// was never made holds nothing.
func inspect(ctx context.Context, m *manifest.Manifest) (found, error) {
	if m.Database.Engine == manifest.SurrealDB {
		return inspectServer(ctx, m)
	}
	f, err := sqlite.InspectFile(ctx, m.Database.Path)
	if err != nil {
		return found{}, fmt.Errorf("look at the database: %w", err)
	}
	return found(f), nil
}

// neverMade reports a database's file that is not there yet. A server's database
// is made as it is opened.
func neverMade(m *manifest.Manifest) bool {
	if m.Database.Engine != manifest.SQLite {
		return false
	}
	_, err := os.Stat(m.Database.Path)
	return errors.Is(err, fs.ErrNotExist)
}

// openStored opens the database of a backend that does not run here, to read and
// write its rows. One that is not what the manifest says is errNotMigrated.
func openStored(ctx context.Context, m *manifest.Manifest, checked *check.Checked) (_ database, _ store.View, err error) {
	var db database
	if m.Database.Engine == manifest.SurrealDB {
		db, err = openServer(ctx, m, nil, askPatience)
	} else {
		db, err = openDatabase(ctx, m, nil)
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	have, err := db.Inspect(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("look at the database: %w", err)
	}
	if !plan.Diff(have, plan.FromManifest(m, checked.Schema), m.Removed).Empty() {
		return nil, nil, errNotMigrated
	}
	view, err := db.Open(ctx, checked.Schema)
	if err != nil {
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	return db, view, nil
}

// openEmpty makes a database in memory with the tables of a manifest, whatever
// its engine: what the gate asks of both is the same. Named queries are text of
// one engine's own language; they are there for SQLite alone.
func openEmpty(ctx context.Context, m *manifest.Manifest, checked *check.Checked) (store.View, func() error, error) {
	db, err := sqlite.OpenMemory(ctx, sqlite.Options{StatementTimeout: m.Limits.Statement})
	if err != nil {
		return nil, nil, err
	}
	schema := checked.Schema
	if m.Database.Engine != manifest.SQLite && len(schema.Queries) > 0 {
		tablesAlone := *schema
		tablesAlone.Queries = nil
		schema = &tablesAlone
	}
	view, err := furnish(ctx, db, m, schema)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return view, func() error { return errors.Join(view.Close(), db.Close()) }, nil
}

// furnish makes the tables of a manifest in an empty store.
func furnish(ctx context.Context, s store.Store, m *manifest.Manifest, schema *query.Schema) (store.View, error) {
	have, err := s.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	wanted := plan.FromManifest(m, schema)
	for i := range wanted.Tables { // nothing was there before
		wanted.Tables[i].Was = ""
		for j := range wanted.Tables[i].Columns {
			wanted.Tables[i].Columns[j].Was = ""
		}
	}
	if err := s.Migrate(ctx, plan.Diff(have, wanted, nil)); err != nil {
		return nil, err
	}
	return s.Open(ctx, schema)
}

// codeNoCopy is the code of what needs a copy of the database's file.
const codeNoCopy = "no-copy"

// hasCopies reports whether the database can be copied whole while it serves.
func hasCopies(m *manifest.Manifest) bool { return m.Database.Engine == manifest.SQLite }

// errNoBackup refuses to back up or restore a server's database.
var errNoBackup = fault.New(codeNoCopy, "a backup is a copy of SQLite's file, and the rows are on a SurrealDB server").
	WithHint("copy them with edge-hive export, or the database as it is with SurrealDB's own: surreal export; edge-hive import and surreal import take them back")

// errNoRehearsal refuses to try out a migration.
var errNoRehearsal = fault.New(codeNoCopy, "a migration is rehearsed on a copy of SQLite's file, and the rows are on a SurrealDB server").
	WithHint("copy the database into another namespace with surreal export and surreal import, and apply the manifest there first")
