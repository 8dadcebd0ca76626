package tiered_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// clock is a clock that a test moves.
type clock struct{ offset atomic.Int64 }

var base = time.Now()

func (c *clock) now() time.Time          { return base.Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }
func entry(body string) *cache.Entry     { return &cache.Entry{Body: []byte(body), Count: -1} }
func gives(body string) cache.Fill {
	return func(context.Context) (*cache.Entry, error) { return entry(body), nil }
}
func minute() cache.Policy { return cache.Policy{Name: "minute", TTL: time.Minute} }
func key(i int) string     { return fmt.Sprintf("key-%06d", i) }
func open(t testing.TB, o tiered.Options) *tiered.Cache {
	t.Helper()
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	c, err := tiered.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func fetch(t testing.TB, c *tiered.Cache, key string, p cache.Policy, fill cache.Fill) (string, cache.Status) {
	t.Helper()
	e, status, err := c.Fetch(t.Context(), key, p, fill)
	if err != nil {
		t.Fatalf("Fetch(%q): %v", key, err)
	}
	return string(e.Body), status
}

// eventually polls until ok, or fails at a deadline.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func TestFetchKeepsUntilTTL(t *testing.T) {
	var clk clock
	c := open(t, tiered.Options{Clock: clk.now})
	steps := []struct {
		advance time.Duration
		fill    string
		want    string
		status  cache.Status
	}{
		{0, "a", "a", cache.Miss},
		{59 * time.Second, "b", "a", cache.Hit},
		{time.Second, "c", "c", cache.Miss},
		{time.Second, "d", "c", cache.Hit},
	}
	for i, s := range steps {
		clk.advance(s.advance)
		if got, status := fetch(t, c, "k", minute(), gives(s.fill)); got != s.want || status != s.status {
			t.Errorf("step %d: got %q, %s; want %q, %s", i, got, status, s.want, s.status)
		}
	}
}

func TestLookupGivesFreshEntriesAlone(t *testing.T) {
	var clk clock
	c := open(t, tiered.Options{Clock: clk.now})
	if c.Lookup([]byte("k")) != nil || c.Lookup(nil) != nil {
		t.Fatal("an empty cache gave an entry")
	}
	policy := cache.Policy{TTL: time.Minute, Stale: time.Hour}
	fetch(t, c, "k", policy, gives("a"))
	if e := c.Lookup([]byte("k")); e == nil || string(e.Body) != "a" {
		t.Fatalf("Lookup gave %v", e)
	}
	clk.advance(time.Minute)
	if c.Lookup([]byte("k")) != nil {
		t.Error("Lookup gave a stale entry")
	}
}

func TestOneFillForManyWaiters(t *testing.T) {
	c := open(t, tiered.Options{})
	const waiters = 100
	var fills atomic.Int32
	release := make(chan struct{})
	fill := func(context.Context) (*cache.Entry, error) {
		fills.Add(1)
		<-release
		return entry("once"), nil
	}
	var wg sync.WaitGroup
	entries := make([]*cache.Entry, waiters)
	for i := range waiters {
		wg.Go(func() { entries[i], _, _ = c.Fetch(t.Context(), "k", minute(), fill) })
	}
	eventually(t, "all wait", func() bool { return c.Stats().Misses == waiters })
	close(release)
	wg.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("%d fills for %d waiters", n, waiters)
	}
	for i, e := range entries {
		if e == nil || e != entries[0] {
			t.Fatalf("waiter %d got %v", i, e)
		}
	}
}

func TestFillOutlivesTheCallerWhoBeganIt(t *testing.T) {
	c := open(t, tiered.Options{})
	started, release := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, _, err := c.Fetch(ctx, "k", minute(), func(ctx context.Context) (*cache.Entry, error) {
			close(started)
			<-release
			return entry("kept"), ctx.Err()
		})
		first <- err
	}()
	<-started
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatalf("the caller who left got %v", err)
	}
	second := make(chan string, 1)
	go func() {
		e, _, err := c.Fetch(context.Background(), "k", minute(), gives("again"))
		if err != nil {
			e = entry(err.Error())
		}
		second <- string(e.Body)
	}()
	eventually(t, "the second waits", func() bool { return c.Stats().Misses == 2 })
	close(release)
	if got := <-second; got != "kept" {
		t.Errorf("the second got %q", got)
	}
}

