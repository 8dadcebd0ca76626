package trigger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
)

// mortal is a store whose ledger can be taken away from a runner, as by a crash.
type mortal struct {
	Store
	dead atomic.Bool
}

var errDead = errors.New("the process is gone")

func (m *mortal) Note(ctx context.Context, n store.Notes) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Note(ctx, n)
}

func (m *mortal) Resign(ctx context.Context, l store.Lease) error { return m.Store.Resign(ctx, l) }

// TestOrderOfKeys: writers write rows at random, calls fail at random and take their
// time, and the runner crashes again and again: each change is run well at least
// once, and none before those of its row that came before it.
func TestOrderOfKeys(t *testing.T) {
	const keys, each, crashes = 12, 60, 8
	w := newWorld(t, many(on("f", "items", "")))
	w.stop()
	var mu sync.Mutex
	var wrong []string
	best := map[string]int{} // by key: up to which number all is done
	runs := 0
	chance := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	roll := func(n int) bool { mu.Lock(); defer mu.Unlock(); return chance.IntN(n) == 0 }
	w.fakes.set(func(ctx context.Context, s *seen) error {
		if roll(4) {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if roll(5) {
			return errFails
		}
		mu.Lock()
		defer mu.Unlock()
		runs++
		n := 0
		if v, ok := s.Row["n"].(float64); ok {
			n = int(v)
		}
		switch key := s.key(); {
		case n == best[key]+1:
			best[key] = n
		case n > best[key]:
			wrong = append(wrong, fmt.Sprintf("%s: %d after %d", key, n, best[key]))
		}
		return nil
	})
	w.retry = Retry{Tries: 100, First: time.Millisecond, Most: 5 * time.Millisecond}
	begin := func() (*Runner, *mortal) {
		m := &mortal{Store: w.store}
		r := New(Options{Store: m, Retry: w.retry, pace: hasty})
		if err := r.Swap(context.Background(), w.set); err != nil {
			t.Fatal(err)
		}
		return r, m
	}
	now, cancelled := context.WithCancel(context.Background())
	cancelled()
	r, m := begin()
	var writers sync.WaitGroup
	for k := range keys {
		writers.Go(func() {
			for n := 1; n <= each; n++ {
				if err := w.tryPut(context.Background(), "items", fmt.Sprint("k", k), fmt.Sprintf(`,"n":%d`, n)); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range crashes {
		time.Sleep(20 * time.Millisecond)
		m.dead.Store(true)
		r.Close(now)
		r, m = begin()
	}
	writers.Wait()
	w.runner = r
	w.eventually("all ran", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for k := range keys {
			if best[fmt.Sprint("k", k)] < each {
				return len(wrong) > 0
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	for _, text := range wrong {
		t.Error(text)
	}
	t.Logf("%d changes, %d runs done well, %d crashes", keys*each, runs, crashes)
	if l, err := r.Letters(context.Background(), "f", "", 10); err != nil || len(l) > 0 {
		t.Errorf("letters: %+v, %v", l, err)
	}
}

// TestLedgerFails: where what was done cannot be noted, no more is called, and it
// goes on when it can.
func TestLedgerFails(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	w.stop()
	m := &mortal{Store: w.store}
	w.runner = New(Options{Store: m, Retry: w.retry, pace: hasty})
	if err := w.runner.Swap(t.Context(), w.set); err != nil {
		t.Fatal(err)
	}
	m.dead.Store(true)
	w.put("items", "first", `,"n":1`)
	w.eventually("it is told", func() bool { return w.runner.Status(t.Context()).Trouble != "" })
	before := len(w.fakes.called())
	for i := range 10 {
		w.put("items", fmt.Sprint(i), `,"n":1`)
	}
	time.Sleep(50 * time.Millisecond)
	if n := len(w.fakes.called()); n != before {
		t.Errorf("%d more were called", n-before)
	}
	m.dead.Store(false)
	w.eventually("all ran", func() bool { return len(w.fakes.done()) == 11 && w.runner.Status(t.Context()).Trouble == "" })
}
