package observe

import "github.com/prometheus/client_golang/prometheus"

// reading is a collector that reads what it tells about once, for all its
// metrics, when they are asked for.
type reading struct {
	descriptions []*prometheus.Desc
	collect      func(*readings)
}

// Describe tells the metrics' names.
func (c *reading) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		out <- d
	}
}

// Collect reads and tells.
func (c *reading) Collect(out chan<- prometheus.Metric) { c.collect(&readings{out}) }

// readings takes what is read.
type readings struct{ out chan<- prometheus.Metric }

func (r *readings) gauge(d *prometheus.Desc, value float64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (r *readings) count(d *prometheus.Desc, value uint64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

// truth is 1 for what is so, else 0.
func truth(so bool) float64 {
	if so {
		return 1
	}
	return 0
}
