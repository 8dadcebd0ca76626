package surreal

import (
	"context"
	"strconv"
	"strings"

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
	tables       []string // that it touched, once it is acknowledged
}

// depthSign is before the depth in the id of a batch that functions led to: so
// the feed tells it to every node.
const depthSign = "~"

// depthOf is the depth that an id tells, 0 for none.
func depthOf(id string) int {
	_, text, _ := strings.Cut(id, depthSign)
	depth, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0
	}
	return int(depth)
}

// newMark marks a batch; end must be called.
func (f *feed) newMark(depth int) *mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	m := &mark{feed: f, id: f.process + strconv.FormatUint(f.made, 36)}
	if depth > 0 {
		m.id += depthSign + strconv.Itoa(min(depth, query.MaxDepth))
	}
	f.marks[m.id] = m
	return m
}

// acknowledge moves the versions of the tables that the batch touched; after
// that it may be answered.
func (m *mark) acknowledge(tables ...string) {
	f := m.feed
	f.versions.bump(tables...)
	f.versions.hold(tables)
	f.mu.Lock()
	m.acknowledged, m.tables = true, tables
	f.acked++
	if m.seq != 0 {
		delete(f.marks, m.id)
		f.versions.free(tables)
	}
	f.mu.Unlock()
	f.hurry()
	if told := f.told.Load(); told != nil {
		(*told)()
	}
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
