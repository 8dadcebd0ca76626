package surreal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/outcome"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	// onceKept is how long a batch is remembered.
	onceKept = 24 * time.Hour
	// onceBytes bounds the result that is kept of a batch.
	onceBytes = 4 << 20
	// onceRows is how many of them at most are forgotten at once, and forgetEvery
	// how often, where there are not more.
	onceRows    = 512
	forgetEvery = 10 * time.Second
)

var (
	errOnceRollback = errors.New("a batch that is not kept cannot be repeated")
	errOnceTooLarge = fault.Newf(codeTooLarge, "the result of a repeatable batch has more than %d MiB", onceBytes>>20).
			WithHint("ask for fewer rows, or for none of them (return=minimal)")
	errOnceUnfit = fault.New(codeOutgrown, "the batch was done before, but the tables have changed since and its result no longer fits them").
			WithHint("read the rows; nothing is done again under this key")
)

// onceRow writes the id of what is remembered under the batch's key.
func (t *transaction) onceRow(c *compiler) {
	c.bind(func(dst []byte) []byte {
		return wire.AppendString(wire.AppendRecord(dst, tableOnce), t.batch.Once.Key)
	})
}

// recall gives the result of a batch that was done before; false where it was
// not.
func (t *transaction) recall() (query.Result, bool, error) {
	c := compiler{}
	c.text("SELECT VALUE [request, result, at, batch, since] FROM ONLY ")
	t.onceRow(&c)
	results, err := t.store.client.Query(t.ctx, string(c.buf), c.vars())
	if err != nil {
		return query.Result{}, false, fmt.Errorf("look for a batch that was done before: %w", err)
	}
	r := wire.NewReader(results[0])
	if r.Kind() != wire.Array {
		return query.Result{}, false, r.Err()
	}
	r.Array()
	request, kept, at, batch, since := r.Bytes(), r.Bytes(), r.Int(), string(r.String()), r.Int()
	if err := r.Err(); err != nil {
		return query.Result{}, false, fmt.Errorf("read a batch that was done before: %w", err)
	}
	if at < time.Now().Add(-onceKept).UnixMicro() {
		return query.Result{}, false, nil
	}
	if string(request) != string(t.batch.Once.Request[:]) {
		return query.Result{}, true, store.ErrKeyReused
	}
	result, err := outcome.Decode(kept, t.batch)
	if errors.Is(err, outcome.ErrUnfit) {
		err = errOnceUnfit
	}
	if err != nil {
		return query.Result{}, true, err
	}
	result.Replayed = true
	if err := t.store.settle(t.ctx); err != nil {
		return result, true, fmt.Errorf("wait for a batch that was done before: %w", err)
	}
	if result.Cursor != (query.Cursor{}) {
		result.Cursor, err = t.store.placeOf(t.ctx, batch, uint64(since))
	}
	return result, true, err
}

// remember keeps the batch's result with what the batch wrote. A row that is
// there was too old, or another's that came first: then the try fails, and the
// next one finds it.
func (t *transaction) remember(result *query.Result) error {
	if len(t.batch.Writes) > 0 && t.asksBeyond() {
		if err := t.flush(); err != nil { // what lies beyond is told first
			return err
		}
	}
	if t.changes > 0 {
		result.Cursor = query.Cursor{Epoch: 1, Seq: 1} // found by the batch when it is asked for
	}
	since, err := t.store.feed.released(t.ctx)
	if err != nil {
		return err
	}
	kept := outcome.Encode(t.batch, result)
	if len(kept) > onceBytes {
		return errOnceTooLarge
	}
	now := time.Now()
	t.throw(op{kind: opMoved}, func(c *compiler) {
		c.text("(SELECT VALUE at FROM ONLY ")
		t.onceRow(c)
		c.text(") > ")
		c.plain(query.Int(now.Add(-onceKept).UnixMicro()))
	})
	c := t.statement(op{})
	c.text("UPSERT ")
	t.onceRow(c)
	c.text(" SET at = ")
	c.plain(query.Int(now.UnixMicro()))
	c.text(", since = ")
	c.plain(query.Int(int64(since.Seq)))
	c.text(", batch = $" + paramBatch + ", request = ")
	c.bind(func(dst []byte) []byte { return wire.AppendBytes(dst, t.batch.Once.Request[:]) })
	c.text(", result = ")
	c.bind(func(dst []byte) []byte { return wire.AppendBytes(dst, kept) })
	c.text(" RETURN NONE")
	return nil
}

func (t *transaction) asksBeyond() bool {
	for i := range t.batch.Writes {
		if len(t.batch.Writes[i].Beyond) > 0 {
			return true
		}
	}
	return false
}

// forgetOnce forgets batches that are too old: some at a time, in a transaction
// of its own, so that no batch waits for another's.
func (s *Store) forgetOnce(ctx context.Context) {
	now, last := time.Now(), s.writes.forgot.Load()
	if now.Sub(time.UnixMicro(last)) < forgetEvery || !s.writes.forgot.CompareAndSwap(last, now.UnixMicro()) {
		return
	}
	vars := wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 1), "oldest"), now.Add(-onceKept).UnixMicro())
	text := "{ LET $old = (SELECT VALUE id FROM " + tableOnce + " WHERE at < $oldest LIMIT " + strconv.Itoa(onceRows) + "); DELETE $old RETURN NONE; $old.len() }"
	results, err := s.client.Query(ctx, text, vars)
	switch {
	case err == nil:
		if wire.NewReader(results[0]).Int() == onceRows {
			s.writes.forgot.Store(0) // there may be more
		}
	case ctx.Err() == nil && !isConflict(err): // another node forgets the same
		s.options.Logger.Warn("batches that were done a day ago could not be forgotten", "error", err)
	}
}
