package surreal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// lookFor is how long a batch is looked for in the feed whose answer was lost.
const lookFor = 5 * time.Second

// outcome is what the error of a commit means: nil where the batch is committed
// all the same. An answer that was lost is looked for in the feed, where every
// commit is, with the id of its batch; what is not there may still be on its way,
// so that it is not known what becomes of it.
func (t *transaction) outcome(err error) error {
	if !errors.Is(err, rpc.ErrUnknownOutcome) {
		return err
	}
	t.collided = true // the keys may be those of rows
	if errors.Is(t.ctx.Err(), context.Canceled) {
		return err // nobody waits for it
	}
	if t.changes == 0 || t.asksBeyond() {
		return faultUnknown().WithCause(err)
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(t.ctx), lookFor)
	defer done()
	at, lookErr := t.mark.cursor(ctx)
	if lookErr == nil {
		at, lookErr = t.store.kept(ctx, t.mark.id, at.Seq)
	}
	if lookErr != nil || at == (query.Cursor{}) {
		return faultUnknown().WithCause(errors.Join(err, lookErr))
	}
	return nil
}

// kept is the place of a batch's commit that was in sight, once it is on the
// disk; the zero cursor where it is gone. A server shows a commit before it has
// written it down, and loses it when it is killed in between: so what was seen
// without an answer is looked for again behind a write that was answered.
func (s *Store) kept(ctx context.Context, batch string, seq uint64) (query.Cursor, error) {
	if err := s.settle(ctx); err != nil {
		return query.Cursor{}, err
	}
	return s.placeOf(ctx, batch, seq)
}

// settle is done when all that the server showed before is on its disk: a write of
// ours is, and the log is written in order.
func (s *Store) settle(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		_, err := s.client.Query(ctx, "UPSERT "+tableMeta+":settled SET at = time::now() RETURN NONE", nil)
		lost := errors.Is(err, rpc.ErrUnknownOutcome) || errors.Is(err, rpc.ErrUnavailable)
		if err == nil || !lost && !isConflict(err) {
			return err
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// placeEntries is how many commits are read at once when one is looked for.
const placeEntries = 500

// placeOf is the place of an earlier batch's commit, which came after a place in
// the feed; the zero cursor where the feed no longer has it.
func (s *Store) placeOf(ctx context.Context, batch string, from uint64) (query.Cursor, error) {
	at, err := s.feed.released(ctx)
	if err != nil {
		return query.Cursor{}, err
	}
	for {
		results, err := s.client.Read(ctx, "SHOW CHANGES FOR TABLE "+tableChanges+" SINCE "+strconv.FormatUint(from, 10)+" LIMIT "+strconv.Itoa(placeEntries), nil)
		if err != nil {
			return query.Cursor{}, fmt.Errorf("look for a commit in the feed: %w", err)
		}
		entries, read, last, err := readEntries(results[0])
		if err != nil {
			return query.Cursor{}, err
		}
		for i := range entries {
			if entries[i].batch == batch {
				return query.Cursor{Epoch: at.Epoch, Seq: entries[i].seq}, nil
			}
		}
		if read < placeEntries {
			return query.Cursor{}, nil
		}
		from = last + 1
	}
}
