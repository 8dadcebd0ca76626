package sqlite

import (
	"context"
	"sync/atomic"
	"time"
)

// limiter is the context that a connection is interrupted by: the request's
// own, and the statement's time. It is used again for each statement, so that
// a bound costs no allocation.
type limiter struct {
	context.Context
	current *alarm
}

// alarm is one timer; one that rang, or may be about to, is not used again.
type alarm struct {
	rung  atomic.Bool
	timer *time.Timer
}

func newLimiter() *limiter { return &limiter{Context: context.Background()} }

// start bounds what follows by ctx and by d.
func (l *limiter) start(ctx context.Context, d time.Duration) {
	l.Context = ctx
	if l.current == nil {
		a := new(alarm)
		a.timer = time.AfterFunc(d, func() { a.rung.Store(true) })
		l.current = a
		return
	}
	l.current.timer.Reset(d)
}

// stop ends the bound.
func (l *limiter) stop() {
	if l.current != nil && !l.current.timer.Stop() {
		l.current = nil
	}
	l.Context = context.Background()
}

// Err is not nil when the time is over or the request has gone.
func (l *limiter) Err() error {
	if a := l.current; a != nil && a.rung.Load() {
		return context.DeadlineExceeded
	}
	return l.Context.Err()
}
