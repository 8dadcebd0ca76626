package surreal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// The ledger's leases are rows of _leases beside those of the store's own, with a
// term that stays when they are given up. A note is a row of _notes whose id is
// its room and its key. Notes under a lease touch its row, so that whoever takes
// it meanwhile is in the way.

// saysLost is what a text throws whose lease is another's.
const saysLost = "lease lost"

// inLedger prefixes the names of the ledger's leases.
const inLedger = "ledger."

// Lead implements store.Ledger; the time is the database's.
func (s *Store) Lead(ctx context.Context, name, holder string, lasts time.Duration) (store.Lease, bool, error) {
	const text = "{ LET $held = (SELECT * FROM ONLY type::record('" + tableLeases + "', $name));" +
		" IF $held != NONE AND $held.holder != $holder AND $held.until > time::now() { RETURN 0 };" +
		" LET $term = IF $held.holder = $holder { $held.term } ELSE { ($held.term ?? 0) + 1 };" +
		" UPSERT type::record('" + tableLeases + "', $name) SET holder = $holder, term = $term, until = time::now() + duration::from_millis($time) RETURN NONE;" +
		" RETURN $term }"
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "name"), inLedger+name)
	vars = wire.AppendString(wire.AppendString(vars, "holder"), holder)
	vars = wire.AppendInt(wire.AppendString(vars, "time"), lasts.Milliseconds())
	results, err := s.retry(ctx, text, vars)
	if err != nil {
		return store.Lease{}, false, fmt.Errorf("take the lease %q: %w", name, unavailable(err))
	}
	r := wire.NewReader(results[0])
	term := r.Int()
	if err := r.Err(); err != nil {
		return store.Lease{}, false, fmt.Errorf("take the lease %q: %w", name, err)
	}
	return store.Lease{Name: name, Holder: holder, Term: uint64(term)}, term > 0, nil
}

// Resign implements store.Ledger.
func (s *Store) Resign(ctx context.Context, l store.Lease) error {
	const text = "UPDATE type::record('" + tableLeases + "', $name) SET holder = '', until = time::now() WHERE holder = $holder AND term = $term RETURN NONE"
	if _, err := s.retry(ctx, text, appendLease(wire.AppendMap(nil, 3), l)); err != nil {
		return fmt.Errorf("give up the lease %q: %w", l.Name, unavailable(err))
	}
	return nil
}

func appendLease(vars []byte, l store.Lease) []byte {
	vars = wire.AppendString(wire.AppendString(vars, "name"), inLedger+l.Name)
	vars = wire.AppendString(wire.AppendString(vars, "holder"), l.Holder)
	return wire.AppendInt(wire.AppendString(vars, "term"), int64(l.Term))
}

