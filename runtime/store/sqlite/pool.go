package sqlite

import (
	"context"
	"errors"
	"sync"
)

// pool is a bounded number of connections, opened when they are needed. The one
// that came back last is taken first: its pages and statements are warm, and
// what a quiet server never needs is never opened. Where none can be opened any
// more, on a disk that became read-only or without a descriptor left, those that
// are open serve all.
type pool struct {
	turns chan struct{} // one for each connection that may be taken
	open  func() (*conn, error)

	freed chan struct{} // wakes one who could not open his own

	mu     sync.Mutex
	idle   []*conn // the last one is taken first
	opened int
}

func newPool(size int, open func() (*conn, error)) *pool {
	p := &pool{turns: make(chan struct{}, size), open: open, freed: make(chan struct{}, size), idle: make([]*conn, 0, size)}
	for range size {
		p.turns <- struct{}{}
	}
	return p
}

// take waits for a connection; give must follow.
func (p *pool) take(ctx context.Context) (*conn, error) {
	for {
		if err := await(ctx, p.turns); err != nil {
			return nil, err
		}
		if c := p.warm(); c != nil {
			return c, nil
		}
		c, err := p.open()
		others := p.count(err == nil)
		if err == nil {
			return c, nil
		}
		p.turns <- struct{}{}
		if !others {
			return nil, err
		}
		if err := await(ctx, p.freed); err != nil {
			return nil, err
		}
	}
}

func await(ctx context.Context, sign <-chan struct{}) error {
	select {
	case <-sign:
		return nil
	default:
	}
	select {
	case <-sign:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return faultTimeout()
		}
		return ctx.Err()
	}
}

// count notes one more that is open, where it is, and reports whether any is.
func (p *pool) count(more bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if more {
		p.opened++
	}
	return p.opened > 0
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
	select {
	case p.freed <- struct{}{}:
	default: // as many may wake as there are connections
	}
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
