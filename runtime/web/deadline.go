package web

import (
	"context"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// deadline is a request's context with the time that its handler has. Most
// handlers end before anybody waits for it, so the timer is made by the first
// who asks for Done. It is part of its exchange and costs no allocation.
type deadline struct {
	context.Context // the request's
	at              time.Time

	mu    sync.Mutex
	timed context.Context // nil until somebody waits
	stop  context.CancelFunc
	ended bool

	patience cache.Patience // what all of the request has waited for tiers
}

// within bounds a request's context; end must follow.
func (d *deadline) within(ctx context.Context, at time.Time) context.Context {
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(at) {
		at = earlier
	}
	d.Context, d.at = ctx, at
	return d
}

// Value is the request's, and its patience.
func (d *deadline) Value(key any) any {
	if key == (cache.PatienceKey{}) {
		return &d.patience
	}
	return d.Context.Value(key)
}

// Deadline is when the handler's time is over.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done is closed when the time is over, the client has gone, or the handler
// has ended.
func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

// wait makes the context that can be waited for.
func (d *deadline) wait() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.stop = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.stop()
		}
	}
	return d.timed
}

// Err is why it is done, nil while it is not.
func (d *deadline) Err() error {
	d.mu.Lock()
	waited := d.timed != nil || d.ended
	d.mu.Unlock()
	if !waited && d.Context.Err() == nil && time.Now().Before(d.at) {
		return nil
	}
	return d.wait().Err()
}

// end lets go whoever still waits; the handler has ended.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.stop != nil {
		d.stop()
	}
}
