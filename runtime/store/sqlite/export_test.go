package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// BreakDown stops the writer as a commit that did not reach the disk would.
func (s *Store) BreakDown(err error) { s.writer.breakDown(err) }

// Authorize has a judge of what the writer runs from now on.
func (s *Store) Authorize(ctx context.Context, judge func(action sqlite3.AuthorizerActionCode, name, value string) sqlite3.AuthorizerReturnCode) error {
	return s.writer.submit(ctx, &job{special: func(c *conn) error {
		return c.db.SetAuthorizer(func(action sqlite3.AuthorizerActionCode, third, fourth, _, _ string) sqlite3.AuthorizerReturnCode {
			return judge(action, third, fourth)
		})
	}})
}

// Files is the driver's name of a file system.
type Files = files

// In are the options of a database that the driver opens in a file system.
func (o Options) In(f Files) Options {
	o.files = f
	return o
}

// BackupFileIn is BackupFile in a file system.
func BackupFileIn(ctx context.Context, f Files, path string, w io.Writer) error {
	return backupFile(ctx, f, path, w)
}

// Disk is what a restore is done on.
type Disk = disk

// System is the operating system's.
type System = system

// RestoreOn is Restore on a disk.
func RestoreOn(ctx context.Context, d Disk, from, path string) (Contents, string, error) {
	return restoreOn(ctx, d, from, path)
}

// Planner plans selects on the empty tables of a schema, in memory.
type Planner struct{ store *Store }

// NewPlanner makes the tables. Close the planner after use.
func NewPlanner(ctx context.Context, schema *query.Schema) (*Planner, error) {
	s, err := OpenMemory(ctx, Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx, plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		return nil, errors.Join(fmt.Errorf("make the tables to plan on: %w", err), s.Close())
	}
	return &Planner{store: s}, nil
}

// Plan tells how a select would be run. Everything in it is bound.
func (p *Planner) Plan(s query.Select) (Plan, error) {
	var found Plan
	err := p.store.withReader(context.Background(), func(c *conn) (err error) {
		found, err = explain(c, &s)
		return err
	})
	return found, err
}

// Close forgets the tables.
func (p *Planner) Close() error { return p.store.Close() }

// LimitStatements bounds the statements of an open store, while none runs; 0 is as
// much as they have where nothing is said.
func LimitStatements(s *Store, d time.Duration) {
	s.options.StatementTimeout = d
	s.options = s.options.withDefaults()
}
