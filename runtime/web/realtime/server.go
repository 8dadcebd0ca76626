// Package realtime serves /api/realtime/CHANNEL: one channel to one client,
// over WebSocket, or over SSE (server-sent events) where the request accepts
// text/event-stream; what is posted there is sent to a broadcast. runtime/docs/realtime.md is its protocol, frame by frame.
//
// The engine owns the one Server, gives it to each generation's router as a
// handler, and tells it at a reload who callers and origins are now; the hub
// learns of the new gate by itself. A Server tracks every connection and closes
// them all: they outlive requests and generations, and http.Server.Shutdown
// does not know them. It reads no row and judges no access; it only carries
// what live.Hub gives it.
package realtime

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Hub is where subscriptions come from; live.Hub is one.
type Hub interface {
	Subscribe(live.Request) (*live.Subscription, error)
	Send(context.Context, live.Sending) (live.Cursor, error)
}

// Callers tells who a connection's credentials say it is, as auth.Keys does.
type Callers interface {
	Resolve(authorization, apikey string) (auth.Resolved, error)
}

// Settings is what a reload may change.
type Settings struct {
	Callers Callers
	// CORS narrows the origins; the server's own, from Server.URL and from the
	// request's Host, is always allowed.
	CORS   manifest.CORS
	Server manifest.Server
	// NewKeys says that the callers' keys are others than before: connections
	// that came with a token or key of those are closed.
	NewKeys bool
}

// Options is what a Server is made of. Hub and Settings.Callers are required.
type Options struct {
	Hub Hub
	Settings
	// Log is told what goes wrong on our side; nil discards.
	Log *slog.Logger
	// Limits are the defaults where they are zero.
	Limits Limits
}

// Limits bound what clients may do to us.
type Limits struct {
	PerAddress int // connections; IPv6 by /64. 100
	PerUser    int // connections of one signed-in user. 50
	// CallerWithin is how long a socket may take to say who it is. 10 s
	CallerWithin time.Duration
	// Grace is how long a socket lives after its token expired. 25 s
	Grace time.Duration
	// Ping is the heartbeat's interval (25 s), Pong how long its answer may
	// take (10 s).
	Ping, Pong time.Duration
	// Write is how long a write may make no progress. 10 s
	Write time.Duration
}

// The bounds that are part of the protocol.
const (
	maxMessage      = 64 << 10 // bytes of a client's message, fragments together
	maxPerSecond    = 50       // messages of a client, control frames included
	maxBadMessages  = 10       // then the socket is closed
	batchBytes      = 64 << 10 // what is joined into one write
	closeWithin     = 5 * time.Second
	reconnectMillis = 2000 // SSE's retry
)

func (l Limits) filled() Limits {
	orInt := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	or := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt(&l.PerAddress, 100)
	orInt(&l.PerUser, 50)
	or(&l.CallerWithin, 10*time.Second)
	or(&l.Grace, 25*time.Second)
	or(&l.Ping, 25*time.Second)
	or(&l.Pong, 10*time.Second)
	or(&l.Write, 10*time.Second)
	return l
}

// Server is the handler and the owner of its connections.
type Server struct {
	hub      Hub
	log      *slog.Logger
	limits   Limits
	settings atomic.Pointer[settings]
	seats    seats

	mu       sync.Mutex
	stopping bool
	conns    map[conn]struct{}
	running  sync.WaitGroup
}

// conn is one connection, socket or stream, as its owner sees it.
type conn interface {
	stop()   // told to come back later
	revoke() // ended, if it is a caller's whom the keys of before let in
	abort()  // cut
}

type settings struct {
	callers Callers
	keys    uint64 // counts how often the keys became others
	any     bool
	origins map[string]bool
}

// New makes a Server.
func New(o Options) (*Server, error) {
	if o.Hub == nil || o.Callers == nil {
		return nil, errors.New("realtime: Hub and Callers are required")
	}
	s := &Server{hub: o.Hub, log: o.Log, limits: o.Limits.filled(), conns: make(map[conn]struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.seats = newSeats(s.limits)
	s.Use(o.Settings)
	return s, nil
}

// Use makes the settings of a new generation hold for connections and tokens
// that come from now on, and for those of old keys.
func (s *Server) Use(n Settings) {
	next := &settings{callers: n.Callers, any: !n.CORS.Declared, origins: make(map[string]bool, len(n.CORS.Origins)+1)}
	for _, origin := range n.CORS.Origins {
		next.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
	}
	if own := originOf(n.Server.URL); own != "" {
		next.origins[own] = true
	}
	if now := s.settings.Load(); now != nil {
		next.keys = now.keys
	}
	if !n.NewKeys {
		s.settings.Store(next)
		return
	}
	next.keys++
	s.settings.Store(next)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.revoke()
	}
}

// revoked reports whether a caller was let in by keys that hold no more.
func (s *Server) revoked(caller *auth.Caller, keys uint64) bool {
	return caller.Role != auth.Anon && s.settings.Load().keys != keys
}

// Connections counts those that are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close refuses new connections, tells the open ones to come back (1012) and
// waits for them to end; those that have not when the context ends are cut. It
// gives the context's error then.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopping { // else they have been told
		for c := range s.conns {
			c.stop()
		}
	}
	s.stopping = true
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.abort()
	}
	s.mu.Unlock()
	<-ended
	return ctx.Err()
}

// track counts a connection in; false when the server stops.
func (s *Server) track(c conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) untrack(c conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.running.Done()
}

// ServeHTTP opens the channel of the path value "channel", or sends what is
// posted to it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		s.servePost(w, r)
		return
	}
	socket := wantsSocket(r)
	if !socket && !wantsStream(r) {
		refuse(w, r, errPlain)
		return
	}
	set := s.settings.Load()
	if f := set.refuses(r); f != nil {
		refuse(w, r, f)
		return
	}
	a, err := open(set.callers, r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	if !s.seats.take(a.address, a.caller) {
		refuse(w, r, errCrowded)
		return
	}
	a.keys = set.keys
	if socket {
		s.serveSocket(w, r, a)
		return
	}
	s.serveStream(w, r, a)
}