func TestErrorsAndPanicsAreNotKept(t *testing.T) {
	broken := errors.New("broken")
	fills := map[string]cache.Fill{
		"error": func(context.Context) (*cache.Entry, error) { return nil, broken },
		"panic": func(context.Context) (*cache.Entry, error) { panic("oh") },
		"nil":   func(context.Context) (*cache.Entry, error) { return nil, nil },
	}
	for name, fill := range fills {
		t.Run(name, func(t *testing.T) {
			c := open(t, tiered.Options{})
			_, _, err := c.Fetch(t.Context(), "k", minute(), fill)
			if err == nil || (name == "error" && !errors.Is(err, broken)) {
				t.Fatalf("Fetch gave the error %v", err)
			}
			if got, status := fetch(t, c, "k", minute(), gives("mended")); got != "mended" || status != cache.Miss {
				t.Errorf("then %q, %s", got, status)
			}
		})
	}
}

func TestFillIsBounded(t *testing.T) {
	c := open(t, tiered.Options{FillTime: time.Millisecond})
	_, _, err := c.Fetch(t.Context(), "k", minute(), func(ctx context.Context) (*cache.Entry, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Fetch gave %v", err)
	}
}

func TestStaleIsServedWhileOneRefreshes(t *testing.T) {
	var clk clock
	c := open(t, tiered.Options{Clock: clk.now})
	policy := cache.Policy{TTL: time.Minute, Stale: time.Hour}
	fetch(t, c, "k", policy, gives("old"))
	clk.advance(2 * time.Minute)

	var fills atomic.Int32
	release := make(chan struct{})
	refresh := func(context.Context) (*cache.Entry, error) {
		fills.Add(1)
		<-release
		return entry("new"), nil
	}
	for range 50 {
		if got, status := fetch(t, c, "k", policy, refresh); got != "old" || status != cache.Hit {
			t.Fatalf("got %q, %s while refreshing", got, status)
		}
	}
	close(release)
	eventually(t, "the new one is there", func() bool {
		e := c.Lookup([]byte("k"))
		return e != nil && string(e.Body) == "new"
	})
	if n := fills.Load(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if n := c.Stats().Stales; n != 50 {
		t.Errorf("%d stale answers counted", n)
	}
	clk.advance(time.Minute + time.Hour)
	if got, status := fetch(t, c, "k", policy, gives("last")); got != "last" || status != cache.Miss {
		t.Errorf("past stale: %q, %s", got, status)
	}
}

func TestFailedRefreshIsTriedAgain(t *testing.T) {
	var clk clock
	c := open(t, tiered.Options{Clock: clk.now})
	policy := cache.Policy{TTL: time.Minute, Stale: time.Hour}
	fetch(t, c, "k", policy, gives("old"))
	clk.advance(2 * time.Minute)
	var tries atomic.Int32
	failing := func(context.Context) (*cache.Entry, error) { tries.Add(1); panic("no") }
	eventually(t, "a second try", func() bool {
		if got, _ := fetch(t, c, "k", policy, failing); got != "old" {
			t.Fatalf("got %q", got)
		}
		return tries.Load() >= 2
	})
}

func TestBytesAreBounded(t *testing.T) {
	const budget = 256 << 10
	c := open(t, tiered.Options{Bytes: budget})
	body := strings.Repeat("x", 4<<10)
	for i := range 1000 {
		fetch(t, c, key(i), minute(), gives(body))
	}
	eventually(t, "evicted down to the bound", func() bool {
		s := c.Stats()
		return s.Bytes <= budget && s.Evictions > 0 && s.Entries > 0 && s.Entries <= budget/(4<<10)
	})
}

func TestGiantIsServedNotKept(t *testing.T) {
	c := open(t, tiered.Options{Bytes: 64 << 10})
	fetch(t, c, "small", minute(), gives("s"))
	giant := string(bytes.Repeat([]byte("x"), 9<<10))
	for range 2 {
		if got, status := fetch(t, c, "giant", minute(), gives(giant)); got != giant || status != cache.Miss {
			t.Fatalf("giant: %d bytes, %s", len(got), status)
		}
	}
	if c.Lookup([]byte("small")) == nil {
		t.Error("the giant pushed another out")
	}
}

func TestNoTTLBypasses(t *testing.T) {
	c := open(t, tiered.Options{})
	for _, body := range []string{"a", "b"} {
		if got, status := fetch(t, c, "k", cache.Policy{}, gives(body)); got != body || status != cache.Bypass {
			t.Errorf("got %q, %s", got, status)
		}
	}
}

func TestCloseEndsFills(t *testing.T) {
	c := open(t, tiered.Options{})
	started := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		_, _, err := c.Fetch(context.Background(), "k", minute(), func(ctx context.Context) (*cache.Entry, error) {
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		result <- err
	}()
	<-started
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiter got %v", err)
	}
	if _, _, err := c.Fetch(context.Background(), "k2", minute(), gives("a")); err == nil {
		t.Error("a closed cache filled")
	}
}

func TestNoBudgetIsRefused(t *testing.T) {
	if _, err := tiered.New(tiered.Options{}); err == nil {
		t.Error("a cache of no bytes was made")
	}
}

func BenchmarkLookup(b *testing.B) {
	c := open(b, tiered.Options{Bytes: 64 << 20})
	keys := fill(b, c, 10000)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if c.Lookup(keys[i%len(keys)]) == nil {
				b.Error("gone")
			}
		}
	})
}

