package observe

import "github.com/prometheus/client_golang/prometheus"

var traceSpans = prometheus.NewDesc("edgehive_trace_spans_total",
	"Spans of traces, by result: sent to the collector, or dropped, for it did not take them in time.", []string{"result"}, nil)

// Traces adds what becomes of traces.
func (m *Metrics) Traces(read func() (sent, dropped uint64)) error {
	return m.registry.Register(&reading{
		descriptions: []*prometheus.Desc{traceSpans},
		collect: func(r *readings) {
			sent, dropped := read()
			r.count(traceSpans, sent, "sent")
			r.count(traceSpans, dropped, "dropped")
		},
	})
}
