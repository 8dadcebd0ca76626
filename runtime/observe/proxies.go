package observe

import (
	"errors"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// ProxyServer is how a server behind a route is.
type ProxyServer struct {
	Route   string // a pattern of the manifest
	Index   int    // its place in the route's list
	Healthy bool
	Running int // requests and streams
}

// ProxyMeter counts what is sent on to other servers. Labels are route patterns, the
// places of servers in their lists, and results. Safe for concurrent use.
type ProxyMeter struct {
	requests *prometheus.CounterVec
	retries  *prometheus.CounterVec
	mu       sync.Mutex // held to add series
	known    atomic.Pointer[map[proxySeries]prometheus.Counter]
}

type proxySeries struct {
	route  string
	server int
	result string
}

// Proxies adds the metrics of proxies; it may be called once. read tells how servers
// are.
func (m *Metrics) Proxies(read func() []ProxyServer) (*ProxyMeter, error) {
	p := &ProxyMeter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_proxy_requests_total",
			Help: "Requests sent on, by result: ok, error (a status of 500 or more), unreachable, timeout, broken (the answer broke off), caller (who left).",
		}, []string{"route", "upstream", "result"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_proxy_retries_total", Help: "Requests that failed and were tried on another server.",
		}, []string{"route"}),
	}
	p.known.Store(&map[proxySeries]prometheus.Counter{})
	labels := []string{"route", "upstream"}
	healthy := prometheus.NewDesc("edgehive_proxy_upstream_healthy", "1 while requests are sent to the server, 0 while it is ill or left alone.", labels, nil)
	running := prometheus.NewDesc("edgehive_proxy_upstream_requests", "Requests and streams that the server has now.", labels, nil)
	return p, errors.Join(m.registry.Register(p.requests), m.registry.Register(p.retries), m.registry.Register(&reading{
		descriptions: []*prometheus.Desc{healthy, running},
		collect: func(r *readings) {
			for _, s := range read() {
				p.retries.WithLabelValues(s.Route) // there before the first one
				r.gauge(healthy, truth(s.Healthy), s.Route, strconv.Itoa(s.Index))
				r.gauge(running, float64(s.Running), s.Route, strconv.Itoa(s.Index))
			}
		},
	}))
}

// ProxyRequest counts a request that was sent, or was to be sent, to a server.
func (p *ProxyMeter) ProxyRequest(route string, server int, result string) {
	series := proxySeries{route, server, result}
	known, ok := (*p.known.Load())[series]
	if !ok {
		known = p.add(series)
	}
	known.Inc()
}

// add makes a series. Readers take no lock: they see the map before or after. There are
// no more than servers that some manifest of this process declared.
func (p *ProxyMeter) add(series proxySeries) prometheus.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := *p.known.Load()
	if counter, ok := known[series]; ok {
		return counter
	}
	counter := p.requests.WithLabelValues(series.route, strconv.Itoa(series.server), series.result)
	more := maps.Clone(known)
	more[series] = counter
	p.known.Store(&more)
	return counter
}

// ProxyRetry counts one that is tried on another server.
func (p *ProxyMeter) ProxyRetry(route string) { p.retries.WithLabelValues(route).Inc() }
