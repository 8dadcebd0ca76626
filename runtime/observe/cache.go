package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

var (
	cacheEntries   = prometheus.NewDesc("edgehive_cache_entries", "Answers in the cache's memory.", nil, nil)
	cacheBytes     = prometheus.NewDesc("edgehive_cache_bytes", "Bytes in the cache's memory.", nil, nil)
	cacheMaxBytes  = prometheus.NewDesc("edgehive_cache_max_bytes", "Bytes that the cache's memory may hold.", nil, nil)
	cacheAnswers   = prometheus.NewDesc("edgehive_cache_answers_total", "Answers asked of the cache, by result: hit, miss or stale.", []string{"result"}, nil)
	cacheSecond    = prometheus.NewDesc("edgehive_cache_second_answers_total", "Answers asked of the cache's second tier, by result: hit, miss or failed.", []string{"result"}, nil)
	cacheEvictions = prometheus.NewDesc("edgehive_cache_evictions_total", "Answers dropped to make room.", nil, nil)
)

// SecondTier is what the tier that nodes share was asked.
type SecondTier struct{ Hits, Misses, Failed uint64 }

// Cache adds the answer cache's metrics. Its counters begin anew where a reload
// changes the cache's size. second gives nil where there is no second tier.
func (m *Metrics) Cache(read func() cache.Stats, second func() *SecondTier) error {
	return m.registry.Register(&reading{
		descriptions: []*prometheus.Desc{cacheEntries, cacheBytes, cacheMaxBytes, cacheAnswers, cacheSecond, cacheEvictions},
		collect: func(r *readings) {
			s := read()
			r.gauge(cacheEntries, float64(s.Entries))
			r.gauge(cacheBytes, float64(s.Bytes))
			r.gauge(cacheMaxBytes, float64(s.MaxBytes))
			r.count(cacheAnswers, s.Hits, "hit")
			r.count(cacheAnswers, s.Misses, "miss")
			r.count(cacheAnswers, s.Stales, "stale")
			r.count(cacheEvictions, s.Evictions)
			if t := second(); t != nil {
				r.count(cacheSecond, t.Hits, "hit")
				r.count(cacheSecond, t.Misses, "miss")
				r.count(cacheSecond, t.Failed, "failed")
			}
		},
	})
}