// retry asks again while others are in the way.
func (s *Store) retry(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	for attempt := 1; ; attempt++ {
		results, err := s.client.Query(ctx, text, vars)
		if err == nil || attempt == attempts || !isConflict(err) {
			return results, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// Note implements store.Ledger. The server keeps the feed as long as it was told
// to, so that Hold holds nothing.
func (s *Store) Note(ctx context.Context, n store.Notes) error {
	if err := s.gate.Enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	var text strings.Builder
	size := 3
	text.WriteString("BEGIN;\n")
	if n.Under != nil {
		size += 3
		text.WriteString("LET $held = (SELECT * FROM ONLY type::record('" + tableLeases + "', $name));\n" +
			"IF $held.holder != $holder OR $held.term != $term { THROW '" + saysLost + "' };\n" +
			"UPDATE type::record('" + tableLeases + "', $name) SET touched = ($held.touched ?? 0) + 1 RETURN NONE;\n")
	}
	text.WriteString("FOR $room IN $rooms { DELETE " + tableNotes + ":[$room, '']..[$room + '!'] RETURN NONE };\n" +
		"FOR $note IN $drop { DELETE type::record('" + tableNotes + "', $note) RETURN NONE };\n" +
		"FOR $note IN $put { UPSERT type::record('" + tableNotes + "', [$note[0], $note[1]]) SET body = $note[2] RETURN NONE };\n" +
		"COMMIT")
	vars := wire.AppendMap(nil, size)
	if n.Under != nil {
		vars = appendLease(vars, *n.Under)
	}
	_, err := s.retry(ctx, text.String(), appendNotes(vars, &n))
	var failed *rpc.StatementError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed) && strings.Contains(failed.Message, saysLost):
		return store.ErrLeaseLost
	case storageError(err) != nil:
		err = storageError(err)
	}
	return fmt.Errorf("write notes: %w", unavailable(err))
}

func appendNotes(vars []byte, n *store.Notes) []byte {
	var rooms, names []store.NoteName
	for _, name := range n.Drop {
		if name.Key == "" {
			rooms = append(rooms, name)
		} else {
			names = append(names, name)
		}
	}
	vars = wire.AppendArray(wire.AppendString(vars, "rooms"), len(rooms))
	for _, name := range rooms {
		vars = wire.AppendString(vars, name.Room)
	}
	vars = wire.AppendArray(wire.AppendString(vars, "drop"), len(names))
	for _, name := range names {
		vars = wire.AppendString(wire.AppendString(wire.AppendArray(vars, 2), name.Room), name.Key)
	}
	vars = wire.AppendArray(wire.AppendString(vars, "put"), len(n.Put))
	for i := range n.Put {
		note := &n.Put[i]
		vars = wire.AppendString(wire.AppendString(wire.AppendArray(vars, 3), note.Room), note.Key)
		vars = wire.AppendBytes(vars, note.Body)
	}
	return vars
}

// Noted implements store.Ledger.
func (s *Store) Noted(ctx context.Context, room, from string, limit int) ([]store.Note, error) {
	const text = "SELECT VALUE [record::id(id)[1], body] FROM " + tableNotes + ":[$room, $from]..[$room + '!'] LIMIT $limit"
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "room"), room)
	vars = wire.AppendString(wire.AppendString(vars, "from"), from)
	vars = wire.AppendInt(wire.AppendString(vars, "limit"), int64(limit))
	results, err := s.client.Read(ctx, text, vars)
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", unavailable(err))
	}
	r := wire.NewReader(results[0])
	notes := make([]store.Note, 0, r.Array())
	for range cap(notes) {
		r.Array()
		key := string(r.String())
		notes = append(notes, store.Note{Room: room, Key: key, Body: append([]byte(nil), r.Bytes()...)})
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	return notes, nil
}

// Resume implements store.Ledger: where the epoch begins, or where the server may
// have dropped that, the present.
func (s *Store) Resume(ctx context.Context, after query.Cursor) (query.Cursor, bool, error) {
	f := s.feed
	if err := f.start(); err != nil {
		return query.Cursor{}, false, err
	}
	f.mu.Lock()
	err := f.await(ctx, func() bool { return f.epoch != 0 })
	epoch := f.epoch
	kept, whole := err == nil && !f.gone(int64(epoch/1000)), err == nil && after.Seq > 0 && !f.gone(millis(after.Seq))
	f.mu.Unlock()
	switch {
	case err != nil:
		return query.Cursor{}, false, err
	case whole:
		at, found, err := f.between(ctx, after, epoch)
		if err != nil || found {
			return at, found, err
		}
	}
	if kept {
		return query.Cursor{}, false, nil
	}
	at, err := s.Position(ctx)
	return at, false, err
}

// between gives where an epoch began, if no commit came between a cursor and that.
func (f *feed) between(ctx context.Context, after query.Cursor, epoch uint64) (query.Cursor, bool, error) {
	for from := after.Seq + 1; ; {
		page, last, more, err := f.show(ctx, from)
		if err != nil {
			return query.Cursor{}, false, err
		}
		for i := range page {
			switch {
			case page[i].breaks && page[i].epoch == epoch:
				return query.Cursor{Epoch: epoch, Seq: page[i].seq}, true, nil
			case !page[i].breaks:
				return query.Cursor{}, false, nil
			}
		}
		if !more {
			return query.Cursor{}, false, nil
		}
		from = last + 1
	}
}
