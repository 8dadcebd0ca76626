package surrealtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy is a TCP proxy before a server, for what networks do.
type Proxy struct {
	listener    net.Listener
	target      string
	certificate *tls.Config
	running     sync.WaitGroup

	mu      sync.Mutex
	latency time.Duration
	dark    chan struct{} // nil, or closed when bytes pass again
	refuses bool
	conns   map[net.Conn]struct{}
	last    net.Conn // the one that was made last
	only    net.Conn // the one that a black hole is for; nil: all
	taken   int
	closed  bool
}

// NewProxy starts a proxy before the server at target, HOST:PORT. certificate
// is what its clients see; nil is no TLS.
func NewProxy(target string, certificate *tls.Config) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, certificate: certificate, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	return p, nil
}

// Address is HOST:PORT for clients.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// URL is where clients find the server.
func (p *Proxy) URL() string {
	if p.certificate != nil {
		return "wss://" + p.Address()
	}
	return "ws://" + p.Address()
}

// Taken is how many connections were made so far.
func (p *Proxy) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// Cut resets every connection. New ones are made as before.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

// CutOne resets one connection, some one.
func (p *Proxy) CutOne() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
		return
	}
}

// Refuse makes the proxy reset every connection, and new ones at once, until
// Resume: a server that is not there.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refuses = true
	p.mu.Unlock()
	p.Cut()
}

// Blackhole lets no byte pass in either direction until Resume. Connections are
// still taken, and none ends.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dark == nil {
		p.dark = make(chan struct{})
	}
}

// BlackholeLast is Blackhole for the connection that was made last.
func (p *Proxy) BlackholeLast() {
	p.Blackhole()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.only = p.last
}

// Latency delays every byte by d in each direction.
func (p *Proxy) Latency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// Resume ends Refuse, Blackhole and Latency. What was held back passes.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses, p.latency = false, 0
	if p.dark != nil {
		close(p.dark)
		p.dark, p.only = nil, nil
	}
}

// Close ends the proxy and all connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Resume()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.add(c) {
			continue
		}
		p.running.Go(func() {
			defer p.remove(c)
			p.serve(c)
		})
	}
}

// add takes a connection, or resets it.
func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken++
	if p.refuses || p.closed {
		reset(c)
		return false
	}
	p.conns[c], p.last = struct{}{}, c
	return true
}

func (p *Proxy) remove(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

// serve passes the bytes of one connection.
func (p *Proxy) serve(c net.Conn) {
	client := c
	if p.certificate != nil {
		client = tls.Server(c, p.certificate)
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		reset(c)
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.pass(c, server, client)
		// The server ends when its client does, however that was cut.
		_ = server.Close()
	})
	p.pass(c, client, server)
	reset(c)
	_ = server.Close()
	both.Wait()
}

// piece is what was read, and when it is due.
type piece struct {
	bytes []byte
	due   time.Time
}

// pass copies one direction of the connection c. Pieces wait in a queue, so that latency does not
// make the line narrower.
func (p *Proxy) pass(c net.Conn, to io.Writer, from io.Reader) {
	pieces := make(chan piece, 256)
	broken := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		defer close(broken)
		for next := range pieces {
			time.Sleep(time.Until(next.due))
			p.light(c)
			if _, err := to.Write(next.bytes); err != nil {
				return
			}
		}
	})
	defer writer.Wait()
	defer close(pieces)
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			p.mu.Lock()
			due := time.Now().Add(p.latency)
			p.mu.Unlock()
			select {
			case pieces <- piece{buffer[:n], due}:
			case <-broken:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// light waits for the end of a black hole.
func (p *Proxy) light(c net.Conn) {
	p.mu.Lock()
	dark := p.dark
	if p.only != nil && p.only != c {
		dark = nil
	}
	p.mu.Unlock()
	if dark != nil {
		<-dark
	}
}

// reset ends a connection with RST where the system can.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
