package guards

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestLookIsDoneAnew: who waits for another's look is not sent away because that one
// has left before it was known, and looks then; several who wait look once.
func TestLookIsDoneAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looks
		ctx, leave := context.WithCancel(t.Context())
		var key credentialKey
		first := make(chan error, 1)
		go func() {
			_, err := l.once(ctx, key, func() (bool, error) {
				<-ctx.Done()
				return false, ctx.Err()
			})
			first <- err
		}()
		synctest.Wait() // it looks
		const waiting = 3
		looked := 0 // one at a time
		passed := make(chan bool, waiting)
		for range waiting {
			go func() {
				right, err := l.once(t.Context(), key, func() (bool, error) {
					looked++
					return true, nil
				})
				passed <- right && err == nil
			}()
		}
		gone, stop := context.WithCancel(t.Context())
		stop()
		if _, err := l.once(gone, key, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone is told %v", err)
		}
		synctest.Wait() // they wait
		if looked != 0 {
			t.Errorf("%d have looked beside it", looked)
		}
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
		for range waiting {
			if !<-passed {
				t.Error("one was sent away")
			}
		}
		if looked == 0 {
			t.Error("nobody has looked")
		}
	})
}
