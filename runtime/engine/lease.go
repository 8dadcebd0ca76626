package engine

import (
	"context"
	"sync"
	"sync/atomic"
)

// leases counts the requests that run on a generation, so that it is released
// after the last of them. The count and the mark that no more may begin are one
// word: a request takes no lock.
type leases struct {
	state atomic.Int64
	once  sync.Once
	idle  chan struct{} // closed when retired and none is running
}

const retired = 1 << 62

func newLeases() *leases { return &leases{idle: make(chan struct{})} }

// take begins a request; false means that none may begin any more.
func (l *leases) take() bool {
	if l.state.Add(1)&retired == 0 {
		return true
	}
	l.give()
	return false
}

func (l *leases) give() {
	if l.state.Add(-1) == retired {
		l.once.Do(func() { close(l.idle) })
	}
}

// retire lets no more requests begin. The channel is closed when those that
// run have ended.
func (l *leases) retire() <-chan struct{} {
	if l.state.Or(retired) == 0 {
		l.once.Do(func() { close(l.idle) })
	}
	return l.idle
}

// count is how many requests run.
func (l *leases) count() int64 { return l.state.Load() &^ retired }

// lease is one request's hold on its generation. A live connection gives it up
// early: it lives on from generation to generation.
type lease struct {
	context.Context //nolint:containedctx // it is the request's own: one allocation for both
	once            sync.Once
	from            *leases
}

// Value finds the lease itself, else what the request's context has.
func (l *lease) Value(key any) any {
	if key == (leaseKey{}) {
		return l
	}
	return l.Context.Value(key)
}

func (l *lease) release() { l.once.Do(l.from.give) }

type leaseKey struct{}

// withLease makes the lease the context of its request.
func withLease(ctx context.Context, l *lease) context.Context {
	l.Context = ctx
	return l
}

// releaseLease gives up the generation of a request that needs it no more.
func releaseLease(ctx context.Context) {
	if l, ok := ctx.Value(leaseKey{}).(*lease); ok {
		l.release()
	}
}
