package observe

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RedisMeter counts what is asked of Redis. Labels are words of the program.
type RedisMeter struct {
	known    sync.Map // prometheus.Counter, by redisSeries
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
}

type redisSeries struct{ operation, result string }

// redisDurations are the bounds of a request's time in seconds: from one on this
// machine to the longest that is waited for.
var redisDurations = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 5}

// Redis adds the metrics of what is asked of Redis; it may be called once.
func (m *Metrics) Redis() (*RedisMeter, error) {
	r := &RedisMeter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_redis_requests_total",
			Help: "What was asked of Redis, by operation and result: ok, failed, timeout, or open where the breaker kept it from being asked.",
		}, []string{"operation", "result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "edgehive_redis_request_duration_seconds", Help: "Time of what was asked of Redis.", Buckets: redisDurations,
		}),
	}
	return r, errors.Join(m.registry.Register(r.requests), m.registry.Register(r.seconds))
}

// Asked counts one request.
func (r *RedisMeter) Asked(operation, result string, took time.Duration) {
	key := redisSeries{operation, result}
	counter, ok := r.known.Load(key)
	if !ok {
		counter, _ = r.known.LoadOrStore(key, r.requests.WithLabelValues(operation, result))
	}
	counter.(prometheus.Counter).Inc()
	if took > 0 {
		r.seconds.Observe(took.Seconds())
	}
}

// RedisState adds whether Redis answers, and whether the breaker is open.
func (m *Metrics) RedisState(read func() (up, open bool)) error {
	number := func(of func() bool) func() float64 {
		return func() float64 {
			if of() {
				return 1
			}
			return 0
		}
	}
	return errors.Join(
		m.Gauge("redis_up", "1 while Redis answers, else 0.", number(func() bool { up, _ := read(); return up })),
		m.Gauge("redis_breaker_open", "1 while nothing is asked of Redis because it was slow or gone.", number(func() bool { _, open := read(); return open })),
	)
}
