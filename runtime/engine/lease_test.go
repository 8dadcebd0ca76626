package engine

import (
	"sync"
	"testing"
)

func TestLeasesRetire(t *testing.T) {
	l := newLeases()
	for range 2 {
		if !l.take() {
			t.Fatal("a fresh lease was refused")
		}
	}
	idle := l.retire()
	if l.take() {
		t.Error("a lease was taken after retire")
	}
	one := &lease{from: l}
	one.release()
	one.release() // counts once
	select {
	case <-idle:
		t.Fatal("idle while one runs")
	default:
	}
	l.give()
	<-idle
	<-l.retire() // again
	if l.take() || l.count() != 0 {
		t.Error("retired leases came back")
	}
}

// TestLeasesUnderLoad holds that idle never comes while a request runs, however
// takes and the retire meet.
func TestLeasesUnderLoad(t *testing.T) {
	for range 200 {
		l := newLeases()
		released := false // written before give, read after idle: the detector sees a breach
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for l.take() {
					if i == 0 {
						released = true
					}
					l.give()
				}
			})
		}
		<-l.retire()
		_ = released
		released = false
		wg.Wait()
	}
}
