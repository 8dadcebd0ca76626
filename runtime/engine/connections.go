package engine

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// front is a server of clients, with the listener that it is served on.
type front struct {
	name     string
	server   *http.Server
	listener net.Listener
}

// connections knows those of the clients' servers: how many are open, and which of
// them wait for their next request. It is asked when the process is about to end.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]time.Time // since when it waits; zero while it is used
}

// changed is told by the servers (http.Server.ConnState).
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		if c.open == nil {
			c.open = map[net.Conn]time.Time{}
		}
		c.open[conn] = time.Time{}
	case http.StateIdle:
		c.open[conn] = time.Now()
	case http.StateHijacked, http.StateClosed:
		delete(c.open, conn)
	}
}

// left is how many are open, but for those that have waited for longer than a time.
// Those that wait for ever are the ones of clients that have nothing to say.
func (c *connections) left(waited time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, since := range c.open {
		if since.IsZero() || time.Since(since) < waited {
			n++
		}
	}
	return n
}

// endEvery is how often what is to end by itself is looked at.
const endEvery = 20 * time.Millisecond

// until waits until something holds, or the context ends.
func until(ctx context.Context, holds func() bool) {
	tick := time.NewTicker(endEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
