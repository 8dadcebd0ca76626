package tiered_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
)

// shelf is a tier that processes share.
type shelf struct {
	mu    sync.Mutex
	kept  map[string][]byte
	gets  atomic.Int32
	spoil func([]byte) []byte
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, bool) {
	s.gets.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, found := s.kept[key]
	if found && s.spoil != nil {
		raw = s.spoil(raw)
	}
	return raw, found
}

func (s *shelf) Put(key string, body []byte, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string][]byte{}
	}
	s.kept[key] = append([]byte(nil), body...)
}

// two are the caches of two processes with one shelf.
func two(t *testing.T, s *shelf, c *clock) (a, b *tiered.Cache) {
	t.Helper()
	return open(t, tiered.Options{Second: s, Clock: c.now}), open(t, tiered.Options{Second: s, Clock: c.now})
}

func never(t *testing.T) cache.Fill {
	return func(context.Context) (*cache.Entry, error) {
		t.Error("it was filled though another process has it")
		return entry("twice"), nil
	}
}

func TestWhatOneFilledAnotherServes(t *testing.T) {
	var clk clock
	s := &shelf{}
	a, b := two(t, s, &clk)
	full := &cache.Entry{Body: []byte(`[{"n":1}]`), ETag: `"tag"`, Rows: 1, Count: -1, Next: "next", MaxAge: 30 * time.Second}
	if _, _, err := a.Fetch(t.Context(), "k", minute(), func(context.Context) (*cache.Entry, error) { return full, nil }); err != nil {
		t.Fatal(err)
	}
	got, status, err := b.Fetch(t.Context(), "k", minute(), never(t))
	if err != nil || status != cache.Hit {
		t.Fatalf("%s, %v", status, err)
	}
	if string(got.Body) != string(full.Body) || got.ETag != full.ETag || got.Rows != 1 || got.Count != -1 || got.Next != "next" || got.MaxAge != full.MaxAge {
		t.Errorf("it is %+v", got)
	}
	if b.Lookup([]byte("k")) == nil {
		t.Error("it is not in memory now")
	}
	asked := s.gets.Load()
	for range 10 {
		fetch(t, b, "k", minute(), never(t))
	}
	if s.gets.Load() != asked {
		t.Error("the second tier is asked for what memory has")
	}
	clk.advance(31 * time.Second) // it is as old for both
	if got, status := fetch(t, b, "k", minute(), gives("new")); got != "new" || status != cache.Miss {
		t.Errorf("past its age: %q, %s", got, status)
	}
}

func TestStaleOfAnotherIsRefreshedOnce(t *testing.T) {
	var clk clock
	s := &shelf{}
	a, b := two(t, s, &clk)
	policy := cache.Policy{TTL: time.Minute, Stale: time.Hour}
	fetch(t, a, "k", policy, gives("old"))
	clk.advance(2 * time.Minute)
	if got, status := fetch(t, b, "k", policy, gives("new")); got != "old" || status != cache.Hit {
		t.Errorf("got %q, %s", got, status)
	}
	eventually(t, "the new one is there", func() bool { e := b.Lookup([]byte("k")); return e != nil && string(e.Body) == "new" })
	// The other one's is stale in its memory: it takes what was refreshed.
	fetch(t, a, "k", policy, never(t))
	eventually(t, "the other one has it, too", func() bool { e := a.Lookup([]byte("k")); return e != nil && string(e.Body) == "new" })
	clk.advance(2 * time.Hour)
	if got, status := fetch(t, b, "k", policy, gives("last")); got != "last" || status != cache.Miss {
		t.Errorf("past stale: %q, %s", got, status)
	}
}

func TestSecondTierIsAskedOnce(t *testing.T) {
	var clk clock
	s := &shelf{}
	a, _ := two(t, s, &clk)
	release := make(chan struct{})
	var fills atomic.Int32
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() {
			fetch(t, a, "k", minute(), func(context.Context) (*cache.Entry, error) {
				fills.Add(1)
				<-release
				return entry("one"), nil
			})
		})
	}
	eventually(t, "all wait", func() bool { return a.Stats().Misses == 50 })
	close(release)
	running.Wait()
	if fills.Load() != 1 || s.gets.Load() != 1 {
		t.Errorf("%d fills, and %d looks", fills.Load(), s.gets.Load())
	}
}

func TestSpoiledEntriesAreMissing(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"empty": func([]byte) []byte { return nil },
		"form":  func(raw []byte) []byte { return append([]byte{raw[0] + 1}, raw[1:]...) },
		"short": func(raw []byte) []byte { return raw[:len(raw)-1] },
		"long":  func(raw []byte) []byte { return append(append([]byte(nil), raw...), 'B', 0) },
	} {
		t.Run(name, func(t *testing.T) {
			var clk clock
			s := &shelf{spoil: spoil}
			a, b := two(t, s, &clk)
			fetch(t, a, "k", minute(), gives("good"))
			if got, status := fetch(t, b, "k", minute(), gives("own")); got != "own" || status != cache.Miss {
				t.Errorf("%q, %s", got, status)
			}
		})
	}
	t.Run("a part of a later form", func(t *testing.T) {
		var clk clock
		s := &shelf{spoil: func(raw []byte) []byte { return append(append([]byte(nil), raw...), 'z', 2, 1, 2) }}
		a, b := two(t, s, &clk)
		fetch(t, a, "k", minute(), gives("good"))
		if got, _ := fetch(t, b, "k", minute(), never(t)); got != "good" {
			t.Errorf("%q", got)
		}
	})
}
