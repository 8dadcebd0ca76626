package surreal

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
)

const (
	// maxAttempts bounds how often a batch is tried that others are in the way of;
	// its time bounds it too.
	maxAttempts = 50
	// firstPause and longestPause are between two tries, each of which takes up to
	// twice as long as the one before.
	firstPause   = time.Millisecond
	longestPause = 100 * time.Millisecond
)

// writes is what the writes of all views share.
type writes struct {
	keys keyMaker
	// current is the layout of the tables that are there, as far as this store has
	// heard, whatever its views were opened on.
	current atomic.Pointer[layout]
	// forgot is when batches that were done once were forgotten last.
	forgot atomic.Int64
	// shard spreads this process's writes over the witnesses.
	shard atomic.Uint64
}

// Apply implements store.View. A batch is tried until no other is in its way.
// Where the server was lost before it answered, the batch is looked for in the
// feed; what is not found there is told as an outcome that is not known, never
// done again: it may still be on its way.
func (v *view) Apply(ctx context.Context, b query.Batch) (query.Result, error) {
	if err := v.enter(ctx); err != nil {
		return query.Result{}, err
	}
	defer v.leave()
	ctx, done := context.WithTimeout(ctx, v.store.options.StatementTimeout)
	defer done()
	result, err := v.apply(ctx, &b)
	if err != nil {
		return query.Result{}, requestError(ctx, v.outdated(ctx, err))
	}
	if b.Once != nil {
		v.store.forgetOnce(ctx)
	}
	return result, nil
}

// apply tries a batch until no other is in its way.
func (v *view) apply(ctx context.Context, b *query.Batch) (query.Result, error) {
	if b.Once != nil && b.Rollback {
		return query.Result{}, errOnceRollback
	}
	if _, err := v.store.feed.released(ctx); err != nil { // whose reader must see the batch
		return query.Result{}, err
	}
	var care care
	var shut time.Time
	for attempt := 1; ; attempt++ {
		result, err := v.try(ctx, b, care)
		switch {
		case err == nil:
			return result, nil
		case errors.Is(err, errShut):
			if shut.IsZero() {
				shut = time.Now()
			}
			if time.Since(shut) > gate.Wait {
				return query.Result{}, faultMigrating().WithCause(err)
			}
			attempt--
			care.patient = true
			if err := backOff(ctx, maxAttempts); err != nil {
				return query.Result{}, err
			}
			continue
		case errors.Is(err, errCarefully) && !care.careful:
			care.careful = true
			continue
		case errors.Is(err, errUnnamed) && !care.naming:
			care.careful, care.naming = true, true
			continue
		case !errors.Is(err, errAgain):
			return query.Result{}, err
		case attempt == maxAttempts:
			return query.Result{}, faultContended().WithCause(err)
		}
		if err := backOff(ctx, attempt); err != nil {
			return query.Result{}, err
		}
	}
}

// try does a batch once.
func (v *view) try(ctx context.Context, b *query.Batch, care care) (query.Result, error) {
	leave, err := v.store.writing.pass(ctx, b, care.patient)
	if err != nil {
		return query.Result{}, err
	}
	defer leave()
	if err := v.fitting(); err != nil { // it may have waited for a migration
		return query.Result{}, err
	}
	t := &transaction{view: v, store: v.store, layout: v.layout, ctx: ctx, batch: b, mark: v.store.feed.newMark(b.Depth), care: care}
	defer t.mark.end()
	t.reset()
	defer t.cancel()
	result, err := t.attempt()
	t.settleKeys(err == nil && !b.Rollback && !result.Replayed)
	if err != nil || b.Rollback {
		return result, err
	}
	if t.changes > 0 {
		names := make([]string, len(t.touched))
		for i, entry := range t.touched {
			names[i] = entry.Name
		}
		t.mark.acknowledge(names...)
		if !b.Position {
			return result, nil
		}
		if result.Cursor, err = t.mark.cursor(ctx); err != nil {
			// It is committed, whatever becomes of its place.
			v.store.options.Logger.Warn("the place of a commit in the feed is not known", "error", err)
		}
	}
	return result, nil
}

func (t *transaction) attempt() (query.Result, error) {
	b := t.batch
	if b.Once != nil {
		if result, done, err := t.recall(); done || err != nil {
			return result, err
		}
	}
	result := query.Result{Writes: make([]query.WriteResult, len(b.Writes))}
	if err := t.writes(&result); err != nil {
		return result, err
	}
	t.raiseKeys()
	if b.Rollback {
		return result, t.undo()
	}
	if b.Once != nil {
		if err := t.remember(&result); err != nil {
			return result, err
		}
	}
	if err := t.commit(); err != nil {
		if found := t.outcome(err); found != nil {
			return result, found
		}
	}
	return result, nil
}

// backOff waits before another try; so long by chance, that two that met do not
// meet again.
func backOff(ctx context.Context, attempt int) error {
	most := min(firstPause<<min(attempt-1, 10), longestPause)
	timer := time.NewTimer(most/2 + mathrand.N(most/2+1)) //nolint:gosec // chance is all that is needed
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// undo does all of a batch that is not to be kept.
func (t *transaction) undo() error {
	if len(t.ops) == 0 {
		return nil
	}
	return t.flush() // what is not committed is cancelled
}

func faultContended() *fault.Fault {
	return fault.New(codeContended, "too many others write to the same rows").WithHint("try again in a moment")
}
