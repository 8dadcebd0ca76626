package surreal

import (
	"context"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// batch is a batch of this process on its way through the feed: its id stands
// with every change that it makes, so that the reader knows it again.
type batch struct {
	feed *feed
	id   string
	// acknowledged says that the versions were moved for it, seq is its commit, 0
	// until it is in sight. Both are guarded by the feed's mutex.
	acknowledged bool
	seq          uint64
}

// newBatch begins a batch; end must be called.
func (f *feed) newBatch() *batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	b := &batch{feed: f, id: f.process + strconv.FormatUint(f.made, 36)}
	f.batches[b.id] = b
	return b
}

// acknowledge moves the versions of the tables that the batch touched; after
// that it may be answered.
func (b *batch) acknowledge(tables ...string) {
	f := b.feed
	f.versions.bump(tables...)
	f.mu.Lock()
	b.acknowledged = true
	f.acked++
	if b.seq != 0 {
		delete(f.batches, b.id)
	}
	f.mu.Unlock()
	f.hurry()
}

// cursor is the place of an acknowledged batch in the feed; it waits until it is
// there.
func (b *batch) cursor(ctx context.Context) (query.Cursor, error) {
	f := b.feed
	if err := f.start(); err != nil {
		return query.Cursor{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.await(ctx, func() bool { return b.seq != 0 })
	return query.Cursor{Epoch: f.epoch, Seq: b.seq}, err
}

// end forgets a batch that was not acknowledged; should it turn up in the feed,
// it is as one of another process.
func (b *batch) end() {
	f := b.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if !b.acknowledged {
		delete(f.batches, b.id)
	}
}

// wrote says that this process changed the database in another way than by a
// batch.
func (f *feed) wrote() {
	f.mu.Lock()
	f.acked++
	f.mu.Unlock()
	f.hurry()
}
