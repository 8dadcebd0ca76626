package sqlite

import (
	"errors"
	"math"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/outcome"
)

const (
	// onceKept is how long a batch is remembered.
	onceKept = 24 * time.Hour
	// onceBytes bounds the result that is kept of a batch.
	onceBytes = 4 << 20
	// onceRows is how many of them at most are forgotten with one commit.
	onceRows = 512
)

var (
	errOnceRollback = errors.New("a batch that is not kept cannot be repeated")
	errOnceTooLarge = fault.Newf(codeTooLarge, "the result of a repeatable batch has more than %d MiB", onceBytes>>20).
			WithHint("ask for fewer rows, or for none of them (return=minimal)")
	errOnceUnfit = fault.New(codeOutgrown, "the batch was done before, but the tables have changed since and its result no longer fits them").
			WithHint("read the rows; nothing is done again under this key")
)

// once is what the writer knows of the batches that it remembers.
type once struct {
	oldest int64 // no batch that is remembered is older
	known  bool
	dirty  bool // the running group remembers a batch
}

// begin forgets what the last group left.
func (o *once) begin() { o.dirty = false }

// undo forgets what a transaction that was rolled back did.
func (o *once) undo() { o.known = false }

// recall gives the result of a batch that was done before; false where it was
// not.
func (t *transaction) recall(b *query.Batch) (query.Result, bool, error) {
	stmt, err := t.conn.stmts.get([]byte("SELECT request, result FROM _once WHERE key=? AND at>=?"))
	if err != nil {
		return query.Result{}, false, err
	}
	defer stmt.Reset()
	if err := errors.Join(stmt.BindText(1, b.Once.Key), stmt.BindInt64(2, t.writer.at-onceKept.Microseconds())); err != nil {
		return query.Result{}, false, err
	}
	if !stmt.Step() {
		return query.Result{}, false, stmt.Err()
	}
	if string(stmt.ColumnRawBlob(0)) != string(b.Once.Request[:]) {
		return query.Result{}, false, store.ErrKeyReused
	}
	result, err := outcome.Decode(stmt.ColumnRawBlob(1), b)
	if errors.Is(err, outcome.ErrUnfit) {
		err = errOnceUnfit
	}
	result.Replayed = true
	return result, true, err
}

// remember keeps a batch's result with what the batch wrote.
func (t *transaction) remember(b *query.Batch, result []byte) error {
	stmt, err := t.conn.stmts.get([]byte("INSERT INTO _once (key, at, request, result) VALUES (?, ?, ?, ?)" +
		" ON CONFLICT (key) DO UPDATE SET at=excluded.at, request=excluded.request, result=excluded.result"))
	if err != nil {
		return err
	}
	defer stmt.ClearBindings()
	at := t.writer.at
	if err := errors.Join(
		stmt.BindText(1, b.Once.Key),
		stmt.BindInt64(2, at),
		stmt.BindBlob(3, b.Once.Request[:]),
		stmt.BindBlob(4, result),
	); err != nil {
		return err
	}
	o := &t.writer.once
	o.oldest, o.dirty = min(o.oldest, at), true
	return stmt.Exec()
}

// trim forgets what is too old, by the time of this commit: some at a time, so
// that it delays no commit.
func (o *once) trim(c *conn, now int64) error {
	if !o.known {
		if err := o.load(c); err != nil {
			return err
		}
	}
	oldest := now - onceKept.Microseconds()
	if o.oldest >= oldest {
		return nil
	}
	stmt, err := c.stmts.get([]byte("DELETE FROM _once WHERE key IN (SELECT key FROM _once WHERE at < ? ORDER BY at LIMIT ?)"))
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.BindInt64(1, oldest), stmt.BindInt64(2, onceRows)); err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return err
	}
	return o.load(c)
}

func (o *once) load(c *conn) error {
	stmt, err := c.stmts.get([]byte("SELECT min(at) FROM _once"))
	if err != nil {
		return err
	}
	defer stmt.Reset()
	o.oldest = math.MaxInt64
	if stmt.Step() {
		o.known = true
		if stmt.ColumnType(0) == sqlite3.INTEGER {
			o.oldest = stmt.ColumnInt64(0)
		}
	}
	return stmt.Err()
}
