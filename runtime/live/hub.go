// Package live is the hub: the one reader of the store's feed, and the
// channels' subscribers. It matches each change once per group of subscribers
// with the same bound predicate and columns, and hands ready frames to their
// bounded queues. The engine owns the one Hub and swaps the gate in at a
// reload; surfaces (web/realtime) subscribe with their own Encoder. It knows
// no WebSocket, no HTTP and no rule's text, and judges no access but through
// what the gate bound.
//
// # How a subscription runs
//
// A subscription is either joining or attached. While it joins, a goroutine of
// its own brings it to the hub's place in the feed: a snapshot first, or
// straight from the cursor it came back with, then the commits since, at the
// speed at which its queue is emptied. Once there, it is attached to its group
// in the same critical section in which the hub's place is compared, so that no
// commit is lost or doubled; from then on the hub pushes and never waits.
//
// A broadcast has no rows and no place in the feed: its topic holds who listens
// and the last messages, and numbers them. Who joins is attached at once; who is
// overtaken by a burst, or has much history before him, is served by a goroutine
// at his own speed for as long as what he lacks is kept.
//
// # Order
//
// A subscription's frames are in commit order, and those of one commit enter
// its queue together. Each frame carries the cursor from which exactly the rest
// follows.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Feed is where commits come from; store.Store is one.
type Feed interface {
	// Changes reads commits after a cursor, oldest first, at most limit and
	// perhaps fewer, none at the end; store.ErrTruncated when the feed no longer
	// reaches back to it.
	Changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error)
	// Position is the cursor of the last commit.
	Position(context.Context) (query.Cursor, error)
	// Watch gives a wake-up after commits until the context ends.
	Watch(context.Context) (<-chan struct{}, error)
}

// Gate is one generation's way to rows; data.Gate is one.
type Gate interface {
	// Subscribe binds a channel to a caller: PGRST205 for a channel that is not
	// declared, 42501 for a caller who may not listen.
	Subscribe(caller *auth.Caller, channel string) (*data.Subscription, error)
	// Snapshot writes the rows and gives the cursor at which they were read.
	Snapshot(context.Context, *data.Subscription, query.RowWriter) (store.Info, error)
	// Judge asks the store about conditions that are about no row at hand
	// (query.Place), each as it is now.
	Judge(context.Context, []query.Expr) ([]query.Truth, error)
	// Broadcasts are the declared channels that are about no table.
	Broadcasts() []*manifest.Channel
	// MaySend is nil for who may send to a broadcast.
	MaySend(caller *auth.Caller, channel string) error
}

// Options is what a Hub is made of. Feed and Gate are required.
type Options struct {
	Feed Feed
	Gate Gate
	// Relay carries broadcasts to other nodes; nil where there are none.
	Relay store.Relay
	// Log is told what keeps the hub from its work; nil discards.
	Log *slog.Logger
	// QueueMessages and QueueBytes bound each subscriber's queue. What one commit
	// has for a subscriber is one message, and always fits an empty queue. Zero:
	// 256 and 1 MiB.
	QueueMessages, QueueBytes int
	// Patience is how long a subscriber at its bound may take nothing, and say
	// nothing of what it writes (Moved), before it is ended as Slow. Zero: 2 s.
	Patience time.Duration
	// RecentBytes bounds the commits kept in memory for those who come back.
	// Zero: 4 MiB.
	RecentBytes int
	// HistoryBytes bounds the messages kept in memory of each broadcast. Zero:
	// 1 MiB.
	HistoryBytes int
}

// The bounds when Options leaves them out, and those that are not options.
const (
	defaultQueueMessages = 256
	defaultQueueBytes    = 1 << 20
	defaultRecentBytes   = 4 << 20
	defaultHistoryBytes  = 1 << 20
	defaultPatience      = 2 * time.Second
	// pageCommits is how many commits are read from the feed at once.
	pageCommits = 256
	// joinReads bounds how many joining subscriptions read the store at once.
	joinReads = 8
	// retryAfter is how long the hub waits after the feed failed, and twice as
	// long after each more time, up to retryAtLeast.
	retryAfter   = 250 * time.Millisecond
	retryAtLeast = 2 * time.Second
	mostShifts   = 3
)

