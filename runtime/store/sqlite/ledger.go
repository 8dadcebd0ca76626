package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// A file is served by one process, so that leases live in its memory: after a
// crash there is nobody to wait for.
type leases struct {
	mu   sync.Mutex
	held map[string]*heldLease
}

type heldLease struct {
	store.Lease
	until time.Time
}

// Lead implements store.Ledger.
func (s *Store) Lead(ctx context.Context, name, holder string, lasts time.Duration) (store.Lease, bool, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return store.Lease{}, false, err
	}
	defer s.gate.Leave()
	l := &s.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.held[name]
	if held == nil {
		if l.held == nil {
			l.held = map[string]*heldLease{}
		}
		held = &heldLease{Lease: store.Lease{Name: name}}
		l.held[name] = held
	}
	if held.Holder != holder {
		if held.Holder != "" && time.Now().Before(held.until) {
			return store.Lease{}, false, nil
		}
		held.Holder = holder
		held.Term++
	}
	held.until = time.Now().Add(lasts)
	return held.Lease, true, nil
}

// Resign implements store.Ledger.
func (s *Store) Resign(_ context.Context, lease store.Lease) error {
	l := &s.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[lease.Name]; held != nil && held.Lease == lease {
		held.Holder = ""
	}
	return nil
}

// has reports a lease that no other holder has taken.
func (l *leases) has(lease store.Lease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.held[lease.Name]
	return held != nil && held.Lease == lease
}

// Note implements store.Ledger.
func (s *Store) Note(ctx context.Context, n store.Notes) error {
	if err := s.gate.Enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.writer.submit(ctx, &job{special: func(c *conn) error {
		if n.Under != nil && !s.leases.has(*n.Under) {
			return store.ErrLeaseLost
		}
		if err := c.inTransaction(func() error { return writeNotes(c, &n) }); err != nil {
			return statementError(ctx, fmt.Errorf("write notes: %w", err))
		}
		if n.Hold != nil {
			s.writer.trim.holdFrom(*n.Hold, s.epoch.Load())
		}
		return nil
	}})
}

func writeNotes(c *conn, n *store.Notes) error {
	for _, name := range n.Drop {
		if err := dropNote(c, name); err != nil {
			return err
		}
	}
	for i := range n.Put {
		if err := putNote(c, &n.Put[i]); err != nil {
			return err
		}
	}
	if n.Hold == nil {
		return nil
	}
	return writeMeta(c, metaHold, n.Hold.String())
}

func dropNote(c *conn, name store.NoteName) error {
	sql := "DELETE FROM _notes WHERE room=?1 AND key=?2"
	if name.Key == "" {
		sql = "DELETE FROM _notes WHERE room=?1"
	}
	stmt, err := c.stmts.get([]byte(sql))
	if err != nil {
		return err
	}
	err = stmt.BindText(1, name.Room)
	if name.Key != "" {
		err = errors.Join(err, stmt.BindText(2, name.Key))
	}
	return errors.Join(err, stmt.Exec())
}

func putNote(c *conn, note *store.Note) error {
	stmt, err := c.stmts.get([]byte("INSERT INTO _notes (room, key, body) VALUES (?, ?, ?) ON CONFLICT (room, key) DO UPDATE SET body=excluded.body"))
	if err != nil {
		return err
	}
	defer stmt.ClearBindings()
	body := note.Body
	if body == nil {
		body = []byte{} // a nil blob is NULL
	}
	if err := errors.Join(stmt.BindText(1, note.Room), stmt.BindText(2, note.Key), stmt.BindBlob(3, body)); err != nil {
		return err
	}
	return stmt.Exec()
}

// Noted implements store.Ledger.
func (s *Store) Noted(ctx context.Context, room, from string, limit int) ([]store.Note, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	var notes []store.Note
	err := s.withReader(ctx, func(c *conn) error {
		stmt, err := c.stmts.get([]byte("SELECT key, body FROM _notes WHERE room=? AND key>=? ORDER BY key LIMIT ?"))
		if err != nil {
			return err
		}
		defer stmt.Reset()
		if err := errors.Join(stmt.BindText(1, room), stmt.BindText(2, from), stmt.BindInt64(3, int64(limit))); err != nil {
			return err
		}
		for stmt.Step() {
			notes = append(notes, store.Note{Room: room, Key: stmt.ColumnText(0), Body: stmt.ColumnBlob(1, nil)})
		}
		return stmt.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	return notes, nil
}

// Resume implements store.Ledger. An epoch begins with a row of the feed that is no
// commit, right behind the last one of before.
func (s *Store) Resume(ctx context.Context, after query.Cursor) (query.Cursor, bool, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return query.Cursor{}, false, err
	}
	defer s.gate.Leave()
	s.feed.mu.RLock()
	defer s.feed.mu.RUnlock()
	begin := query.Cursor{Epoch: s.feed.epoch, Seq: s.feed.floor}
	return begin, after.Epoch < begin.Epoch && after.Seq+1 == begin.Seq, nil
}

// readHold gives what the feed is held from, the zero Cursor where it is not.
func readHold(c *conn) (query.Cursor, error) {
	text, err := readMeta(c, metaHold)
	if err != nil || text == "" {
		return query.Cursor{}, err
	}
	return query.ParseCursor(text)
}

// holdFrom keeps the feed from a cursor on. One of another epoch holds nothing:
// what it was for is gone.
func (t *trim) holdFrom(from query.Cursor, epoch uint64) {
	t.held = from != (query.Cursor{}) && from.Epoch == epoch
	t.hold = from.Seq
}

// loadHold does so at the start, and after an epoch has ended.
func (t *trim) loadHold(c *conn, epoch uint64) error {
	from, err := readHold(c)
	if err != nil {
		return fmt.Errorf("read what the feed is held from: %w", err)
	}
	t.holdFrom(from, epoch)
	return nil
}

// room is an error where the feed has grown to what it may be because of what it
// is held for. What functions write themselves may go a little beyond it, so that
// they come to an end.
func (t *trim) room(total int64, depth int) error {
	most := t.max
	if depth > 0 {
		most += t.max / 8
	}
	if !t.held || !t.known || t.hold > t.floor || total-t.floorTotal < most {
		return nil
	}
	return faultFeedFull()
}
