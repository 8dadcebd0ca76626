package rates_test

import (
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

func TestLimiter(t *testing.T) {
	l := rates.NewLimiter()
	at := l.Epoch().Add(time.Hour)
	for i := range 10 {
		if allowed, remaining, _ := l.Take(1, 10, time.Minute, at); !allowed || remaining != 9-i {
			t.Fatalf("request %d: %v, %d left", i, allowed, remaining)
		}
	}
	allowed, _, retry := l.Take(1, 10, time.Minute, at)
	if allowed || retry != 6*time.Second {
		t.Fatalf("the eleventh: %v, retry %v", allowed, retry)
	}
	if allowed, _, _ := l.Take(1, 10, time.Minute, at.Add(5*time.Second)); allowed {
		t.Error("too early")
	}
	if allowed, _, _ := l.Take(1, 10, time.Minute, at.Add(6*time.Second)); !allowed {
		t.Error("one is given back after a tenth of the window")
	}
	if allowed, remaining, _ := l.Take(1, 10, time.Minute, at.Add(2*time.Minute)); !allowed || remaining != 9 {
		t.Errorf("after a quiet window %d are left", remaining)
	}
	for key := range uint64(rates.MaxCounters + 5000) {
		l.Take(key+100, 10, time.Minute, at)
	}
	if n := l.Counters(); n > rates.MaxCounters || n < rates.MaxCounters*9/10 {
		t.Errorf("%d counters", n)
	}
	if _, remaining, _ := l.Take(rates.MaxCounters+5099, 10, time.Minute, at); remaining != 8 {
		t.Errorf("the newest was forgotten: %d left", remaining)
	}
	if _, remaining, _ := l.Take(100, 10, time.Minute, at); remaining != 9 {
		t.Errorf("the oldest was kept: %d left", remaining)
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := rates.NewLimiter()
	at := l.Epoch()
	b.RunParallel(func(pb *testing.PB) {
		key := uint64(0)
		for pb.Next() {
			key += 7919
			l.Take(key%1000, 1<<30, 1<<40, at)
		}
	})
}
