package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// maxSnapshots bounds what is open at once: while one is, the WAL cannot begin
// anew.
const maxSnapshots = 4

func faultSnapshots() *fault.Fault {
	return fault.New(codeOverload, "too many exports are running").WithHint("try again when one of them has ended")
}

// snapshot is a connection of its own in one read transaction.
type snapshot struct {
	store *Store
	conn  *conn
	epoch uint64
}

var _ store.Snapshot = (*snapshot)(nil)

// Snapshot implements store.View. The gates are passed while it opens alone: a
// migration does not wait for it, as it goes on to see the tables as they were.
func (v *view) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.leave()
	s := v.store
	select {
	case <-s.snapshots:
	default:
		return nil, faultSnapshots()
	}
	c, err := s.openSnapshot(ctx)
	if err != nil {
		s.snapshots <- struct{}{}
		return nil, v.explainError(ctx, err)
	}
	c.streams = true
	return &snapshot{store: s, conn: c, epoch: s.epoch.Load()}, nil
}

func (s *Store) openSnapshot(ctx context.Context) (_ *conn, err error) {
	if strings.HasPrefix(s.options.Path, memoryPrefix) {
		return s.copyMemory(ctx)
	}
	c, err := s.options.files.openConn(s.options.Path, false, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	c.time.Context = ctx
	defer c.time.stop()
	// What has no bound is sorted on the disk.
	if err := c.db.Exec("PRAGMA temp_store=FILE"); err != nil {
		return nil, err
	}
	if err := c.exec("BEGIN"); err != nil {
		return nil, err
	}
	_, err = queryInt(c.db, "SELECT count(*) FROM sqlite_schema") // the moment is that of the first read
	return c, err
}

// copyMemory copies a database in memory, for a reader would hold its writer
// back.
func (s *Store) copyMemory(ctx context.Context) (_ *conn, err error) {
	path := memoryPath()
	c, err := s.options.files.openConn(path, false, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	return c, s.withReader(ctx, func(from *conn) error { return copyDatabase(from, path) })
}

// Select implements store.Snapshot.
func (s *snapshot) Select(ctx context.Context, sel query.Select, w query.RowWriter) (store.Info, error) {
	info := store.Info{Count: -1}
	s.conn.time.Context = ctx
	defer s.conn.time.stop()
	err := selectRows(s.conn, &sel, w, &info)
	if err == nil && sel.Count {
		info.Count, err = countRows(s.conn, &sel)
	}
	if err == nil && sel.Position {
		if err = readPosition(s.conn, s.epoch, &info.Position); err == nil {
			err = s.store.reached(ctx, info.Position)
		}
	}
	if err != nil {
		return store.Info{Count: -1}, statementError(ctx, err)
	}
	return info, nil
}

// Close implements store.Snapshot.
func (s *snapshot) Close() error {
	s.conn.endRead()
	err := s.conn.close()
	s.store.snapshots <- struct{}{}
	return err
}
