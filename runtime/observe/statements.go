package observe

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The kinds of statements, and what came of them.
const (
	StatementRead  = "read"
	StatementQuery = "query" // a named one
	StatementTest  = "test"  // of a rule about no row at hand
	StatementWrite = "write"

	StatementOK      = "ok"
	StatementRefused = "refused" // the caller is wrong
	StatementFailed  = "failed"  // we are, or the database is
)

// StatementMeter counts statements of the database. Safe for concurrent use.
type StatementMeter struct {
	kinds map[string]statementSeries
}

// statementSeries are one kind's, found once.
type statementSeries struct {
	results map[string]prometheus.Counter
	seconds prometheus.Observer
}

// Statements adds the metrics of the database's statements; it may be called
// once.
func (m *Metrics) Statements() (*StatementMeter, error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "edgehive_database_statements_total",
		Help: "Statements of the database, by kind (read, query, test, write) and result: ok, refused (the caller is wrong) or failed.",
	}, []string{"kind", "result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "edgehive_database_statement_duration_seconds", Help: "Time of a statement of the database, the wait for a connection or the writer included.", Buckets: durations,
	}, []string{"kind"})
	s := &StatementMeter{kinds: map[string]statementSeries{}}
	for _, kind := range []string{StatementRead, StatementQuery, StatementTest, StatementWrite} {
		results := map[string]prometheus.Counter{}
		for _, result := range []string{StatementOK, StatementRefused, StatementFailed} {
			results[result] = total.WithLabelValues(kind, result)
		}
		s.kinds[kind] = statementSeries{results, seconds.WithLabelValues(kind)}
	}
	return s, errors.Join(m.registry.Register(total), m.registry.Register(seconds))
}

// Ran counts a statement.
func (s *StatementMeter) Ran(kind, result string, took time.Duration) {
	series := s.kinds[kind]
	series.results[result].Inc()
	series.seconds.Observe(took.Seconds())
}
