package surreal

import (
	"context"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// mark is a batch of this process on its way through the feed: its id stands
// with every change that it makes, so that the reader knows it again.
type mark struct {
	feed *feed
	id   string
	// acknowledged says that the versions were moved for it, seq is its commit, 0
	// until it is in sight. Both are guarded by the feed's mutex.
	acknowledged bool
	seq          uint64
}

// newMark marks a batch; end must be called.
func (f *feed) newMark() *mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	m := &mark{feed: f, id: f.process + strconv.FormatUint(f.made, 36)}
	f.marks[m.id] = m
	return m
}

// acknowledge moves the versions of the tables that the batch touched; after
// that it may be answered.
func (m *mark) acknowledge(tables ...string) {
	f := m.feed
	f.versions.bump(tables...)
	f.mu.Lock()
	m.acknowledged = true
	f.acked++
	if m.seq != 0 {
		delete(f.marks, m.id)
	}
	f.mu.Unlock()
	f.hurry()
}

// cursor is the place of an acknowledged batch in the feed; it waits until it is
// there.
func (m *mark) cursor(ctx context.Context) (query.Cursor, error) {
	f := m.feed
	if err := f.start(); err != nil {
		return query.Cursor{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.await(ctx, func() bool { return m.seq != 0 })
	return query.Cursor{Epoch: f.epoch, Seq: m.seq}, err
}

// end forgets a batch that was not acknowledged; should it turn up in the feed,
// it is as one of another process.
func (m *mark) end() {
	f := m.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if !m.acknowledged {
		delete(f.marks, m.id)
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
