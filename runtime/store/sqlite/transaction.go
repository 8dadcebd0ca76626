package sqlite

import (
	"errors"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
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
	t.now = t.now[:0]
	if isAtomic(&j.batch) {
		result, err := t.writes(&j.batch)
		if err != nil {
			return query.Result{}, err
		}
		return t.record(result)
	}
	if err := t.conn.exec("SAVEPOINT batch"); err != nil {
		t.lost = true
		return query.Result{}, err
	}
	result, err := t.writes(&j.batch)
	if err == nil {
		result, err = t.record(result)
	}
	if err != nil {
		t.undo()
		return query.Result{}, err
	}
	if err := t.conn.exec("RELEASE batch"); err != nil {
		t.lost = true
		return query.Result{}, err
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
	if err := errors.Join(t.conn.exec("ROLLBACK TO batch"), t.conn.exec("RELEASE batch")); err != nil {
		t.lost = true
	}
}

// isAtomic reports a batch of which nothing stays when it fails even without
// a savepoint: one insert of one row.
func isAtomic(b *query.Batch) bool {
	return len(b.Writes) == 1 && b.Writes[0].Op == query.Insert && len(b.Writes[0].Rows) == 1
}

func (t *transaction) writes(b *query.Batch) (query.Result, error) {
	result := query.Result{Writes: make([]query.WriteResult, len(b.Writes))}
	for i := range b.Writes {
		w := &b.Writes[i]
		entry := t.layout.tables[w.Table]
		if entry == nil {
			return result, fault.Newf("42P01", "relation %q does not exist", w.Table.Name)
		}
		did := &result.Writes[i]
		var err error
		switch w.Op {
		case query.Insert:
			err = t.insert(entry, w, did)
		case query.Update:
			err = t.update(entry, w, did)
		case query.Delete:
			err = t.delete(entry, w, did)
		}
		if err != nil {
			return result, err
		}
		if w.Single && did.Affected != 1 {
			return result, &store.NotSingleError{Affected: did.Affected}
		}
		if w.AtMost != nil && did.Affected > *w.AtMost {
			return result, &store.TooManyError{Affected: did.Affected}
		}
	}
	return result, nil
}

// record writes the batch's commit; a batch that changed nothing has none.
// From here on the batch cannot fail by itself: an error here is the disk's.
func (t *transaction) record(result query.Result) (query.Result, error) {
	if t.body.changes == 0 {
		return result, nil
	}
	t.conn.time.stop()
	raw := slices.Clone(t.body.bytes)
	changes, err := decodeChanges(raw)
	if err != nil {
		return result, err
	}
	commit := query.Commit{
		Cursor:  query.Cursor{Epoch: t.epoch, Seq: t.seq + 1},
		At:      t.writer.at,
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

// changed notes one row's change for the feed.
func (t *transaction) changed(entry *table, op query.Op, before, after query.Row) {
	t.body.add(entry.Table, op, before, after)
	if !slices.Contains(t.now, entry) {
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

func judge(checks []query.Check, row, old query.Row) error {
	for i := range checks {
		truth := query.Holds(checks[i].Cond, row, old)
		if truth == query.True || truth == query.Unknown && checks[i].AllowUnknown {
			continue
		}
		return checks[i].Fault
	}
	return nil
}
