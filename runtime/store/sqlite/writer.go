package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// groupBatches is how many batches share one commit at most.
const groupBatches = 256

// writer owns the one connection that writes, and the goroutine on it.
type writer struct {
	store *Store
	conn  *conn
	queue chan *job
	ended chan struct{}
	tx    transaction
	// keys is the next int key of a table; absent until it is needed.
	keys   map[string]int64
	words  map[string][]*wordIndex // the full-text indexes, by table
	total  int64                   // sum of all bodies ever written, as _feed has it
	at     int64                   // time of the last commit, microseconds
	trim   trim
	once   once
	broken atomic.Pointer[error] // set for good: nothing may be written
	ruin   chan struct{}         // closed when broken is set
	group  []*job
	added  []recent
}

// job is one thing for the writer: a batch, or special work outside of groups.
type job struct {
	ctx     context.Context
	layout  *layout
	batch   query.Batch
	special func(*conn) error
	state   atomic.Int32
	result  query.Result
	err     error
	done    chan struct{}
}

const (
	jobWaiting int32 = iota
	jobBegun
	jobCancelled
)

func newWriter(s *Store, c *conn) (*writer, error) {
	w := &writer{
		store: s, conn: c,
		queue: make(chan *job, s.options.Queue),
		ended: make(chan struct{}),
		ruin:  make(chan struct{}),
		keys:  map[string]int64{},
	}
	w.tx = transaction{writer: w, conn: c}
	w.trim = trim{keep: s.options.ChangesKeep, max: s.options.ChangesMax}
	if err := w.load(); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// load reads where the feed ends.
func (w *writer) load() (err error) {
	if w.total, err = queryInt(w.conn.db, "SELECT total FROM _feed ORDER BY seq DESC LIMIT 1"); err != nil {
		return err
	}
	if w.at, err = queryInt(w.conn.db, "SELECT at FROM _feed ORDER BY seq DESC LIMIT 1"); err != nil {
		return err
	}
	if err := w.trim.loadHold(w.conn, w.store.epoch.Load()); err != nil {
		return err
	}
	schema, err := readSchema(w.conn)
	w.words = wordIndexes(&schema)
	return err
}

// submit queues a job and waits for it. A job that has begun is waited for
// even when the context ends, for then only its end tells what happened.
func (w *writer) submit(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return statementError(ctx, sqlite3.INTERRUPT)
	}
	j.ctx, j.done = ctx, make(chan struct{})
	select {
	case w.queue <- j:
	default:
		return faultQueue()
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobCancelled) {
			return statementError(ctx, sqlite3.INTERRUPT)
		}
		<-j.done
		return j.err
	}
}

// close ends the goroutine after all that waits is done, and tidies the file.
// Nobody may submit any more.
func (w *writer) close() error {
	close(w.queue)
	<-w.ended
	if w.broken.Load() == nil {
		_ = w.conn.db.Exec("PRAGMA optimize") // a wish, not a need
		_, _, err := w.conn.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
		if err != nil && !errors.Is(err, sqlite3.BUSY) && !errors.Is(err, sqlite3.LOCKED) && !isFull(err) {
			return errors.Join(err, w.conn.close())
		}
	}
	return w.conn.close()
}

func (w *writer) run() {
	defer close(w.ended)
	for first := range w.queue {
		group, special := w.gather(first)
		if len(group) > 0 {
			w.commit(group)
		}
		if special != nil {
			w.runSpecial(special)
		}
		clear(w.group)
	}
}

// gather takes what already waits, up to a special job.
func (w *writer) gather(first *job) (group []*job, special *job) {
	w.group = w.group[:0]
	next := first
	for {
		if next.state.CompareAndSwap(jobWaiting, jobBegun) {
			if next.special != nil {
				return w.group, next
			}
			w.group = append(w.group, next)
		}
		if len(w.group) == groupBatches {
			return w.group, nil
		}
		select {
		case j, ok := <-w.queue:
			if !ok {
				return w.group, nil
			}
			next = j
		default:
			return w.group, nil
		}
	}
}

// commit runs a group in one transaction. Where one batch takes the whole
// transaction with it, each is run again by itself, so that only the guilty
// one fails.
func (w *writer) commit(group []*job) {
	if !w.try(group) && len(group) > 1 {
		for i := range group {
			group[i].err, group[i].result = nil, query.Result{}
			w.try(group[i : i+1])
		}
	}
	for _, j := range group {
		close(j.done)
	}
}

// try runs jobs in one transaction. It is false where the transaction was
// lost; every job then has the error as its own.
func (w *writer) try(jobs []*job) bool {
	if err := w.refusal(); err != nil {
		failAll(jobs, err)
		return true
	}
	if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		failAll(jobs, w.commitError(err))
		return true
	}
	w.begin()
	for _, j := range jobs {
		err := w.runBatch(j)
		if err == nil {
			continue
		}
		j.result, j.err = query.Result{}, err
		if w.tx.lost || w.conn.db.GetAutocommit() {
			w.rollback()
			failAll(jobs, err)
			return false
		}
	}
	if err := w.finish(); err != nil {
		w.rollback()
		failAll(jobs, w.commitError(err))
		return w.broken.Load() != nil
	}
	w.publish()
	return true
}

