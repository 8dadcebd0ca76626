package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/redis"
	"github.com/edge-hive/edge-hive/runtime/redis/redistest"
)

// pair is two nodes that share something.
type pair struct{ a, b *redis.Client }

// TestContract holds what nodes share against what it promises, whatever stands
// at the address.
func TestContract(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) pair{
		"single": func(t *testing.T) pair {
			s := redistest.Start(t, "--requirepass", "quiet")
			with := func(o *redis.Options) { o.URL = "redis://:quiet@" + s.Address + "/3" }
			return pair{open(t, s, with), open(t, s, with)}
		},
		"tls": func(t *testing.T) pair {
			s := redistest.StartTLS(t)
			return pair{open(t, s, nil), open(t, s, nil)}
		},
		"sentinel": func(t *testing.T) pair {
			w := redistest.Sentinels(t, "shop", patience)
			with := func(o *redis.Options) { o.Kind, o.Master = redis.Sentinel, "shop" }
			return pair{open(t, w.Sentinels[0], with), open(t, w.Sentinels[1], with)}
		},
		"cluster": func(t *testing.T) pair {
			nodes := redistest.Cluster(t)
			with := func(o *redis.Options) { o.Kind = redis.Cluster }
			return pair{open(t, nodes[0], with), open(t, nodes[2], with)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			for name, test := range map[string]func(*testing.T, pair){
				"tier": testTier, "values": testValues, "numbers": testNumbers, "rates": testRates, "vault": testVault, "locks": testLocks, "relay": testRelay, "board": testBoard,
			} {
				t.Run(name, func(t *testing.T) { test(t, p) })
			}
			for _, c := range []*redis.Client{p.a, p.b} {
				if s := c.Status(); !s.Up || s.Open || s.Opens != 0 {
					t.Errorf("in the end it is %+v", s)
				}
			}
		})
	}
}

func testTier(t *testing.T, p pair) {
	ctx := t.Context()
	if _, found := p.a.Tier().Get(ctx, "k"); found {
		t.Fatal("there is something where nothing was put")
	}
	body := []byte("answer\x00\xff")
	p.a.Tier().Put("k", body, time.Minute)
	body[0] = 'X'
	var got []byte
	eventually(t, "the other node has it", func() (found bool) { got, found = p.b.Tier().Get(ctx, "k"); return found })
	if string(got) != "answer\x00\xff" {
		t.Errorf("it is %q", got)
	}
	p.a.Tier().Put("giant", make([]byte, redis.MaxEntry+1), time.Minute)
	p.a.Tier().Put("large", make([]byte, redis.MaxEntry), time.Minute)
	eventually(t, "the large one is there", func() bool { _, found := p.b.Tier().Get(ctx, "large"); return found })
	if _, found := p.b.Tier().Get(ctx, "giant"); found {
		t.Error("a giant is kept")
	}
	p.a.Tier().Put("short", []byte("x"), time.Millisecond)
	eventually(t, "it ends", func() bool { _, found := p.b.Tier().Get(ctx, "short"); return !found })
}

func wantValue(t *testing.T, v cache.Values, key, want string) {
	t.Helper()
	if got, ok := v.Get(t.Context(), key); !ok || string(got.Bytes) != want {
		t.Errorf("%s is %q, %v; want %q", key, got.Bytes, ok, want)
	}
}

func testValues(t *testing.T, p pair) {
	ctx, a, b := t.Context(), p.a.Values(), p.b.Values()
	if _, ok := a.Get(ctx, "a"); ok || a.Delete(ctx, "a") {
		t.Error("there is something where nothing was set")
	}
	if !a.Set(ctx, "a", []byte("one"), 0, false) {
		t.Error("not kept")
	}
	wantValue(t, b, "a", "one")
	if b.Set(ctx, "a", []byte("two"), 0, true) || !b.Set(ctx, "b", nil, 0, true) {
		t.Error("only what is absent is set")
	}
	wantValue(t, a, "a", "one")
	wantValue(t, a, "b", "")
	if got, _ := b.Get(ctx, "a"); !got.Expires.IsZero() {
		t.Errorf("it ends %s", got.Expires)
	}
	if !b.Delete(ctx, "a") || a.Delete(ctx, "a") {
		t.Error("a delete reports whether there was a value")
	}
	a.Set(ctx, "t", []byte("x"), time.Hour, false)
	if got, ok := b.Get(ctx, "t"); !ok || time.Until(got.Expires) > time.Hour || time.Until(got.Expires) < 50*time.Minute {
		t.Errorf("it ends %s", got.Expires)
	}
	b.Set(ctx, "t", []byte("y"), 0, false)
	if got, ok := a.Get(ctx, "t"); !ok || !got.Expires.IsZero() || string(got.Bytes) != "y" {
		t.Errorf("without an end it is %+v", got)
	}
	a.Set(ctx, "t", []byte("z"), time.Millisecond, false)
	eventually(t, "it ends", func() bool { _, ok := b.Get(ctx, "t"); return !ok })
	large := bytes.Repeat([]byte("x"), cache.MaxValue)
	if key := strings.Repeat("k", cache.MaxKey); !a.Set(ctx, key, large, time.Minute, false) {
		t.Error("the largest value is not kept")
	} else if got, ok := b.Get(ctx, key); !ok || !bytes.Equal(got.Bytes, large) {
		t.Error("the largest value is not what it was")
	}
}

