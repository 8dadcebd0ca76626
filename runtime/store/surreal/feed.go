package surreal

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/watchers"
)

// feed is the commits of the database in order, whoever made them: what its
// reader has released, and who wants to be woken.
//
// A cursor's Seq is the versionstamp of a commit, its Epoch the number of
// _meta:feed, which a migration changes that rebuilds tables. Both are the same
// on every node.
type feed struct {
	source   feedSource
	keep     time.Duration
	log      *slog.Logger
	versions *versions
	// told is told of this process' commits; nil: nobody.
	told atomic.Pointer[func()]
	// look is for the reader: somebody waits, or wrote.
	look chan struct{}

	ctx     context.Context // ends with close
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	started bool
	closed  bool
	epoch   uint64 // 0 until the reader has found the feed
	order   sequence
	known   *layout // by which rows are read
	// lacking is told of rows that lack their words; a nil key is all of a table.
	lacking func(table string, key []byte)
	// changed is closed and replaced when anything here moves on.
	changed  chan struct{}
	watchers watchers.List
	// failures counts the reader's, cause is the last one.
	failures uint64
	cause    error
	// begun and done count the reader's looks at the feed's end.
	begun, done uint64
	// acked counts this process's commits, and seen those of them that were
	// acknowledged before the last look at the end began.
	acked, seen uint64
	urgent      bool
	// stirred counts what came into sight since stirredFrom, and stirredBefore what
	// did in the time before. polled says that it was so much that the reader is not
	// woken for it: see listen.
	stirred, stirredBefore int
	stirredFrom            time.Time
	sighted                uint64 // what came into sight since the start
	polled                 bool
	marks                  map[string]*mark
	process                string // begins the ids of marks
	made                   uint64 // marks so far
	page                   int    // commits that are asked for at once
}

// feedSource is the part of the connections that the feed uses.
type feedSource interface {
	Query(ctx context.Context, text string, vars []byte) ([][]byte, error)
	Read(ctx context.Context, text string, vars []byte) ([][]byte, error)
	Live(ctx context.Context, text string) (<-chan struct{}, error)
}

var _ feedSource = (*rpc.Client)(nil)

func newFeed(from feedSource, keep time.Duration, log *slog.Logger) *feed {
	f := &feed{
		source: from, keep: keep, log: log, versions: newVersions(),
		look: make(chan struct{}, 1), changed: make(chan struct{}),
		marks: map[string]*mark{}, page: maxPage,
	}
	f.process = strconv.FormatUint(rand.Uint64(), 36) + "." //nolint:gosec // another than other processes have, no secret
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// start begins to read, at the first use.
func (f *feed) start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return store.ErrClosed
	}
	if !f.started {
		f.started = true
		f.running.Go(f.read)
	}
	return nil
}

// learn sets by which columns rows are read: those of the latest generation.
func (f *feed) learn(l *layout) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = l
}

// move tells all who wait here that something has changed. The caller holds
// f.mu.
func (f *feed) move() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// hurry makes the reader look now.
func (f *feed) hurry() {
	select {
	case f.look <- struct{}{}:
	default:
	}
}

// await has the reader look at once, and again, until ready says so or the reader
// fails. The caller holds f.mu, and does again when await returns.
func (f *feed) await(ctx context.Context, ready func() bool) error {
	return f.wait(ctx, ready, true)
}

// linger waits as await, for what comes in the reader's own time: what is in
// sight is released by looks that are due anyway.
func (f *feed) linger(ctx context.Context, ready func() bool) error {
	return f.wait(ctx, ready, false)
}

