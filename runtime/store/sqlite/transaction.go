package sqlite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/outcome"
)

// transaction is the running group: what its batches did so far, and the
// batch at hand.
type transaction struct {
	writer *writer
	conn   *conn
	epoch  uint64

	seq     uint64 // of the last commit of the group
	total   int64
	touched []*table // by batches that stay
	lost    bool     // the whole transaction is of no use any more

	layout *layout
	body   body
	now    []*table // touched by the batch at hand
	comp   compiler
	// reworded are the rows that the write at hand changed, of tables that have
	// a full-text index.
	reworded []rewording
}

// group starts a new group after a position.
func (t *transaction) group(last query.Cursor) {
	t.epoch, t.seq, t.total = last.Epoch, last.Seq, t.writer.total
	clear(t.touched)
	t.touched = t.touched[:0]
	t.lost = false
}

// run does one batch and writes its commit into the feed.
func (t *transaction) run(j *job) (query.Result, error) {
	t.layout = j.layout
	t.body.reset()
	t.reworded = t.reworded[:0]
	t.now = t.now[:0]
	b := &j.batch
	if isAtomic(b) {
		result, err := t.writes(b)
		if err != nil {
			t.lost = t.body.changes > 0 // the row is there, but not all that belongs to it
			return query.Result{}, err
		}
		return t.record(result, b.Depth)
	}
	if b.Once != nil {
		if b.Rollback {
			return query.Result{}, errOnceRollback
		}
		if result, done, err := t.recall(b); done || err != nil {
			return result, err
		}
	}
	if err := t.conn.exec("SAVEPOINT batch"); err != nil {
		t.lost = true
		return query.Result{}, err
	}
	result, err := t.attempt(b)
	if err != nil || b.Rollback {
		t.undo()
		clear(t.writer.keys)
		if err == nil && t.lost {
			err = errors.New("a batch that is not kept could not be undone")
		}
		return result, err
	}
	if err := t.conn.exec("RELEASE batch"); err != nil {
		t.lost = true
		return query.Result{}, err
	}
	return result, nil
}

// attempt does all of a batch behind a savepoint.
func (t *transaction) attempt(b *query.Batch) (query.Result, error) {
	result, err := t.writes(b)
	if err == nil {
		err = t.lookBeyond(b, &result)
	}
	if err != nil || b.Rollback {
		return result, err
	}
	if b.Once == nil {
		return t.record(result, b.Depth)
	}
	result.Cursor = t.cursor()
	kept := outcome.Encode(b, &result)
	if len(kept) > onceBytes {
		return result, errOnceTooLarge
	}
	if result, err = t.record(result, b.Depth); err != nil {
		return result, err
	}
	if err := t.remember(b, kept); err != nil {
		t.lost = true // its commit is in the feed already
		return result, err
	}
	return result, nil
}

// undo goes back to before the batch, if the transaction is still there.
func (t *transaction) undo() {
	if t.lost || t.conn.db.GetAutocommit() {
		t.lost = true
		return
	}
	t.conn.time.stop() // the way back has no bound
	if err := t.conn.backTo("batch"); err != nil {
		t.lost = true
	}
}

// isAtomic reports a batch of which nothing stays when it fails even without
// a savepoint: one insert of one row, with nothing that could fail behind it.
func isAtomic(b *query.Batch) bool {
	if len(b.Writes) != 1 || b.Once != nil || b.Rollback {
		return false
	}
	w := &b.Writes[0]
	return w.Op == query.Insert && len(w.Rows) == 1 && w.Conflict == nil && w.Beyond == nil && w.AtMost == nil
}

// resultOf has room for what the writes of a batch will have done; for one row
// it is one allocation.
func resultOf(b *query.Batch) query.Result {
	if !isAtomic(b) {
		return query.Result{Writes: make([]query.WriteResult, len(b.Writes))}
	}
	room := new(struct {
		writes [1]query.WriteResult
		keys   [1]query.Value
	})
	room.writes[0].Keys = room.keys[:0]
	return query.Result{Writes: room.writes[:]}
}

