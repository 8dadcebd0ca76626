package surreal

import (
	"context"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// first gives the commits from the epoch's beginning on. The caller holds f.mu.
func (f *feed) first(ctx context.Context, limit int) ([]query.Commit, error) {
	if err := f.settle(ctx); err != nil {
		return nil, err
	}
	born := int64(f.epoch / 1000)
	if f.gone(born) {
		return nil, store.ErrTruncated
	}
	from := before(f.order.last, time.Duration(millis(f.order.last)-born)*time.Millisecond+time.Minute)
	last, epoch := f.order.last, f.epoch
	var list []feedEntry
	begun := false
	for more := true; more && len(list) < limit; {
		f.mu.Unlock()
		page, end, full, err := f.show(ctx, from)
		f.mu.Lock()
		if err != nil {
			return nil, err
		}
		for i := range page {
			switch {
			case page[i].seq > last:
				full = false
			case page[i].breaks && page[i].epoch != 0:
				begun = page[i].epoch == epoch
			case begun && (len(list) > 0 || !page[i].breaks):
				list = append(list, page[i])
			}
		}
		from, more = end+1, full
	}
	if !begun {
		return nil, store.ErrTruncated
	}
	return f.decode(list[:min(limit, len(list))])
}

// older reads commits after a cursor that memory does not reach back to. The
// caller holds f.mu.
func (f *feed) older(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error) {
	if f.gone(millis(after.Seq)) {
		return nil, store.ErrTruncated
	}
	last, from := f.order.last, after.Seq+1
	var list []feedEntry
	for more := true; more && len(list) == 0; {
		f.mu.Unlock()
		page, end, full, err := f.show(ctx, from)
		f.mu.Lock()
		if err != nil {
			return nil, err
		}
		for i := range page {
			if page[i].voids(after.Seq) {
				return nil, store.ErrTruncated
			}
			if page[i].seq > last {
				full = false
				break
			}
			list = append(list, page[i])
		}
		from, more = end+1, full
	}
	return f.decode(list[:min(limit, len(list))])
}

// gone reports that the server may have dropped commits after a moment, in
// milliseconds since the epoch; a little early, for its clock is not ours.
func (f *feed) gone(at int64) bool {
	return time.Since(time.UnixMilli(at)) > f.keep-f.keep/16
}
