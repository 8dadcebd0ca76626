package watchers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/watchers"
)

// TestList wakes, wakes twice before it is seen, and ends watches one by one and
// all together.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l watchers.List
		ctx, cancel := context.WithCancel(t.Context())
		one, err := l.Add(ctx)
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.Add(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		is := func(what string, wake <-chan struct{}, told, open bool) {
			t.Helper()
			select {
			case _, ok := <-wake:
				if ok != open || ok && !told {
					t.Errorf("%s: told, open %t", what, ok)
				}
			default:
				if told || !open {
					t.Errorf("%s: not told", what)
				}
			}
		}
		is("before", one, false, true)
		l.Wake()
		l.Wake()
		is("woken", one, true, true)
		is("once", one, false, true)
		is("the other", other, true, true)
		cancel()
		synctest.Wait()
		is("its context has ended", one, false, false)
		l.Wake()
		is("the other goes on", other, true, true)
		l.Close()
		is("closed", other, false, false)
		if _, err := l.Add(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("add to a closed list: %v", err)
		}
		l.Wake()
		l.Close()
	})
}
