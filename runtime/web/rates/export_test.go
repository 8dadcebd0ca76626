package rates

import "time"

// Take asks a limiter as a request would: whether it is allowed, how many are
// left, and when to come again.
func (l *Limiter) Take(key uint64, requests int, window time.Duration, now time.Time) (bool, int, time.Duration) {
	v := l.take(key, requests, window, now)
	return v.Allowed, v.Remaining, v.Retry
}

// Counters is how many callers a limiter remembers.
func (l *Limiter) Counters() int {
	n := 0
	for i := range l.shards {
		n += len(l.shards[i].index)
	}
	return n
}

// Epoch is the limiter's time zero.
func (l *Limiter) Epoch() time.Time { return l.epoch }
