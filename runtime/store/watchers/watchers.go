// Package watchers wakes those who wait for commits. The engines' feeds use it; it
// knows no commit, and tells no more than that there is one.
package watchers

import (
	"context"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/store"
)

// List is who is to be woken. Its zero value is an empty list; it is safe for
// concurrent use.
type List struct {
	mu sync.Mutex
	// watchers have what keeps their context from ending them.
	watchers map[chan struct{}]func() bool
	closed   bool
}

// Add gives a channel that has a wake-up from the next Wake on, several of which
// may be one. It is closed when the context or the list ends. The error is
// store.ErrClosed.
func (l *List) Add(ctx context.Context) (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, store.ErrClosed
	}
	wake := make(chan struct{}, 1)
	if l.watchers == nil {
		l.watchers = map[chan struct{}]func() bool{}
	}
	l.watchers[wake] = context.AfterFunc(ctx, func() { l.remove(wake) })
	return wake, nil
}

func (l *List) remove(wake chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.watchers[wake]; ok {
		delete(l.watchers, wake)
		close(wake)
	}
}

// Wake wakes all.
func (l *List) Wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for wake := range l.watchers {
		select {
		case wake <- struct{}{}:
		default: // already told, not yet seen
		}
	}
}

// Close ends all watches; none can be added after it.
func (l *List) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for wake, keep := range l.watchers {
		keep()
		close(wake)
	}
	clear(l.watchers)
}