func (t *transaction) writes(b *query.Batch) (query.Result, error) {
	result := resultOf(b)
	for i := range b.Writes {
		w, err := b.Writes[i].Resolve(result.Writes[:i])
		if err == nil {
			err = t.write(w, &result.Writes[i])
		}
		if err != nil && len(b.Writes) > 1 {
			err = &store.WriteError{Write: i, Err: err}
		}
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

func (t *transaction) write(w *query.Write, did *query.WriteResult) error {
	err := t.dispatch(w, did)
	if err == nil && len(t.reworded) > 0 {
		err = t.reword()
	}
	if err != nil {
		return err
	}
	return store.CheckCount(w, did.Affected)
}

func (t *transaction) dispatch(w *query.Write, did *query.WriteResult) error {
	if w.Op == query.Run {
		return t.runText(w, did)
	}
	entry := t.layout.tables[w.Table]
	if entry == nil {
		return fault.Newf("42P01", "relation %q does not exist", w.Table.Name)
	}
	if len(w.Beyond) > 0 && !w.Returning {
		return fmt.Errorf("write to %q: what lies beyond its rows is asked for, but not the rows", entry.Name)
	}
	switch w.Op {
	case query.Insert:
		return t.insert(entry, w, did)
	case query.Update:
		return t.update(entry, w, did)
	}
	return t.delete(entry, w, did)
}

// cursor is the place that the batch's commit will have; zero when it changed
// nothing.
func (t *transaction) cursor() query.Cursor {
	if t.body.changes == 0 {
		return query.Cursor{}
	}
	return query.Cursor{Epoch: t.epoch, Seq: t.seq + 1}
}

// record writes the batch's commit; a batch that changed nothing has none.
// From here on the batch cannot fail by itself: an error here is the disk's.
func (t *transaction) record(result query.Result, depth int) (query.Result, error) {
	if t.body.changes == 0 {
		return result, nil
	}
	t.conn.time.stop()
	raw := append(appendDepth(make([]byte, 0, len(t.body.bytes)+8), depth), t.body.bytes...)
	changes, depth, err := decodeChanges(raw)
	if err != nil {
		return result, err
	}
	commit := query.Commit{
		Cursor:  t.cursor(),
		At:      t.writer.at,
		Depth:   depth,
		Changes: changes,
	}
	total := t.total + int64(len(raw))
	if err := writeFeed(t.conn, commit, total, raw); err != nil {
		t.lost = true
		return result, err
	}
	t.seq, t.total = t.seq+1, total
	t.writer.added = append(t.writer.added, recent{commit: commit, size: len(raw) + 128})
	for _, entry := range t.now {
		if !slices.Contains(t.touched, entry) {
			t.touched = append(t.touched, entry)
		}
	}
	result.Cursor = commit.Cursor
	return result, nil
}

func writeFeed(c *conn, commit query.Commit, total int64, raw []byte) error {
	stmt, err := c.stmts.get([]byte("INSERT INTO _feed (seq, at, total, body) VALUES (?, ?, ?, ?)"))
	if err != nil {
		return err
	}
	if err := errors.Join(
		stmt.BindInt64(1, int64(commit.Cursor.Seq)),
		stmt.BindInt64(2, commit.At),
		stmt.BindInt64(3, total),
		stmt.BindBlob(4, raw),
	); err != nil {
		return err
	}
	return stmt.Exec()
}

// changed notes one row's change for the feed; of a quiet table, once for all
// rows, that they changed.
func (t *transaction) changed(entry *table, op query.Op, before, after query.Row) {
	if t.writer.words[entry.Name] != nil {
		t.reworded = append(t.reworded, rewording{entry, before, after})
	}
	known := slices.Contains(t.now, entry)
	switch {
	case !entry.Quiet:
		t.body.add(entry.Table, op, before, after)
	case !known:
		t.body.add(entry.Table, query.Update, nil, nil)
	}
	if !known {
		t.now = append(t.now, entry)
	}
}

// alive is an error when the batch's time is over or its request is gone;
// asked between rows, never within a statement that writes.
func (t *transaction) alive() error {
	if t.conn.time.Err() != nil {
		return faultInterrupted
	}
	return nil
}
