package rpc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// The first attempt to connect again comes within minWait, later ones after
	// twice as long each, up to maxWait.
	minWait = 50 * time.Millisecond
	maxWait = 500 * time.Millisecond
	// stable is how long a connection lives at least for the next attempt to be a
	// first one again.
	stable = time.Second
	// signInTime bounds what comes after the handshake: a server that is loaded
	// takes long for it, and longer when it is asked again from the start.
	signInTime = 15 * time.Second
	// retryLive is how often a live query that was refused is tried again.
	retryLive = time.Second
)

var (
	errConnecting = errors.New("the connection is being opened")
	errSignInTime = fmt.Errorf("no sign-in within %s", signInTime)
)

// lane keeps one connection open. The control lane carries live queries alone;
// the others wait for it, so that a server that is down is asked by one only.
type lane struct {
	client  *Client
	control bool
	current atomic.Pointer[connection]

	mu   sync.Mutex
	last error
}

func (l *lane) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		return errConnecting
	}
	return l.last
}

func (l *lane) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = err
}

// keep holds the lane open until Close, beginning with n where it is not nil.
func (l *lane) keep(n *connection) {
	c := l.client
	wait := minWait
	for {
		if n != nil {
			since := time.Now()
			l.hold(n)
			if time.Since(since) >= stable {
				wait = minWait
			}
		}
		if !l.pause(wait) {
			return
		}
		var err error
		if n, err = c.connect(c.ctx, dialTime, nil); err != nil {
			l.note(reason(err))
		}
		wait = min(2*wait, maxWait)
	}
}

// reason is why there is no connection, without where.
func reason(err error) error {
	lost := &UnavailableError{}
	if errors.As(err, &lost) {
		return lost.Cause
	}
	return err
}

// pause waits before an attempt, and for the control lane. It is false when the
// client is closed.
func (l *lane) pause(wait time.Duration) bool {
	low := wait / 2
	if wait == minWait {
		low = 0
	}
	timer := time.NewTimer(low + rand.N(wait-low)) //nolint:gosec // so that nodes do not ask all at once
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.client.ctx.Done():
		return false
	}
	if l.control {
		return true
	}
	select {
	case <-l.client.up.opened():
		return true
	case <-l.client.ctx.Done():
		return false
	}
}

// hold offers a connection until it breaks.
func (l *lane) hold(n *connection) {
	c := l.client
	if l.control {
		c.restore(n)
	}
	l.current.Store(n)
	if l.control {
		c.up.open()
		defer c.up.shut()
		if l.failed() {
			c.options.Logger.Info("the SurrealDB server is back", "address", c.endpoint.address)
		}
	}
	defer l.current.CompareAndSwap(n, nil)
	renewal, stop := c.account.renewal()
	defer stop()
	retry := time.NewTicker(retryLive)
	defer retry.Stop()
	for {
		select {
		case <-retry.C:
			if l.control && c.lives.missing(n) {
				c.restore(n)
			}
		case <-renewal:
			c.renew(n)
			stop()
			renewal, stop = c.account.renewal()
		case <-n.done:
			l.note(n.broken())
			if l.control {
				c.options.Logger.Warn("the SurrealDB server was lost", "address", c.endpoint.address, "error", n.broken())
			}
			return
		case <-c.ctx.Done():
			n.fail(ErrClosed)
			l.note(ErrClosed)
			return
		}
	}
}

// failed reports whether there was a failure, and forgets it.
func (l *lane) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := l.last != nil
	l.last = nil
	return failed
}

// connect opens a connection within a time, signs in and selects the database. prepare, where
// given, runs before that.
func (c *Client) connect(ctx context.Context, within time.Duration, prepare func(context.Context, *connection) error) (*connection, error) {
	socket, line, err := c.endpoint.dial(ctx, within)
	if err != nil {
		return nil, c.at(err)
	}
	n := c.start(socket, line)
	ctx, cancel := context.WithTimeoutCause(ctx, signInTime, errSignInTime)
	defer cancel()
	if err := c.signIn(ctx, n, prepare); err != nil {
		n.fail(err)
		return nil, c.at(err)
	}
	return n, nil
}

// gate is open or shut; what waits for it to open may do so in a select.
type gate struct {
	mu   sync.Mutex
	wait chan struct{} // closed while it is open
}

// opened is closed when the gate is open.
func (g *gate) opened() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wait == nil {
		g.wait = make(chan struct{})
	}
	return g.wait
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wait == nil {
		g.wait = make(chan struct{})
	}
	close(g.wait)
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait = nil
}
