package surreal

import (
	"context"
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// find finds the feed's epoch and its end.
func (r *reader) find(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, findTime)
	defer done()
	epoch, err := r.readEpoch(ctx)
	if err != nil {
		return err
	}
	bits := ownBits
	for back := 10 * time.Second; ; back *= 10 {
		from := uint64(max(time.Now().Add(-back).UnixMilli(), 0)) << bits
		list, last, full, err := r.show(ctx, from)
		if err != nil {
			return err
		}
		if len(list) > 0 && clockBits(list[0].seq) != bits {
			bits, back = clockBits(list[0].seq), time.Second
			continue
		}
		if len(list) > 0 {
			return r.findEnd(ctx, epoch, from, list, last, full)
		}
		if back > 2*r.keep {
			break
		}
	}
	// Nothing is left of the feed: it was quiet for longer than it is kept, or was
	// lost. No cursor of before is good.
	if _, err := r.source.Query(ctx, "BEGIN;\n"+epochText+"COMMIT", nil); err != nil {
		return fmt.Errorf("begin the feed: %w", err)
	}
	return r.find(ctx)
}

// findEnd reads on to the end of the feed, where the reader begins.
func (r *reader) findEnd(ctx context.Context, epoch, floor uint64, list []feedEntry, last uint64, full bool) error {
	var order sequence
	for {
		for i := range list {
			order.known = append(order.known, list[i].seq)
			if list[i].epoch > epoch {
				epoch = list[i].epoch
			}
		}
		if n := len(list); n > 0 {
			order.last = list[n-1].seq
		}
		if !full {
			break
		}
		var err error
		if list, last, full, err = r.show(ctx, last+1); err != nil {
			return err
		}
	}
	order.base, order.floor, order.hold, order.checked = order.last, floor, minHold, order.last
	order.forget()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order, r.epoch = order, epoch
	r.back, r.far = time.Now(), time.Now()
	r.move()
	return nil
}

func (r *reader) readEpoch(ctx context.Context) (uint64, error) {
	for attempt := 1; ; attempt++ {
		results, err := r.source.Query(ctx, beginText, nil)
		if err == nil && len(results) < 2 {
			err = wire.ErrMalformed
		}
		if err == nil {
			in := wire.NewReader(results[len(results)-2])
			epoch := in.Uint()
			if err := in.Err(); err != nil {
				return 0, fmt.Errorf("read the feed's epoch: %w", err)
			}
			return epoch, nil
		}
		if attempt == attempts || !isConflict(err) {
			return 0, fmt.Errorf("read the feed's epoch: %w", err)
		}
		if err := pause(ctx, attempt); err != nil {
			return 0, err
		}
	}
}
