package proxy

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Meter counts what proxies do. Route is a pattern of the manifest, server its place
// in the route's list.
type Meter interface {
	// ProxyRequest counts a request that was sent, or was to be sent, to a server.
	ProxyRequest(route string, server int, result string)
	// ProxyRetry counts one that is tried on another server.
	ProxyRetry(route string)
}

// Results of requests.
const (
	ResultOK          = "ok"          // answered
	ResultError       = "error"       // answered with a status of 500 or more
	ResultUnreachable = "unreachable" // no connection, or none that held until an answer
	ResultTimeout     = "timeout"     // no answer in time
	ResultBroken      = "broken"      // the answer broke off
	ResultCaller      = "caller"      // the caller left, or his body broke off
)

// Results are all results of requests.
func Results() []string {
	return []string{ResultOK, ResultError, ResultUnreachable, ResultTimeout, ResultBroken, ResultCaller}
}

// Options is what Pools are made of.
type Options struct {
	Log   *slog.Logger // nil: none
	Meter Meter        // nil: none
}

// Pools keeps the servers of routes across generations: their connections, how they
// are, and the streams that outlive the request's generation. A pool is kept while a
// generation uses it, and one that is declared alike goes on with it. Safe for
// concurrent use. Close it after the last generation.
type Pools struct {
	log   *slog.Logger
	meter Meter

	mu       sync.Mutex
	pools    map[string]*pool // by what was declared
	streams  map[stream]struct{}
	idle     chan struct{} // closed when the last stream has ended; nil while nobody waits
	draining bool
}

// stream is what lives on when its request's generation is gone.
type stream interface {
	// of tells the route and the server.
	of() (route, server string)
	// leave ends it in good order. It must not wait.
	leave()
	// cut ends it at once.
	cut()
}

// NewPools makes an empty one.
func NewPools(o Options) *Pools {
	p := &Pools{log: o.Log, meter: o.Meter, pools: map[string]*pool{}, streams: map[stream]struct{}{}}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.meter == nil {
		p.meter = unmetered{}
	}
	return p
}

type unmetered struct{}

func (unmetered) ProxyRequest(string, int, string) {}
func (unmetered) ProxyRetry(string)                {}

// acquire gives the pool of a route: one that is there and was declared alike, or a
// new one.
func (p *Pools) acquire(route string, declared *manifest.Proxy) (*pool, error) {
	files, err := readFiles(declared)
	if err != nil {
		return nil, err
	}
	key := poolKey(route, declared, files)
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.pools[key]; found != nil {
		found.users++
		return found, nil
	}
	made, err := newPool(p, key, route, declared, files)
	if err != nil {
		return nil, err
	}
	made.users = 1
	p.pools[key] = made
	made.watch()
	return made, nil
}

// release gives a pool back. With its last user go its health checks, its idle
// connections, and the streams to servers that the route no longer has.
func (o *pool) release() {
	p := o.home
	p.mu.Lock()
	o.users--
	if o.users > 0 {
		p.mu.Unlock()
		return
	}
	delete(p.pools, o.key)
	var left []stream
	for s := range p.streams {
		if !p.declares(s) {
			left = append(left, s)
		}
	}
	p.mu.Unlock()
	o.close()
	for _, s := range left {
		s.leave()
	}
}

// declares reports whether a pool has a stream's server.
func (p *Pools) declares(s stream) bool {
	route, server := s.of()
	for _, one := range p.pools {
		if one.route == route && slices.ContainsFunc(one.servers, func(have *upstream) bool { return have.address == server }) {
			return true
		}
	}
	return false
}

// enter keeps a stream until exit. One that comes while the process ends is asked to
// leave at once.
func (p *Pools) enter(s stream) {
	p.mu.Lock()
	p.streams[s] = struct{}{}
	leave := p.draining
	p.mu.Unlock()
	if leave {
		s.leave()
	}
}

func (p *Pools) exit(s stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, s)
	if len(p.streams) == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// Drain ends the streams in good order and waits for them; those that are left when
// the context ends are cut off. Plain requests are their server's to wait for.
func (p *Pools) Drain(ctx context.Context) {
	p.mu.Lock()
	p.draining = true
	idle := make(chan struct{})
	if len(p.streams) == 0 {
		close(idle)
	} else {
		p.idle = idle
	}
	all := slices.Collect(maps.Keys(p.streams))
	p.mu.Unlock()
	for _, s := range all {
		s.leave()
	}
	select {
	case <-idle:
		return
	case <-ctx.Done():
	}
	p.mu.Lock()
	all = slices.Collect(maps.Keys(p.streams))
	p.mu.Unlock()
	for _, s := range all {
		s.cut()
	}
}

// Close ends what Drain left, and all health checks and idle connections.
func (p *Pools) Close() {
	p.mu.Lock()
	all := slices.Collect(maps.Keys(p.streams))
	pools := slices.Collect(maps.Values(p.pools))
	p.draining = true
	p.mu.Unlock()
	for _, s := range all {
		s.cut()
	}
	for _, one := range pools {
		one.close()
	}
}

// ServerStatus is how a server is.
type ServerStatus struct {
	Address string // as declared
	Healthy bool   // neither ill nor left alone
	Running int    // requests and streams
	Why     string // it is not healthy, in a word
}

// RouteStatus is how the servers of a route are.
type RouteStatus struct {
	Route   string
	Servers []ServerStatus
}

// Status tells how the servers of all routes are, by route. Of a route that two
// generations declare differently, the newer one's.
func (p *Pools) Status() []RouteStatus {
	p.mu.Lock()
	newest := map[string]*pool{}
	for _, one := range p.pools {
		if have := newest[one.route]; have == nil || one.made.After(have.made) {
			newest[one.route] = one
		}
	}
	p.mu.Unlock()
	all := make([]RouteStatus, 0, len(newest))
	now := time.Now()
	for route, one := range newest {
		s := RouteStatus{Route: route}
		for _, server := range one.servers {
			why := ""
			switch {
			case server.ill.Load():
				why = "ill"
			case server.paused(now):
				why = "left alone"
			}
			s.Servers = append(s.Servers, ServerStatus{Address: server.address, Healthy: why == "", Running: int(server.running.Load()), Why: why})
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b RouteStatus) int { return strings.Compare(a.Route, b.Route) })
	return all
}
