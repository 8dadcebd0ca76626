package sqlite

import (
	"context"
	"errors"
)

// pool is a fixed number of connections, opened when they are first needed.
type pool struct {
	slots chan *conn // nil: not opened yet
	open  func() (*conn, error)
}

func newPool(size int, open func() (*conn, error)) *pool {
	p := &pool{slots: make(chan *conn, size), open: open}
	for range size {
		p.slots <- nil
	}
	return p
}

// take waits for a connection; give must follow.
func (p *pool) take(ctx context.Context) (*conn, error) {
	var c *conn
	select {
	case c = <-p.slots:
	default:
		select {
		case c = <-p.slots:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, faultTimeout()
			}
			return nil, ctx.Err()
		}
	}
	if c != nil {
		return c, nil
	}
	c, err := p.open()
	if err != nil {
		p.slots <- nil
		return nil, err
	}
	return c, nil
}

func (p *pool) give(c *conn) { p.slots <- c }

// close waits for every connection to come back.
func (p *pool) close() error {
	var err error
	for range cap(p.slots) {
		if c := <-p.slots; c != nil {
			err = errors.Join(err, c.close())
		}
	}
	return err
}
