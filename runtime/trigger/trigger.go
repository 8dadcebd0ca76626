package trigger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Store is where commits come from, and where it is kept what was done for them.
// store.Store is one.
type Store interface {
	Changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error)
	Position(ctx context.Context) (query.Cursor, error)
	Watch(ctx context.Context) (<-chan struct{}, error)
	store.Ledger
}

// Options are what a Runner works with.
type Options struct {
	Store Store
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Log hears of what failed; nil is silence.
	Log *slog.Logger
	// Meter counts; nil is nobody.
	Meter Meter
	// Retry is how a change is tried again; the zero value is DefaultRetry.
	Retry Retry

	// pace is how fast the work beside calls goes on; tests are in a hurry.
	pace pace
}

// Retry says how a change is tried again whose call failed.
type Retry struct {
	Tries       int           // after so many it is a dead letter
	First, Most time.Duration // between two tries: doubled from one to the next, and a little by chance
}

// DefaultRetry takes some two minutes until a change is a dead letter.
var DefaultRetry = Retry{Tries: 8, First: time.Second, Most: 5 * time.Minute}

// pace is how often what is looked at.
type pace struct {
	lease time.Duration // a holder that is silent so long has lost it
	poll  time.Duration // between two tries to get it, and to renew it
	tick  time.Duration // times, and what others have asked for
	save  time.Duration // least time between two notes in the ledger
	idle  time.Duration // the same, where nothing was run
}

var defaultPace = pace{
	lease: 10 * time.Second, poll: 2500 * time.Millisecond, tick: time.Second,
	save: 20 * time.Millisecond, idle: 5 * time.Second,
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("triggers are closed")

// Runner calls functions for commits and at times. It outlives generations. It is
// safe for concurrent use.
type Runner struct {
	store  Store
	now    func() time.Time
	log    *slog.Logger
	meter  Meter
	retry  Retry
	pace   pace
	holder string

	ended   chan struct{} // the goroutine's
	closing chan struct{} // closed when no more is to begin
	abandon context.CancelFunc
	calls   context.Context // ends when calls are to end

	mu      sync.Mutex
	closed  bool
	set     *Set
	version uint64       // of set
	from    query.Cursor // the set is for what comes after it
	adopted uint64       // the version that is followed, and noted
	// since is where the feed was when a function came.
	since  map[string]query.Cursor
	role   role
	driver *driver // while it leads
	// changed is closed and replaced when one of these does.
	changed chan struct{}
}

// role is what a node does.
type role int

const (
	unknown role = iota
	follows
	leads
)

// New starts to work at the first Swap. Close ends it.
func New(o Options) *Runner {
	r := &Runner{
		store: o.Store, now: o.Now, log: o.Log, meter: o.Meter, retry: o.Retry, pace: o.pace,
		holder: rand.Text(), ended: make(chan struct{}), closing: make(chan struct{}),
		since: map[string]query.Cursor{}, changed: make(chan struct{}),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.meter == nil {
		r.meter = silent{}
	}
	if r.retry == (Retry{}) {
		r.retry = DefaultRetry
	}
	if r.pace == (pace{}) {
		r.pace = defaultPace
	}
	r.calls, r.abandon = context.WithCancel(context.Background())
	go r.run()
	return r
}

// swapTime bounds how long a Swap waits for what it replaces.
const swapTime = 5 * time.Second

// Swap replaces what is called. What was committed before is judged by the old
// set, as far as it can be read within a moment; calls that run go on, and what
// waits is called under the new one. A function that is new is called for what is
// committed from here on. On return the old set's view is not asked any more, and
// its caller not called: what it was called for before may still run.
//
// An error is that of the feed or the context, or ErrClosed.
func (r *Runner) Swap(ctx context.Context, s *Set) error {
	ctx, cancel := context.WithTimeout(ctx, swapTime)
	defer cancel()
	at, err := r.store.Position(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	for name := range s.lines {
		if _, known := r.since[name]; !known {
			r.since[name] = at
		}
	}
	for name := range r.since {
		if s.lines[name] == nil {
			delete(r.since, name)
		}
	}
	former := r.set
	version := r.follow(s, at)
	if err := r.await(ctx, func() bool { return r.role == follows || r.adopted >= version }); err != nil {
		if former != nil && r.version == version {
			r.follow(former, at) // its view is still there
		}
		return fmt.Errorf("go over to other triggers: %w", err)
	}
	return nil
}

// follow makes a set the one that is to be followed. The caller holds r.mu.
func (r *Runner) follow(s *Set, from query.Cursor) (version uint64) {
	r.set, r.from = s, from
	r.version++
	r.move()
	return r.version
}

// move tells who waits that something has changed. The caller holds r.mu.
func (r *Runner) move() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits for a condition. The caller holds r.mu, and does again after it.
func (r *Runner) await(ctx context.Context, ready func() bool) error {
	for !ready() {
		if r.closed {
			return ErrClosed
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		r.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// Pause lets no call begin until resume is called, waits for those that run as far
// as the context lets it, and notes in the ledger what was committed and not run:
// nothing is lost when the feed ends, as it does with a migration that makes tables
// anew. It does nothing where another node leads.
func (r *Runner) Pause(ctx context.Context) (resume func()) {
	quiet := make(chan struct{})
	var paused *driver
	r.do(ctx, func(d *driver) {
		paused = d
		d.paused++
		d.quiet = append(d.quiet, quiet)
	})
	if paused == nil {
		return func() {}
	}
	part, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	select {
	case <-quiet:
	case <-part.Done():
		r.log.Warn("functions still run for commits; what they write from here on may be missed by others")
	case <-paused.ended:
	}
	if err := r.drain(ctx); err != nil {
		r.log.Warn("what functions have not run for yet could not be noted; it is missed if the feed ends", "error", err)
	}
	return func() {
		select {
		case paused.asked <- func(d *driver) { d.paused-- }:
		case <-paused.ended:
		}
	}
}

// quietTime bounds how long a pause waits for calls that run.
const quietTime = 3 * time.Second

// drain notes what was committed and not run.
func (r *Runner) drain(ctx context.Context) error {
	at, err := r.store.Position(ctx)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	if !r.do(ctx, func(d *driver) { d.drains = append(d.drains, &drain{until: at, done: done}) }) {
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.ended:
		return ErrClosed
	}
}

// do has the driver do something; false where this node does not lead.
func (r *Runner) do(ctx context.Context, f func(*driver)) bool {
	r.mu.Lock()
	d := r.driver
	r.mu.Unlock()
	if d == nil {
		return false
	}
	done := make(chan struct{})
	select {
	case d.asked <- func(d *driver) { f(d); close(done) }:
	case <-d.ended:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-done:
		return true
	case <-d.ended: // it ends after what it was asked, or without
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// Close lets no more calls begin, waits for those that run until the context ends,
// then ends them, notes what was done, and gives the lease to others.
func (r *Runner) Close(ctx context.Context) {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.closing)
		r.move()
	}
	r.mu.Unlock()
	select {
	case <-r.ended:
	case <-ctx.Done():
		r.abandon()
		<-r.ended
	}
	r.abandon()
}
