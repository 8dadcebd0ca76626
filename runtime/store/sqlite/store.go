package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Store is one database file, served by this process alone. It is safe for
// concurrent use.
type Store struct {
	options Options
	lock    *os.File
	readers *pool
	// snapshots has one for each snapshot that may be opened.
	snapshots chan struct{}
	writer    *writer
	feed      *feed
	versions  *versions
	epoch     atomic.Uint64
	current   atomic.Pointer[layout] // of the view opened last; nil before
	vectors   vectors
	changed   atomic.Uint64 // counts migrations that were not additive
	// retyped is the schema that the last migration left which made tables anew:
	// a view on other types would misread the rows. Nil before.
	retyped atomic.Pointer[plan.Schema]
	gate    gate.Gate
	leases  leases
	// found is what the start has read; nil after a migration or the first view.
	// It spares the start a reader.
	found atomic.Pointer[foundAtStart]
}

// foundAtStart is the recorded schema, and what differs from it without harm.
type foundAtStart struct {
	schema plan.Schema
	drift  []plan.Drift
}

var _ store.Store = (*Store)(nil)

// Open opens or makes the database. An error says what the operator can do:
// the file is served by another process, damaged, foreign or newer.
func Open(ctx context.Context, options Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	options = options.withDefaults()
	path, err := prepareFile(options.Path)
	if err != nil {
		return nil, err
	}
	options.Path = path
	held, err := lock(path)
	if err != nil {
		return nil, err
	}
	sweep(path)
	s := &Store{options: options, lock: held, versions: newVersions(), feed: &feed{}}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return s, nil
}

// prepareFile makes the folder and the file, readable by us alone, and gives
// the path without symbolic links.
func prepareFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("open database: no path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open database %q: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return "", fmt.Errorf("open database %q: %w", path, err)
	}
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("open database %q: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("open database %q: %w", path, err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", fmt.Errorf("open database %q: %w", path, err)
	}
	return abs, nil
}

func (s *Store) start() (err error) {
	path := s.options.Path
	crashed := leftOpen(path)
	c, err := s.options.files.openConn(path, true, s.options.MaxSize)
	if err != nil {
		return unreadable(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := identify(c, path, crashed); err != nil {
		return err
	}
	schema, err := readSchema(c)
	if err != nil {
		return unreadable(path, err)
	}
	drift, err := verifySchema(c, schema)
	if err != nil {
		return fmt.Errorf("open database %q: %w", path, err)
	}
	s.found.Store(&foundAtStart{schema, drift})
	if err := s.load(c); err != nil {
		return unreadable(path, err)
	}
	// The files beside ours are made by the driver with the process's mask.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("open database %q: %w", path, err)
		}
	}
	s.snapshots = make(chan struct{}, maxSnapshots)
	for range maxSnapshots {
		s.snapshots <- struct{}{}
	}
	s.readers = newPool(s.options.Readers, func() (*conn, error) { return s.options.files.openConn(path, false, 0) })
	if s.writer, err = newWriter(s, c); err != nil {
		return unreadable(path, err)
	}
	return nil
}

// leftOpen reports whether the last process on a file ended without closing it:
// closing empties the WAL.
func leftOpen(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0
}

// load reads what is kept in memory: epoch, feed bounds, versions.
func (s *Store) load(c *conn) error {
	epoch, err := loadEpoch(c)
	if err != nil {
		return err
	}
	s.epoch.Store(epoch)
	if err := s.feed.load(c, epoch); err != nil {
		return err
	}
	return s.loadVersions(c)
}

func (s *Store) loadVersions(c *conn) error {
	stmt, _, err := c.db.Prepare("SELECT name, seq, rev FROM _versions")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for stmt.Step() {
		v := s.versions.of(stmt.ColumnText(0))
		v.seq.Store(uint64(stmt.ColumnInt64(1)))
		v.rev = stmt.ColumnInt64(2)
	}
	return stmt.Err()
}

// Inspect implements store.Store.
func (s *Store) Inspect(ctx context.Context) (plan.Schema, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return plan.Schema{}, err
	}
	defer s.gate.Leave()
	if found := s.found.Load(); found != nil {
		return found.schema, nil
	}
	var schema plan.Schema
	err := s.withReader(ctx, func(c *conn) (err error) {
		if schema, err = readSchema(c); err != nil {
			return err
		}
		_, err = verifySchema(c, schema)
		return err
	})
	return schema, err
}

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, schema *query.Schema) (store.View, error) {
	recorded, err := s.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	wanted := plan.FromQuery(schema)
	if err := matches(recorded, wanted); err != nil {
		return nil, fmt.Errorf("open view: %w", err)
	}
	inserts, err := s.prepareQueries(ctx, schema.Queries)
	if err != nil {
		return nil, fmt.Errorf("open view: %w", err)
	}
	v := &view{store: s, layout: newLayout(schema, s.versions), changed: s.changed.Load(), schema: wanted}
	v.layout.inserts = inserts
	v.fits.Store(s.retyped.Load())
	s.current.Store(v.layout)
	s.found.Store(nil)
	return v, nil
}

// matches compares schemas without regard to order.
func matches(have, want plan.Schema) error {
	for i := range want.Tables {
		t := &want.Tables[i]
		there := have.Table(t.Name)
		if there == nil {
			return fmt.Errorf("%w: no table %q", store.ErrMoved, t.Name)
		}
		for j := range t.Columns {
			c := t.Columns[j]
			known := there.Column(c.Name)
			if known == nil {
				return fmt.Errorf("%w: no column %q in table %q", store.ErrMoved, c.Name, t.Name)
			}
			if known.Type != c.Type || known.Scale != c.Scale || known.Of != c.Of {
				return fmt.Errorf("%w: column %q of table %q is %s", store.ErrMoved, c.Name, t.Name, known.Type)
			}
		}
	}
	return nil
}

// withReader runs f on a reader, within the statement's time; the caller has
// passed the gate.
func (s *Store) withReader(ctx context.Context, f func(*conn) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer s.readers.give(c)
	c.time.start(ctx, s.options.StatementTimeout)
	defer c.time.stop()
	return statementError(ctx, f(c))
}

// Close implements store.Store: waiting batches are still committed.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	s.feed.watchers.Close()
	for range maxSnapshots {
		<-s.snapshots
	}
	err := s.writer.close()
	err = errors.Join(err, s.readers.close())
	if s.lock != nil { // one in memory has none
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("close database %q: %w", s.options.Path, err)
	}
	return nil
}
