package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneProbeForManyWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p probe
		var asked atomic.Int64
		sick := errors.New("sick")
		ask := func(ctx context.Context) error {
			asked.Add(1)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return sick
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := p.health(gone, ask); !errors.Is(err, sick) {
					t.Errorf("got %v, want %v", err, sick)
				}
			})
		}
		wg.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("the store was asked %d times, want once", n)
		}
		time.Sleep(probeEvery)
		if err := p.health(gone, func(context.Context) error { return nil }); err != nil {
			t.Errorf("well again, it says %v", err)
		}
	})
}
