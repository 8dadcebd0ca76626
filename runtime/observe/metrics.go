package observe

import (
	"maps"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the process's counters. Labels are route patterns, methods and
// codes; never paths, ids, hosts or addresses. Safe for concurrent use; it
// outlives generations.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	limited  *prometheus.CounterVec
	inFlight prometheus.Gauge

	reloads        *prometheus.CounterVec
	reloadSeconds  prometheus.Histogram
	reloadedWell   prometheus.Gauge
	reloadedWellAt prometheus.Gauge

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
	bytes   prometheus.Counter
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
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_http_response_body_bytes_total", Help: "Bytes of answers' bodies as they were sent, by route pattern.",
		}, []string{"route"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_rate_limited_total", Help: "Requests that were over a rate of the manifest, by its name.",
		}, []string{"rate"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "edgehive_http_requests_in_flight", Help: "Requests being answered now, event streams included; WebSockets are in live_connections.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_reloads_total", Help: "Reloads of the manifest, by result: ok or refused.",
		}, []string{"result"}),
		reloadSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "edgehive_reload_duration_seconds", Help: "Time of a reload, refused ones included.", Buckets: durations,
		}),
		reloadedWell: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "edgehive_reload_last_successful", Help: "1 unless the last reload was refused: then 0, and the manifest before serves on.",
		}),
		reloadedWellAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "edgehive_reload_last_success_timestamp_seconds", Help: "When the manifest that serves was taken, in seconds since 1970.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "edgehive_build_info", Help: "Always 1; the versions are labels.",
	}, []string{"version", "go"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.bytes, m.limited, m.inFlight, build,
		m.reloads, m.reloadSeconds, m.reloadedWell, m.reloadedWellAt,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("refused")
	m.reloadedWell.Set(1)
	m.reloadedWellAt.SetToCurrentTime()
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

// RateLimited counts a request over a rate.
func (m *Metrics) RateLimited(rate string) { m.limited.WithLabelValues(rate).Inc() }

// RequestEnded counts a request out. Route must be a pattern.
func (m *Metrics) RequestEnded(route, method string, status int, seconds float64, bytes int64) {
	m.inFlight.Dec()
	key := seriesKey{route, method, status}
	s, ok := (*m.series.Load())[key]
	if !ok {
		s = m.add(key)
	}
	s.count.Inc()
	s.seconds.Observe(seconds)
	s.bytes.Add(float64(bytes))
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
		bytes:   m.bytes.WithLabelValues(route),
	}
	if route == key.route {
		more := maps.Clone(known)
		more[key] = s
		m.series.Store(&more)
	}
	return s
}

// Reloaded counts a reload.
func (m *Metrics) Reloaded(ok bool, took time.Duration) {
	m.reloadSeconds.Observe(took.Seconds())
	if !ok {
		m.reloads.WithLabelValues("refused").Inc()
		m.reloadedWell.Set(0)
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.reloadedWell.Set(1)
	m.reloadedWellAt.SetToCurrentTime()
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