func (f *feed) wait(ctx context.Context, ready func() bool, urgent bool) error {
	failures := f.failures
	for !ready() {
		switch {
		case f.closed:
			return store.ErrClosed
		case f.failures != failures:
			return f.cause
		}
		if urgent {
			f.urgent = true
			f.hurry()
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		f.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// settle waits until everything is released that this process had acknowledged
// before. The caller holds f.mu.
func (f *feed) settle(ctx context.Context) error {
	if err := f.await(ctx, func() bool { return f.epoch != 0 }); err != nil {
		return err
	}
	acked := f.acked
	if err := f.await(ctx, func() bool { return f.seen >= acked }); err != nil {
		return err
	}
	newest := f.order.newest()
	return f.linger(ctx, func() bool { return f.order.last >= newest })
}

// position is the cursor of the last commit.
func (f *feed) position(ctx context.Context) (query.Cursor, error) {
	if err := f.start(); err != nil {
		return query.Cursor{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.settle(ctx)
	return query.Cursor{Epoch: f.epoch, Seq: f.order.last}, err
}

// released is the cursor of the last commit that was released; nothing is waited
// for but the first look at the feed.
func (f *feed) released(ctx context.Context) (query.Cursor, error) {
	if err := f.start(); err != nil {
		return query.Cursor{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.await(ctx, func() bool { return f.epoch != 0 })
	return query.Cursor{Epoch: f.epoch, Seq: f.order.last}, err
}

// changes gives commits after a cursor: what memory has at once; when it has
// none, what this process has had acknowledged is waited for.
func (f *feed) changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error) {
	if err := f.start(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.await(ctx, func() bool { return f.epoch != 0 }); err != nil {
		return nil, err
	}
	if after == (query.Cursor{}) {
		return f.first(ctx, limit)
	}
	if after.Epoch == f.epoch && after.Seq > f.order.last {
		// Another node may have been faster.
		if err := f.catchUp(ctx); err != nil {
			return nil, err
		}
	}
	for {
		if after.Epoch != f.epoch || after.Seq > f.order.last {
			return nil, store.ErrTruncated
		}
		list, passed, ok := f.order.after(after.Seq, limit)
		switch {
		case passed:
			return nil, store.ErrTruncated
		case !ok:
			return f.older(ctx, after, limit)
		case len(list) > 0:
			return f.decode(list)
		case f.acked == f.seen && len(f.order.waiting) == 0:
			return nil, nil
		}
		last, epoch, acked := f.order.last, f.epoch, f.acked
		err := f.linger(ctx, func() bool {
			return f.order.last != last || f.epoch != epoch || f.seen >= acked && len(f.order.waiting) == 0
		})
		if err != nil {
			return nil, err
		}
	}
}

// catchUp waits until everything is released that is in the database now. The
// caller holds f.mu.
func (f *feed) catchUp(ctx context.Context) error {
	begun := f.begun
	if err := f.await(ctx, func() bool { return f.done > begun }); err != nil {
		return err
	}
	newest := f.order.newest()
	return f.linger(ctx, func() bool { return f.order.last >= newest })
}

// decode reads entries by today's columns. The caller holds f.mu.
func (f *feed) decode(list []feedEntry) ([]query.Commit, error) {
	epoch, known := f.epoch, f.known
	f.mu.Unlock()
	defer f.mu.Lock()
	commits := make([]query.Commit, 0, len(list))
	for i := range list {
		commit, err := list[i].commit(epoch, known)
		if err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	return commits, nil
}

// watch registers a channel until the context or the store ends.
func (f *feed) watch(ctx context.Context) (<-chan struct{}, error) {
	if err := f.start(); err != nil {
		return nil, err
	}
	return f.watchers.Add(ctx)
}

// close ends the reader and all watches.
func (f *feed) close() {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	f.closed = true
	f.watchers.Close()
	f.move()
	f.mu.Unlock()
	f.stop()
	f.running.Wait()
}

// Position implements store.Store.
func (s *Store) Position(ctx context.Context) (query.Cursor, error) { return s.feed.position(ctx) }

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context) (<-chan struct{}, error) { return s.feed.watch(ctx) }

// Changes implements store.Store.
func (s *Store) Changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error) {
	if limit <= 0 {
		return nil, nil
	}
	return s.feed.changes(ctx, after, limit)
}
