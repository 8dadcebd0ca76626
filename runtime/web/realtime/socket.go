package realtime

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// socket is one WebSocket. The goroutine that reads it is its only standing
// one; a writer runs while there is something to write.
type socket struct {
	server *Server
	asked  asked
	ws     *websocket.Conn
	net    *cork

	writers sync.WaitGroup

	// sub is set once, by the reader, before anything else may use it.
	sub *live.Subscription

	mu      sync.Mutex // after live's; the hub is never called with it held
	opened  bool       // sub is set
	writing bool
	replies [][]byte // to be written before anything else
	ping    bool
	ending  *closing // a close frame is to be written
	closed  bool     // it has been, or the connection is broken
	clock   clock

	// The reader's own.
	caller *auth.Caller
	keys   uint64 // that know the caller
	bad    int
	rate   rate
}

// corking lets Upgrade take the connection through any ResponseWriter that
// http.ResponseController can, and puts the cork around it.
type corking struct {
	http.ResponseWriter
	patience time.Duration
	net      *cork
}

// Hijack takes the connection.
func (c *corking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c.net = &cork{Conn: conn, patience: c.patience}
	return c.net, rw, nil
}

// serveSocket upgrades and returns: the socket lives on by itself.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, a asked) {
	c := &socket{server: s, asked: a, caller: a.caller, keys: a.keys}
	if !s.track(c) {
		s.seats.give(a.address, a.caller)
		refuse(w, r, errStopping)
		return
	}
	taken := &corking{ResponseWriter: w, patience: s.limits.Write}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: s.limits.Write, ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
		CheckOrigin: func(*http.Request) bool { return true }, // judged already
		Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
			if status == http.StatusInternalServerError {
				refuse(w, r, errNoTransport.WithCause(reason))
				return
			}
			refuse(w, r, fault.New("bad-handshake", "the WebSocket handshake is not well-formed").WithDetails(reason.Error()))
		},
	}
	ws, err := upgrader.Upgrade(taken, r, nil)
	if err != nil {
		if taken.net != nil {
			_ = taken.net.Close()
		}
		s.seats.give(a.address, a.caller)
		s.untrack(c)
		return
	}
	c.mu.Lock()
	c.ws, c.net = ws, taken.net
	late := c.ending != nil // stop came during the handshake
	c.mu.Unlock()
	if late {
		c.kick()
	}
	go c.run()
}

// run is the reader: it begins the subscription, reads until the connection
// ends, and leaves nothing behind.
func (c *socket) run() {
	defer c.server.untrack(c)
	defer c.leave()
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("a socket panicked", "channel", c.asked.channel, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	c.listen()
	c.begin()
	for {
		kind, message, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		c.alive()
		if !c.admits() {
			continue
		}
		if kind == websocket.TextMessage {
			c.receive(message)
		} else {
			c.reject(errBinary)
		}
	}
}

// listen sets the read side's bounds.
func (c *socket) listen() {
	c.ws.SetReadLimit(maxMessage)
	c.alive()
	c.ws.SetPongHandler(func(string) error {
		c.alive()
		c.admits()
		return nil
	})
	pong := c.ws.PingHandler()
	c.ws.SetPingHandler(func(data string) error {
		c.alive()
		if !c.admits() {
			return nil
		}
		return pong(data)
	})
}

// admits counts a message or a control frame; one too many closes the socket.
func (c *socket) admits() bool {
	if c.rate.allows(time.Now()) {
		return true
	}
	c.close(closing{codeTooMany, "more than 50 messages a second"})
	return false
}

// alive puts off the moment at which a silent client is given up. Nothing does
// once the close frame is sent.
func (c *socket) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.ending == nil {
		_ = c.ws.SetReadDeadline(time.Now().Add(c.server.limits.Ping + c.server.limits.Pong))
	}
}

// begin subscribes, unless the client wants to say first who it is, or has to.
func (c *socket) begin() {
	now := time.Now()
	c.mu.Lock()
	c.clock.ping = now.Add(c.server.limits.Ping)
	c.mu.Unlock()
	if c.asked.later {
		c.await(now)
		return
	}
	if err := c.subscribe(c.caller); err != nil {
		if !c.asked.named && fault.Is(err, "42501") {
			c.await(now) // it may still say who it is
			return
		}
		c.close(closingOfError(err))
	}
}

// await gives the client time to say who it is.
func (c *socket) await(now time.Time) {
	c.mu.Lock()
	c.clock.give = now.Add(c.server.limits.CallerWithin)
	c.clock.why = closing{codeNoCaller, "no token came in time"}
	c.mu.Unlock()
	c.tick()
}

// subscribe begins the subscription for a caller.
func (c *socket) subscribe(caller *auth.Caller) error {
	sub, err := c.server.hub.Subscribe(live.Request{
		Channel: c.asked.channel, Caller: caller, After: c.asked.after, Encoder: encoder{}, Wake: c.kick,
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.sub, c.opened = sub, true
	c.mu.Unlock()
	c.admit()
	c.kick()
	return nil
}

// admit makes the connection the caller's, for as long as the token holds. Keys
// that became others meanwhile are seen here, if not by revoke.
func (c *socket) admit() {
	c.mu.Lock()
	c.clock.admit(c.caller)
	c.mu.Unlock()
	if c.server.revoked(c.caller, c.keys) {
		c.close(closingRevoked)
	}
	c.tick()
}

// leave ends what belongs to the socket.
func (c *socket) leave() {
	c.mu.Lock()
	c.closed = true
	c.clock.stop()
	sub := c.sub
	c.mu.Unlock()
	_ = c.net.Close()
	if sub != nil {
		sub.Close()
	}
	c.writers.Wait()
	c.server.seats.give(c.asked.address, c.caller)
}

// close has a close frame written next, then the connection ended; what is
// queued beyond one write is left to the client's cursor. The first reason
// stands.
func (c *socket) close(why closing) {
	c.mu.Lock()
	if c.ending == nil {
		c.ending = &why
	}
	c.mu.Unlock()
	c.kick()
}

// stop tells the client to come back.
func (c *socket) stop() { c.close(closingStopped) }

// revoke ends the connection of a caller who was known by the keys of before.
func (c *socket) revoke() {
	c.mu.Lock()
	caller := c.clock.caller
	c.mu.Unlock()
	if caller != nil && caller.Role != auth.Anon {
		c.close(closingRevoked)
	}
}

// abort cuts the connection.
func (c *socket) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.Close()
	}
}
