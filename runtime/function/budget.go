package function

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// budget is the memory that all instances of the process share. What is idle
// gives way to what is to run; where nothing is idle, one waits until others end.
type budget struct {
	limit int64
	used  atomic.Int64
	// evict drops what is idle longest. It reports whether there was anything.
	evict func() bool

	waiting atomic.Int32
	mu      sync.Mutex
	waiters []chan struct{} // as many as calls run or wait, which each function bounds
}

// reserve is the share, as a power of two, that new instances leave to those that
// run: who holds memory and needs more is not to wait for who holds nothing yet.
const reserve = 3

// take takes n bytes where they are free at once.
func (b *budget) take(n int64, growing bool) bool {
	limit := b.limit
	if !growing {
		limit -= limit >> reserve
	}
	if b.used.Add(n) <= limit {
		return true
	}
	b.used.Add(-n)
	return false
}

// acquire takes n bytes, and makes room for them or waits for it until a time. It
// reports whether it has them.
func (b *budget) acquire(ctx context.Context, n int64, growing bool, until time.Time) bool {
	for {
		if b.take(n, growing) {
			return true
		}
		if n > b.limit {
			return false
		}
		if b.evict() {
			continue
		}
		if !b.wait(ctx, n, growing, until) {
			return false
		}
	}
}

// wait waits until something was released. false is that there is no time left.
func (b *budget) wait(ctx context.Context, n int64, growing bool, until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		return false
	}
	released := make(chan struct{})
	b.mu.Lock()
	b.waiters = append(b.waiters, released)
	b.waiting.Store(int32(len(b.waiters)))
	b.mu.Unlock()
	defer b.leave(released)
	// What was released before anybody knew of us is there now.
	if b.take(n, growing) {
		b.used.Add(-n)
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-released:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

func (b *budget) leave(released chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiters = slices.DeleteFunc(b.waiters, func(c chan struct{}) bool { return c == released })
	b.waiting.Store(int32(len(b.waiters)))
}

// release gives n bytes back.
func (b *budget) release(n int64) {
	if n == 0 {
		return
	}
	b.used.Add(-n)
	if b.waiting.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, released := range b.waiters {
		close(released) // they look themselves who is served by it
	}
	b.waiters = nil
	b.waiting.Store(0)
}