func failAll(jobs []*job, err error) {
	for _, j := range jobs {
		j.result, j.err = query.Result{}, err
	}
}

// begin forgets what the last group left.
func (w *writer) begin() {
	clear(w.added)
	w.added = w.added[:0]
	w.tx.group(w.store.feed.position())
	w.once.begin()
	w.at = max(w.at, time.Now().UnixMicro())
}

// finish writes what belongs to the commit besides rows and feed, and makes it
// durable.
func (w *writer) finish() error {
	if len(w.added) > 0 {
		for _, t := range w.tx.touched {
			if err := writeVersion(w.conn, t, w.tx.seq); err != nil {
				return err
			}
		}
		if err := w.trim.run(w.conn, w.total, w.at); err != nil {
			return err
		}
	}
	if len(w.added) > 0 || w.once.dirty {
		if err := w.once.trim(w.conn, w.at); err != nil {
			return err
		}
	}
	return w.conn.exec("COMMIT")
}

func writeVersion(c *conn, t *table, seq uint64) error {
	stmt, err := c.stmts.get([]byte("INSERT INTO _versions (name, seq, rev) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET seq=excluded.seq, rev=excluded.rev"))
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.BindText(1, t.Name), stmt.BindInt64(2, int64(seq)), stmt.BindInt64(3, t.version.rev)); err != nil {
		return err
	}
	return stmt.Exec()
}

// publish tells what is durable now: versions first, then the feed; only then
// are the callers answered.
func (w *writer) publish() {
	if len(w.added) == 0 {
		return
	}
	for _, t := range w.tx.touched {
		t.version.seq.Store(w.tx.seq)
	}
	w.total = w.tx.total
	w.store.feed.publish(w.added, w.trim.floor)
}

func (w *writer) rollback() {
	w.conn.stmts.resetAll()
	if !w.conn.db.GetAutocommit() {
		if err := w.conn.exec("ROLLBACK"); err != nil {
			w.breakDown(err)
		}
	}
	clear(w.keys)
	w.trim.undo()
	w.once.undo()
}

// commitError tells a full disk, which heals by itself, from a broken one,
// after which only a new start knows what is on it.
func (w *writer) commitError(err error) error {
	if isBroken(err) {
		w.breakDown(err)
	}
	return statementError(context.Background(), err)
}

func (w *writer) breakDown(err error) {
	err = fmt.Errorf("writing has stopped, restart to recover: %w", err)
	if w.broken.CompareAndSwap(nil, &err) {
		close(w.ruin)
		w.store.options.Logger.Error("database writing has stopped", "path", w.store.options.Path, "error", err)
	}
}

// refusal is why nothing may be written, nil when it may.
func (w *writer) refusal() error {
	if broken := w.broken.Load(); broken != nil {
		return *broken
	}
	return nil
}

// runBatch runs one batch; where it fails, nothing of it stays.
func (w *writer) runBatch(j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.tx.lost = true
			err = fmt.Errorf("panic in a write: %v\n%s", p, debug.Stack())
		}
	}()
	w.conn.time.start(j.ctx, w.store.options.StatementTimeout)
	defer w.conn.time.stop()
	if err := w.trim.room(w.tx.total, j.batch.Depth); err != nil {
		return err
	}
	result, err := w.tx.run(j)
	if err != nil {
		// Keys that it named are as if never given: nobody may use up the keys of a
		// table by rows that are refused.
		clear(w.keys)
		if isBroken(err) {
			w.breakDown(err)
			w.tx.lost = true
		}
		return statementError(j.ctx, err)
	}
	j.result = result
	return nil
}

func (w *writer) runSpecial(j *job) {
	defer close(j.done)
	defer func() {
		if p := recover(); p != nil {
			j.err = fmt.Errorf("panic in the writer: %v\n%s", p, debug.Stack())
			w.rollback()
		}
	}()
	if j.err = w.refusal(); j.err != nil {
		return
	}
	if err := j.special(w.conn); err != nil {
		w.rollback()
		j.err = err
		if isBroken(err) {
			w.breakDown(err)
		}
	}
}

// Apply implements store.View.
func (v *view) Apply(ctx context.Context, b query.Batch) (query.Result, error) {
	if err := v.enter(ctx); err != nil {
		return query.Result{}, err
	}
	defer v.leave()
	j := &job{layout: v.layout, batch: b}
	if err := v.store.writer.submit(ctx, j); err != nil {
		return query.Result{}, v.explainError(ctx, err)
	}
	return j.result, nil
}

// Broken implements store.Store.
func (s *Store) Broken() <-chan struct{} { return s.writer.ruin }

// Health implements store.Store: a durable write of no consequence.
func (s *Store) Health(ctx context.Context) error {
	if err := s.gate.Enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.writer.submit(ctx, &job{special: func(c *conn) error {
		err := c.inTransaction(func() error {
			return writeMeta(c, metaProbe, time.Now().UTC().Format(time.RFC3339Nano))
		})
		return statementError(ctx, err)
	}})
}
