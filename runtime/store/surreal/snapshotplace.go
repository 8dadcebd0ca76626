package surreal

import (
	"context"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Rows that are read together with their place in the feed are read in three
// steps: the place that is released is taken, then the rows, and in their
// transaction what came after that place (sinceText); snapshotPlace makes of both
// the place of the rows.

// sinceText is the statement that stands in a transaction with a select whose
// place is asked for.
func sinceText(released query.Cursor) string {
	return "SHOW CHANGES FOR TABLE " + tableChanges + " SINCE " + strconv.FormatUint(released.Seq+1, 10) + " LIMIT " + strconv.Itoa(maxPage)
}

// snapshotPlace is the place of rows that were read when seen was the answer to
// sinceText: no commit after it is in the rows, as far as that can be told, and
// every commit up to it is. It waits until what the rows have is released. Where
// it cannot be told the place is an earlier one: then some of what the rows have
// comes once more.
func (f *feed) snapshotPlace(ctx context.Context, released query.Cursor, seen []byte) (query.Cursor, error) {
	r := wire.NewReader(seen)
	n := r.Array()
	if n == 0 || n >= maxPage {
		return released, r.Err()
	}
	there := make(map[uint64]bool, n)
	newest := uint64(0)
	for range n {
		e, err := readEntry(r)
		if err != nil {
			return released, err
		}
		if len(e.changes) > 0 || e.breaks {
			there[e.seq], newest = true, max(newest, e.seq)
		}
	}
	if err := r.Err(); err != nil || newest == 0 {
		return released, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.linger(ctx, func() bool { return f.order.last >= newest || f.epoch != released.Epoch })
	if ctx.Err() != nil {
		return released, ctx.Err()
	}
	if err != nil || f.epoch != released.Epoch || f.order.base > released.Seq {
		return released, nil // an earlier place is as good
	}
	at := released
	for i := range f.order.recent {
		seq := f.order.recent[i].seq
		if seq <= released.Seq {
			continue
		}
		if seq > newest || !there[seq] {
			break
		}
		at.Seq = seq
	}
	return at, nil
}