func testNumbers(t *testing.T, p pair) {
	ctx, a, b := t.Context(), p.a.Values(), p.b.Values()
	add := func(v cache.Values, key string, by, want int64, ttl time.Duration) {
		t.Helper()
		if got, err := v.Add(ctx, key, by, ttl); err != nil || got != want {
			t.Errorf("%d, %v; want %d", got, err, want)
		}
	}
	add(a, "n", 1, 1, time.Hour)
	add(b, "n", 2, 3, 48*time.Hour) // the end stays that of the first
	if got, _ := a.Get(ctx, "n"); time.Until(got.Expires) > time.Hour || got.Expires.IsZero() {
		t.Errorf("it ends %s", got.Expires)
	}
	add(a, "n", -5, -2, 0)
	wantValue(t, b, "n", "-2")
	a.Set(ctx, "s", []byte("12"), 0, false)
	add(b, "s", 1, 13, 0)
	for _, text := range []string{"", "x", "1.5", "9223372036854775808"} {
		a.Set(ctx, "s", []byte(text), 0, false)
		if _, err := b.Add(ctx, "s", 1, 0); !errors.Is(err, cache.ErrNotNumber) {
			t.Errorf("%q: %v", text, err)
		}
		wantValue(t, b, "s", text)
	}
	add(a, "big", math.MaxInt64, math.MaxInt64, 0)
	add(a, "small", math.MinInt64, math.MinInt64, 0)
	for key, by := range map[string]int64{"big": 1, "small": -1} {
		if _, err := b.Add(ctx, key, by, 0); !errors.Is(err, cache.ErrTooMuch) {
			t.Errorf("%s: %v", key, err)
		}
	}
	add(b, "big", math.MinInt64, -1, 0)

	var running sync.WaitGroup
	var firsts atomic.Int32
	for i := range 8 {
		v := []cache.Values{a, b}[i%2]
		running.Go(func() {
			for range 100 {
				if _, err := v.Add(ctx, "together", 1, 0); err != nil {
					t.Error(err)
				}
			}
			if v.Set(ctx, "once", []byte("x"), 0, true) {
				firsts.Add(1)
			}
		})
	}
	running.Wait()
	wantValue(t, a, "together", "800")
	if n := firsts.Load(); n != 1 {
		t.Errorf("%d were the first", n)
	}
}

func testRates(t *testing.T, p pair) {
	ctx := t.Context()
	take := func(c *redis.Client, caller string, most, back int) (int, int, time.Duration, time.Duration) {
		t.Helper()
		drawn, left, full, again, err := c.Take(ctx, []byte(caller), 100, 24*time.Hour, most, back)
		if err != nil {
			t.Fatal(err)
		}
		return drawn, left, full, again
	}
	if drawn, left, _, _ := take(p.a, "ann", 40, 0); drawn != 40 || left != 60 {
		t.Errorf("%d drawn, %d left", drawn, left)
	}
	if drawn, left, _, _ := take(p.b, "ann", 40, 10); drawn != 40 || left != 30 {
		t.Errorf("%d drawn, %d left", drawn, left)
	}
	if drawn, left, full, _ := take(p.b, "ann", 40, 0); drawn != 30 || left != 0 || full < 23*time.Hour || full > 24*time.Hour {
		t.Errorf("%d drawn, %d left, whole in %s", drawn, left, full)
	}
	if drawn, left, full, again := take(p.a, "ann", 1, 0); drawn != 0 || left != 0 || full < 23*time.Hour || again <= 0 || again > 24*time.Hour/100 {
		t.Errorf("%d drawn, %d left, whole in %s, again in %s", drawn, left, full, again)
	}
	if drawn, _, _, _ := take(p.a, "bob", 1, 0); drawn != 1 {
		t.Error("another caller waits")
	}
	// A rate that was narrowed forgives the rest, and gives nothing back beyond.
	if drawn, left, _, _, err := p.a.Take(ctx, []byte("ann"), 10, time.Hour, 1, 20); err != nil || drawn != 1 || left != 9 {
		t.Errorf("%d drawn, %d left, %v", drawn, left, err)
	}
}

