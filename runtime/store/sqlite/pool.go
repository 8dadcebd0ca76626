package sqlite

import (
	"context"
	"errors"
	"sync"
)

// pool is a bounded number of connections, opened when they are needed. The one
// that came back last is taken first: its pages and statements are warm, and
// what a quiet server never needs is never opened.
type pool struct {
	turns chan struct{} // one for each connection that may be taken
	open  func() (*conn, error)

	mu   sync.Mutex
	idle []*conn // the last one is taken first
}

func newPool(size int, open func() (*conn, error)) *pool {
	p := &pool{turns: make(chan struct{}, size), open: open, idle: make([]*conn, 0, size)}
	for range size {
		p.turns <- struct{}{}
	}
	return p
}

// take waits for a connection; give must follow.
func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case <-p.turns:
	default:
		select {
		case <-p.turns:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, faultTimeout()
			}
			return nil, ctx.Err()
		}
	}
	if c := p.warm(); c != nil {
		return c, nil
	}
	c, err := p.open()
	if err != nil {
		p.turns <- struct{}{}
		return nil, err
	}
	return c, nil
}

// warm takes the idle connection that was used last; nil when none is idle.
func (p *pool) warm() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c
}

func (p *pool) give(c *conn) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	p.turns <- struct{}{}
}

// close waits for every connection to come back.
func (p *pool) close() error {
	for range cap(p.turns) {
		<-p.turns
	}
	var err error
	for c := p.warm(); c != nil; c = p.warm() {
		err = errors.Join(err, c.close())
	}
	return err
}
