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
	if _, lookErr := t.mark.cursor(ctx); lookErr != nil {
		return faultUnknown().WithCause(err)
	}
	return nil
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
