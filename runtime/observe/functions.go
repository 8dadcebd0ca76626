package observe

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// FunctionMeter counts what functions do. Labels are functions of the manifest and
// the codes of faults. Safe for concurrent use.
type FunctionMeter struct {
	known sync.Map // the *functionSeries of functions, by name

	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	waited   *prometheus.HistogramVec
	memory   *prometheus.GaugeVec
	compiled *prometheus.CounterVec
	compile  prometheus.Histogram
}

// callDurations are the bounds of a call's time in seconds: from an empty call to
// the longest that is allowed.
var callDurations = []float64{.000005, .00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .1, .5, 1, 5, 30}

// Functions adds the metrics of functions; it may be called once.
func (m *Metrics) Functions() (*FunctionMeter, error) {
	f := &FunctionMeter{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_function_calls_total", Help: "Calls of functions that ended, by outcome: ok, or the code of why not.",
		}, []string{"function", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "edgehive_function_call_duration_seconds", Help: "Time of a call, the wait for an instance included.", Buckets: callDurations,
		}, []string{"function"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "edgehive_function_queue_duration_seconds", Help: "Time that calls waited for an instance.", Buckets: callDurations,
		}, []string{"function"}),
		memory: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "edgehive_function_memory_bytes", Help: "Memory of the instance of the last call.",
		}, []string{"function"}),
		compiled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edgehive_function_compiles_total", Help: "Modules made ready to run, by whether their compiled code was found on disk.",
		}, []string{"cached"}),
		compile: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "edgehive_function_compile_duration_seconds", Help: "Time to make a module ready to run.", Buckets: durations,
		}),
	}
	errs := make([]error, 0, 6)
	for _, c := range []prometheus.Collector{f.calls, f.seconds, f.waited, f.memory, f.compiled, f.compile} {
		errs = append(errs, m.registry.Register(c))
	}
	f.compiled.WithLabelValues("true")
	f.compiled.WithLabelValues("false")
	return f, errors.Join(errs...)
}

// functionSeries are one function's, found once.
type functionSeries struct {
	ok              prometheus.Counter
	seconds, waited prometheus.Observer
	memory          prometheus.Gauge
}

func (f *FunctionMeter) of(function string) *functionSeries {
	if s, ok := f.known.Load(function); ok {
		return s.(*functionSeries)
	}
	s, _ := f.known.LoadOrStore(function, &functionSeries{
		ok: f.calls.WithLabelValues(function, outcomeOK), seconds: f.seconds.WithLabelValues(function),
		waited: f.waited.WithLabelValues(function), memory: f.memory.WithLabelValues(function),
	})
	return s.(*functionSeries)
}

const outcomeOK = "ok"

// Called counts a call.
func (f *FunctionMeter) Called(function, outcome string, took, waited time.Duration, memory int64) {
	s := f.of(function)
	if outcome == outcomeOK {
		s.ok.Inc()
	} else {
		f.calls.WithLabelValues(function, outcome).Inc()
	}
	s.seconds.Observe(took.Seconds())
	s.waited.Observe(waited.Seconds())
	if memory > 0 {
		s.memory.Set(float64(memory))
	}
}

// Compiled counts a module that was made ready.
func (f *FunctionMeter) Compiled(_ string, took time.Duration, cached bool) {
	found := "false"
	if cached {
		found = "true"
	}
	f.compiled.WithLabelValues(found).Inc()
	f.compile.Observe(took.Seconds())
}
