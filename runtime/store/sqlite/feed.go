package sqlite

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/watchers"
)

const (
	// recentCommits and recentBytes bound the commits that are kept in memory
	// too, for readers that are up to date.
	recentCommits = 4096
	recentBytes   = 16 << 20
	// pageBytes ends a page that is read from the database: many readers may
	// come back at once, and a commit may hold thousands of rows.
	pageBytes = 1 << 20
)

// feed is what is known of the commits without asking the database: bounds,
// the latest ones, and who wants to be woken. The writer adds to it.
type feed struct {
	mu     sync.RWMutex
	epoch  uint64
	floor  uint64 // commits up to it are gone
	last   uint64
	recent []recent // contiguous, up to last
	bytes  int

	watchers watchers.List
}

type recent struct {
	commit query.Commit
	size   int
}

// load reads the bounds; the commits in memory are forgotten.
func (f *feed) load(c *conn, epoch uint64) error {
	floor, err := queryInt(c.db, "SELECT min(seq) FROM _feed")
	if err != nil {
		return err
	}
	last, err := queryInt(c.db, "SELECT max(seq) FROM _feed")
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.floor, f.last = epoch, uint64(floor), uint64(last)
	f.recent, f.bytes = nil, 0
	return nil
}

// publish adds what was committed and wakes the watchers.
func (f *feed) publish(added []recent, floor uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range added {
		f.bytes += added[i].size
		f.last = added[i].commit.Cursor.Seq
	}
	f.floor = floor
	f.recent = append(f.recent, added...)
	drop := 0
	for drop < len(f.recent)-1 && (len(f.recent)-drop > recentCommits || f.bytes > recentBytes) {
		f.bytes -= f.recent[drop].size
		f.recent[drop] = recent{}
		drop++
	}
	f.recent = f.recent[drop:]
	f.watchers.Wake()
}

func (f *feed) position() query.Cursor {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return query.Cursor{Epoch: f.epoch, Seq: f.last}
}

// after gives the commits after a cursor from memory; false when they must
// be read from the database, up to the cursor that is returned.
func (f *feed) after(after query.Cursor, limit int) ([]query.Commit, query.Cursor, bool, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	last := query.Cursor{Epoch: f.epoch, Seq: f.last}
	if after != (query.Cursor{}) && after.Epoch != f.epoch || after.Seq < f.floor || after.Seq > f.last {
		return nil, last, false, store.ErrTruncated
	}
	if after.Seq == f.last {
		return nil, last, true, nil
	}
	if len(f.recent) == 0 || f.recent[0].commit.Cursor.Seq > after.Seq+1 {
		return nil, last, false, nil
	}
	from := int(after.Seq + 1 - f.recent[0].commit.Cursor.Seq)
	to := min(len(f.recent), from+limit)
	commits := make([]query.Commit, 0, to-from)
	for _, r := range f.recent[from:to] {
		commits = append(commits, r.commit)
	}
	return commits, last, true, nil
}

// reached waits until a commit that a reader has seen is published, which
// follows its COMMIT at once: whoever has its cursor may ask what came after.
// It gives up when the writer breaks between the two.
func (s *Store) reached(ctx context.Context, seen query.Cursor) error {
	if s.feed.has(seen) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wake, err := s.feed.watchers.Add(ctx)
	if err != nil {
		return err
	}
	for !s.feed.has(seen) {
		select {
		case _, open := <-wake:
			if !open {
				return cmp.Or(ctx.Err(), store.ErrClosed)
			}
		case <-s.writer.ruin:
			return s.writer.refusal()
		}
	}
	return nil
}

// has reports a commit that is published, or of an epoch that has passed.
func (f *feed) has(seen query.Cursor) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.last >= seen.Seq || f.epoch != seen.Epoch
}

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (query.Cursor, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return query.Cursor{}, err
	}
	defer s.gate.Leave()
	return s.feed.position(), nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context) (<-chan struct{}, error) {
	return s.feed.watchers.Add(ctx)
}

// Changes implements store.Store: from memory where it reaches back so far.
func (s *Store) Changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error) {
	if limit <= 0 {
		return nil, nil
	}
	var commits []query.Commit
	err := s.gate.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	commits, last, known, err := s.feed.after(after, limit)
	if known || err != nil {
		return commits, err
	}
	err = s.withReader(ctx, func(c *conn) error {
		commits, err = readFeed(c, after, last, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	// What was trimmed meanwhile would be a hole.
	if len(commits) == 0 || commits[0].Cursor.Seq != after.Seq+1 {
		return nil, store.ErrTruncated
	}
	return commits, nil
}

func readFeed(c *conn, after, last query.Cursor, limit int) ([]query.Commit, error) {
	stmt, err := c.stmts.get([]byte("SELECT seq, at, body FROM _feed WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"))
	if err != nil {
		return nil, err
	}
	defer stmt.Reset()
	for i, n := range []uint64{after.Seq, last.Seq, uint64(limit)} {
		if err := stmt.BindInt64(i+1, int64(n)); err != nil {
			return nil, err
		}
	}
	var commits []query.Commit
	for size := 0; size < pageBytes && stmt.Step(); {
		commit := query.Commit{
			Cursor: query.Cursor{Epoch: last.Epoch, Seq: uint64(stmt.ColumnInt64(0))},
			At:     stmt.ColumnInt64(1),
		}
		body := slices.Clone(stmt.ColumnRawBlob(2))
		size += len(body)
		if commit.Changes, commit.Depth, err = decodeChanges(body); err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	return commits, stmt.Err()
}

// readPosition reads the cursor of the last commit that this transaction sees.
func readPosition(c *conn, epoch uint64, at *query.Cursor) error {
	stmt, err := c.stmts.get([]byte("SELECT max(seq) FROM _feed"))
	if err != nil {
		return err
	}
	defer stmt.Reset()
	if !stmt.Step() {
		return stmt.Err()
	}
	*at = query.Cursor{Epoch: epoch, Seq: uint64(stmt.ColumnInt64(0))}
	return nil
}
