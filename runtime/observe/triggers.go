package observe

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TriggerMeter counts what is called after commits and at times. Labels are
// functions of the manifest.
type TriggerMeter struct {
	runs                                *prometheus.CounterVec
	seconds                             *prometheus.HistogramVec
	retried, died, missed, skipped      *prometheus.CounterVec
	lagSeconds, commits, retrying, dead *prometheus.GaugeVec
}

// Triggers adds the metrics of triggers and schedules; it may be called once.
func (m *Metrics) Triggers() (*TriggerMeter, error) {
	var errs []error
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edgehive_trigger_" + name, Help: help}, labels)
		errs = append(errs, m.registry.Register(c))
		return c
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "edgehive_trigger_" + name, Help: help}, []string{"function"})
		errs = append(errs, m.registry.Register(g))
		return g
	}
	t := &TriggerMeter{
		runs: counter("runs_total", "Calls after commits and at times, by kind (change, schedule) and result (ok, failed).", "function", "kind", "result"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "edgehive_trigger_run_duration_seconds", Help: "Time of such a call.", Buckets: durations,
		}, []string{"function"}),
		retried:    counter("retries_total", "Calls that failed and are tried again.", "function"),
		died:       counter("dead_total", "Changes that became dead letters.", "function"),
		missed:     counter("missed_total", "How often the feed no longer reached back to where a function was.", "function"),
		skipped:    counter("skipped_total", "Times of a schedule that were passed over: the run before still went on, or nothing ran then.", "function"),
		lagSeconds: gauge("lag_seconds", "Age of the oldest commit with something left to do."),
		commits:    gauge("lag_commits", "Commits that are read and have something left to do."),
		retrying:   gauge("retrying_changes", "Changes that failed and wait to be tried again."),
		dead:       gauge("dead_letters", "Dead letters that nobody has retried or discarded."),
	}
	errs = append(errs, m.registry.Register(t.seconds))
	return t, errors.Join(errs...)
}

// Ran counts a call.
func (t *TriggerMeter) Ran(function, kind string, took time.Duration, well bool) {
	result := "ok"
	if !well {
		result = "failed"
	}
	t.runs.WithLabelValues(function, kind, result).Inc()
	t.seconds.WithLabelValues(function).Observe(took.Seconds())
}

// Retried counts a failure that is tried again.
func (t *TriggerMeter) Retried(function string) { t.retried.WithLabelValues(function).Inc() }

// Died counts a dead letter.
func (t *TriggerMeter) Died(function string) { t.died.WithLabelValues(function).Inc() }

// Missed counts what was not made up for.
func (t *TriggerMeter) Missed(function string) { t.missed.WithLabelValues(function).Inc() }

// Skipped counts a run that was not doubled.
func (t *TriggerMeter) Skipped(function string) { t.skipped.WithLabelValues(function).Inc() }

// Lag says how far behind a function is.
func (t *TriggerMeter) Lag(function string, age time.Duration, commits, retries, dead int) {
	t.lagSeconds.WithLabelValues(function).Set(age.Seconds())
	// They are there before the first one is counted: else it would be no increase.
	for _, counter := range []*prometheus.CounterVec{t.retried, t.died, t.missed, t.skipped} {
		counter.WithLabelValues(function)
	}
	t.commits.WithLabelValues(function).Set(float64(commits))
	t.retrying.WithLabelValues(function).Set(float64(retries))
	t.dead.WithLabelValues(function).Set(float64(dead))
}
