package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TLS is what certificates are measured by.
type TLS struct {
	NotAfter        map[string]time.Time // of each declared domain that has one
	Renewed, Failed uint64
	HandshakeErrors uint64
}

// tlsCollector reads it when the metrics are asked for. Labels are declared
// domains.
type tlsCollector struct {
	read                           func() TLS
	notAfter, renewals, handshakes *prometheus.Desc
}

// TLS adds the metrics of certificates; it may be called once.
func (m *Metrics) TLS(read func() TLS) error {
	return m.registry.Register(&tlsCollector{
		read:       read,
		notAfter:   prometheus.NewDesc("edgehive_tls_certificate_not_after_seconds", "When the certificate of a domain ends, in Unix time.", []string{"domain"}, nil),
		renewals:   prometheus.NewDesc("edgehive_tls_certificate_renewals_total", "Certificates obtained and renewed, and tries that failed, by result (ok, failed).", []string{"result"}, nil),
		handshakes: prometheus.NewDesc("edgehive_tls_handshake_errors_total", "Handshakes that failed.", nil, nil),
	})
}

func (c *tlsCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.notAfter
	to <- c.renewals
	to <- c.handshakes
}

func (c *tlsCollector) Collect(to chan<- prometheus.Metric) {
	t := c.read()
	for domain, end := range t.NotAfter {
		to <- prometheus.MustNewConstMetric(c.notAfter, prometheus.GaugeValue, float64(end.Unix()), domain)
	}
	to <- prometheus.MustNewConstMetric(c.renewals, prometheus.CounterValue, float64(t.Renewed), "ok")
	to <- prometheus.MustNewConstMetric(c.renewals, prometheus.CounterValue, float64(t.Failed), "failed")
	to <- prometheus.MustNewConstMetric(c.handshakes, prometheus.CounterValue, float64(t.HandshakeErrors))
}