// ErrClosed is returned by a hub that was closed.
var ErrClosed = errors.New("the hub is closed")

// Hub follows the feed and fans it out. Its methods may be called
// concurrently. Close it before the feed and the gate's view.
type Hub struct {
	feed          Feed
	relay         store.Relay
	log           *slog.Logger
	queueMessages int
	queueBytes    int
	patience      time.Duration

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup // the reader and the joining subscriptions
	wakes  <-chan struct{}
	swaps  chan *swap
	reads  chan struct{} // a slot for each joining subscription that reads the store

	mu       sync.Mutex // before any Subscription.mu
	closed   bool
	gate     Gate
	position query.Cursor // every commit up to it was given to the groups
	recent   recent
	groups   groups
	subs     map[*Subscription]struct{}
	ids      uint64 // of the last subscription
	topics   topics
	hearing  bool // a goroutine hears other nodes

	tally tally
}

// NewHub starts a hub at the feed's present end. The context bounds the start
// alone.
func NewHub(ctx context.Context, o Options) (*Hub, error) {
	if o.Feed == nil || o.Gate == nil {
		return nil, errors.New("live: Feed and Gate are required")
	}
	h := &Hub{
		feed: o.Feed, gate: o.Gate, relay: o.Relay, log: o.Log,
		queueMessages: o.QueueMessages, queueBytes: o.QueueBytes, patience: o.Patience,
		swaps: make(chan *swap), reads: make(chan struct{}, joinReads),
		groups: newGroups(), subs: make(map[*Subscription]struct{}),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.queueMessages <= 0 {
		h.queueMessages = defaultQueueMessages
	}
	if h.queueBytes <= 0 {
		h.queueBytes = defaultQueueBytes
	}
	if h.patience <= 0 {
		h.patience = defaultPatience
	}
	h.recent.limit = o.RecentBytes
	if h.recent.limit <= 0 {
		h.recent.limit = defaultRecentBytes
	}
	h.topics.limit = o.HistoryBytes
	if h.topics.limit <= 0 {
		h.topics.limit = defaultHistoryBytes
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.ctx, h.cancel = life, cancel
	wakes, err := h.feed.Watch(life)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watch the feed: %w", err)
	}
	h.wakes = wakes
	if h.position, err = h.feed.Position(ctx); err != nil {
		cancel()
		return nil, fmt.Errorf("find the feed's end: %w", err)
	}
	h.recent.base = h.position
	h.declare()
	h.tasks.Add(1)
	go h.read(life)
	return h, nil
}

// Close ends every subscription with Stopping, stops the reader and waits for
// everything that the hub started.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for s := range h.subs {
		h.remove(s, End{Reason: Stopping})
	}
	h.mu.Unlock()
	h.cancel()
	h.tasks.Wait()
}

// Position is the cursor up to which subscribers have been served.
func (h *Hub) Position() query.Cursor {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}

// Subscribers counts the subscriptions, then the groups that share their work.
func (h *Hub) Subscribers() (int, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs), len(h.groups.byKey)
}

// detach takes a subscription out of its group or topic. The caller holds h.mu.
func (h *Hub) detach(s *Subscription) {
	if s.topic != nil {
		s.place = place{cursor: s.topic.at(s.told)}
		s.topic.leave(s)
	}
	if s.group == nil {
		return
	}
	s.place = place{cursor: Cursor{Commit: later(h.position, s.place.cursor.Commit), Of: s.group.view.mark}}
	h.groups.leave(s)
}

// later gives the later of two cursors.
func later(a, b query.Cursor) query.Cursor {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
