package observe

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// Metrics are the process's counters. Labels are route patterns, methods and
// codes; never paths, ids, hosts or addresses. Safe for concurrent use; it
// outlives generations.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	reloads  *prometheus.CounterVec

	mu     sync.Mutex // held to add series
	series atomic.Pointer[map[seriesKey]seriesOf]
}

// seriesKey finds the series of a request without building label strings.
type seriesKey struct {
	route, method string
	status        int
}

type seriesOf struct {
	count   prometheus.Counter
	seconds prometheus.Observer
}

// maxSeries bounds what reloads with ever new routes can add; past it requests
// are counted under the route "other".
const maxSeries = 1000

// durations are the histogram's bounds in seconds: from a cached read to a
// time-out.
var durations = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// NewMetrics makes the registry, with Go's and the process's own metrics in it.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_http_requests_total", Help: "Requests answered, by route pattern, method and status.",
		}, []string{"route", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "edgehive_http_request_duration_seconds", Help: "Time from the request's header to the end of its handler.", Buckets: durations,
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "edgehive_http_requests_in_flight", Help: "Requests being answered now, event streams included; WebSockets are in live_connections.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_reloads_total", Help: "Reloads of the manifest, by result: ok or refused.",
		}, []string{"result"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "edgehive_build_info", Help: "Always 1; the version is a label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight, m.reloads, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("refused")
	m.series.Store(&map[seriesKey]seriesOf{})
	return m
}

// Handler serves the metrics at /metrics, for a listener of its own.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

// RequestBegan counts a request in.
func (m *Metrics) RequestBegan() { m.inFlight.Inc() }

// RequestEnded counts a request out. Route must be a pattern.
func (m *Metrics) RequestEnded(route, method string, status int, seconds float64) {
	m.inFlight.Dec()
	key := seriesKey{route, method, status}
	s, ok := (*m.series.Load())[key]
	if !ok {
		s = m.add(key)
	}
	s.count.Inc()
	s.seconds.Observe(seconds)
}

// add makes a series. Readers take no lock: they see the map before or after.
func (m *Metrics) add(key seriesKey) seriesOf {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.series.Load()
	if s, ok := known[key]; ok {
		return s
	}
	route := key.route
	if len(known) >= maxSeries {
		route = "other"
	}
	s := seriesOf{
		count:   m.requests.WithLabelValues(route, key.method, strconv.Itoa(key.status)),
		seconds: m.seconds.WithLabelValues(route, key.method),
	}
	if route == key.route {
		more := maps.Clone(known)
		more[key] = s
		m.series.Store(&more)
	}
	return s
}

// Reloaded counts a reload.
func (m *Metrics) Reloaded(ok bool) {
	result := "refused"
	if ok {
		result = "ok"
	}
	m.reloads.WithLabelValues(result).Inc()
}

// Gauge adds a metric that is read when it is asked for, such as the number of
// open sockets. The name gets the prefix edgehive_; a name that is taken or
// malformed is an error.
func (m *Metrics) Gauge(name, help string, read func() float64) error {
	return m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "edgehive_" + name, Help: help}, read))
}

// Counter is Gauge for what only grows; its name should end in _total.
func (m *Metrics) Counter(name, help string, read func() float64) error {
	return m.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "edgehive_" + name, Help: help}, read))
}

// Cache adds the answer cache's metrics.
func (m *Metrics) Cache(read func() cache.Stats) error {
	return m.registry.Register(&cacheCollector{read})
}

// cacheCollector reads the statistics once for all their metrics.
type cacheCollector struct{ read func() cache.Stats }

var (
	cacheEntries   = prometheus.NewDesc("edgehive_cache_entries", "Answers in the cache.", nil, nil)
	cacheBytes     = prometheus.NewDesc("edgehive_cache_bytes", "Bytes in the cache.", nil, nil)
	cacheMaxBytes  = prometheus.NewDesc("edgehive_cache_max_bytes", "Bytes that the cache may hold.", nil, nil)
	cacheAnswers   = prometheus.NewDesc("edgehive_cache_answers_total", "Answers asked of the cache, by result: hit, miss or stale.", []string{"result"}, nil)
	cacheEvictions = prometheus.NewDesc("edgehive_cache_evictions_total", "Answers dropped to make room.", nil, nil)
)

// Describe tells the metrics' names.
func (c *cacheCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{cacheEntries, cacheBytes, cacheMaxBytes, cacheAnswers, cacheEvictions} {
		out <- d
	}
}

// Collect reads the statistics.
func (c *cacheCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.read()
	gauge := func(d *prometheus.Desc, v float64) { out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(cacheEntries, float64(stats.Entries))
	gauge(cacheBytes, float64(stats.Bytes))
	gauge(cacheMaxBytes, float64(stats.MaxBytes))
	count(cacheAnswers, stats.Hits, "hit")
	count(cacheAnswers, stats.Misses, "miss")
	count(cacheAnswers, stats.Stales, "stale")
	count(cacheEvictions, stats.Evictions)
}