func testVault(t *testing.T, p pair) {
	ctx, a, b := t.Context(), p.a.Vault(), p.b.Vault()
	if _, _, err := a.Load(ctx, "acme/x.key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is %v", err)
	}
	if err := a.Delete(ctx, "acme/x.key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing is %v", err)
	}
	for _, key := range []string{"acme/x.key", "acme/x.crt", "acme/y/z.key", "acmeother", "users/1"} {
		if err := a.Store(ctx, key, []byte("old "+key)); err != nil {
			t.Fatal(err)
		}
		if err := b.Store(ctx, key, []byte("a value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
	value, modified, err := a.Load(ctx, "acme/x.key")
	if err != nil || string(value) != "a value of acme/x.key" || time.Since(modified) > time.Hour || time.Since(modified) < -time.Hour {
		t.Errorf("%q, %s, %v", value, modified, err)
	}
	for prefix, want := range map[string]string{
		"acme": "acme/x.crt acme/x.key acme/y/z.key", "acme/": "acme/x.crt acme/x.key acme/y/z.key", "acme/y": "acme/y/z.key", "none": "",
		"": "acme/x.crt acme/x.key acme/y/z.key acmeother users/1",
	} {
		if list, err := b.List(ctx, prefix); err != nil || strings.Join(list, " ") != want {
			t.Errorf("below %q: %v, %v; want %s", prefix, list, err, want)
		}
	}
	if err := b.Delete(ctx, "acme/x.key"); err != nil {
		t.Error(err)
	}
	if _, _, err := a.Load(ctx, "acme/x.key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was deleted is %v", err)
	}
	if list, err := a.List(ctx, "acme"); err != nil || slices.Contains(list, "acme/x.key") {
		t.Errorf("%v, %v", list, err)
	}
}

func testLocks(t *testing.T, p pair) {
	ctx, a, b := t.Context(), p.a.Vault(), p.b.Vault()
	if err := a.Lock(ctx, "issue"); err != nil {
		t.Fatal(err)
	}
	if mine, err := b.TryLock(ctx, "issue"); err != nil || mine {
		t.Errorf("a lock was taken twice: %v", err)
	}
	if err := b.Unlock(ctx, "issue"); err == nil {
		t.Error("a lock was let go by who has it not")
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	if err := b.Lock(short, "issue"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting ended with %v", err)
	}
	cancel()
	waiting := make(chan error, 1)
	go func() { waiting <- b.Lock(ctx, "issue") }()
	if err := a.Unlock(ctx, "issue"); err != nil {
		t.Error(err)
	}
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if mine, err := a.TryLock(ctx, "issue"); err != nil || mine {
		t.Errorf("a lock was taken twice: %v", err)
	}
	if err := b.Unlock(ctx, "issue"); err != nil {
		t.Error(err)
	}
	var inside, most atomic.Int32
	var running sync.WaitGroup
	for i := range 6 {
		v := []*redis.Vault{a, b}[i%2]
		running.Go(func() {
			name := fmt.Sprintf("one of %d", 1)
			if err := v.Lock(ctx, name); err != nil {
				t.Error(err)
				return
			}
			most.Store(max(most.Load(), inside.Add(1)))
			inside.Add(-1)
			if err := v.Unlock(ctx, name); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if n := most.Load(); n != 1 {
		t.Errorf("%d were inside at once", n)
	}
}

func testRelay(t *testing.T, p pair) {
	var heard, own atomic.Int32
	p.b.Relay().Hear(func() { heard.Add(1) })
	p.a.Relay().Hear(func() { own.Add(1) })
	eventually(t, "the other node has heard", func() bool { p.a.Relay().Tell(); return heard.Load() > 0 })
	if own.Load() != 0 {
		t.Error("a node heard itself")
	}
}

func testBoard(t *testing.T, p pair) {
	ctx := t.Context()
	if body, err := p.a.Board().Read(ctx); err != nil || body != nil {
		t.Errorf("an empty board says %q, %v", body, err)
	}
	if err := p.a.Board().Write(ctx, []byte("place")); err != nil {
		t.Fatal(err)
	}
	if body, err := p.b.Board().Read(ctx); err != nil || string(body) != "place" {
		t.Errorf("the board says %q, %v", body, err)
	}
}