func BenchmarkFetchHit(b *testing.B) {
	c := open(b, tiered.Options{Bytes: 64 << 20})
	fill(b, c, 1)
	k, f := key(0), gives("x")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Fetch(b.Context(), k, minute(), f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFetchMiss(b *testing.B) {
	c := open(b, tiered.Options{Bytes: 1 << 20})
	f := gives(strings.Repeat("x", 1024))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, err := c.Fetch(b.Context(), key(i), minute(), f); err != nil {
			b.Fatal(err)
		}
	}
}

func fill(b *testing.B, c *tiered.Cache, n int) [][]byte {
	b.Helper()
	keys := make([][]byte, n)
	body := strings.Repeat("x", 1024)
	for i := range n {
		keys[i] = []byte(key(i))
		fetch(b, c, key(i), minute(), gives(body))
	}
	return keys
}

// TestAnswerOfItsOwnAge holds that an entry may be fresh for less than its policy
// says, and never for more.
func TestAnswerOfItsOwnAge(t *testing.T) {
	var c clock
	tier := open(t, tiered.Options{Clock: c.now})
	aged := func(body string, age time.Duration) cache.Fill {
		return func(context.Context) (*cache.Entry, error) {
			e := entry(body)
			e.MaxAge = age
			return e, nil
		}
	}
	fetch(t, tier, "short", minute(), aged("a", time.Second))
	fetch(t, tier, "long", minute(), aged("a", time.Hour))
	c.advance(2 * time.Second)
	if body, status := fetch(t, tier, "short", minute(), aged("b", time.Second)); body != "b" || status != cache.Miss {
		t.Errorf("%s %s", body, status)
	}
	if body, status := fetch(t, tier, "long", minute(), aged("b", time.Hour)); body != "a" || status != cache.Hit {
		t.Errorf("%s %s", body, status)
	}
	c.advance(time.Minute)
	if body, _ := fetch(t, tier, "long", minute(), aged("b", time.Hour)); body != "b" {
		t.Error(body)
	}
}
