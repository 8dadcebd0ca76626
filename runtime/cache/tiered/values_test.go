package tiered_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
)

func openValues(t *testing.T, bytes int64) (*tiered.Values, *clock) {
	t.Helper()
	c := &clock{}
	v, err := tiered.NewValues(bytes, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v, c
}

func wantValue(t *testing.T, v cache.Values, key, want string) {
	t.Helper()
	if got, ok := v.Get(context.Background(), key); !ok || string(got.Bytes) != want {
		t.Errorf("%s is %q, %v; want %q", key, got.Bytes, ok, want)
	}
}

func TestValuesAreKept(t *testing.T) {
	v, _ := openValues(t, 1<<20)
	if _, ok := v.Get(context.Background(), "a"); ok || v.Delete(context.Background(), "a") {
		t.Error("there is something where nothing was set")
	}
	raw := []byte("one")
	if !v.Set(context.Background(), "a", raw, 0, false) {
		t.Error("not kept")
	}
	raw[0] = 'X'
	wantValue(t, v, "a", "one")
	if v.Set(context.Background(), "a", []byte("two"), 0, true) || !v.Set(context.Background(), "b", nil, 0, true) {
		t.Error("only what is absent is set")
	}
	wantValue(t, v, "a", "one")
	wantValue(t, v, "b", "")
	if got, _ := v.Get(context.Background(), "a"); !got.Expires.IsZero() {
		t.Errorf("it ends %s", got.Expires)
	}
	if !v.Delete(context.Background(), "a") || v.Delete(context.Background(), "a") {
		t.Error("a delete reports whether there was a value")
	}
	if _, ok := v.Get(context.Background(), "a"); ok {
		t.Error("it is there after a delete")
	}
}

func TestValuesEnd(t *testing.T) {
	v, clock := openValues(t, 1<<20)
	v.Set(context.Background(), "a", []byte("x"), time.Minute, false)
	v.Set(context.Background(), "b", []byte("x"), time.Minute, false)
	v.Set(context.Background(), "b", []byte("y"), 0, false) // without an end now
	v.Set(context.Background(), "c", []byte("x"), time.Minute, false)
	got, _ := v.Get(context.Background(), "a")
	if want := clock.now().Add(time.Minute); !got.Expires.Equal(want) {
		t.Errorf("it ends %s, want %s", got.Expires, want)
	}
	clock.advance(time.Minute - 1)
	wantValue(t, v, "a", "x")
	clock.advance(1)
	if _, ok := v.Get(context.Background(), "a"); ok {
		t.Error("it is there when its time is over")
	}
	wantValue(t, v, "b", "y")
	if v.Delete(context.Background(), "c") || !v.Set(context.Background(), "a", []byte("z"), 0, true) {
		t.Error("what is over is as if it were absent")
	}
	wantValue(t, v, "a", "z")
}

func TestNumbers(t *testing.T) {
	v, clock := openValues(t, 1<<20)
	add := func(key string, by, want int64, ttl time.Duration) {
		t.Helper()
		if got, err := v.Add(context.Background(), key, by, ttl); err != nil || got != want {
			t.Errorf("%d, %v; want %d", got, err, want)
		}
	}
	add("n", 1, 1, time.Minute)
	clock.advance(30 * time.Second)
	add("n", 2, 3, time.Hour) // the end stays that of the first
	add("n", 0, 3, 0)
	add("n", -5, -2, 0)
	wantValue(t, v, "n", "-2")
	clock.advance(30 * time.Second)
	add("n", 7, 7, 0)
	clock.advance(time.Hour)
	add("n", 1, 8, 0)
	v.Set(context.Background(), "s", []byte("12"), 0, false)
	add("s", 1, 13, 0)
	for _, text := range []string{"", "x", "1.5", "9223372036854775808"} {
		v.Set(context.Background(), "s", []byte(text), 0, false)
		if _, err := v.Add(context.Background(), "s", 1, 0); !errors.Is(err, cache.ErrNotNumber) {
			t.Errorf("%q: %v", text, err)
		}
		wantValue(t, v, "s", text)
	}
	add("big", math.MaxInt64, math.MaxInt64, 0)
	add("small", math.MinInt64, math.MinInt64, 0)
	for key, by := range map[string]int64{"big": 1, "small": -1} {
		if _, err := v.Add(context.Background(), key, by, 0); !errors.Is(err, cache.ErrTooMuch) {
			t.Errorf("%s: %v", key, err)
		}
	}
	add("big", math.MinInt64, -1, 0)
}

func TestNumbersTogether(t *testing.T) {
	v, _ := openValues(t, 1<<20)
	var running sync.WaitGroup
	first := make([]bool, 8)
	for i := range first {
		running.Go(func() {
			for range 1000 {
				if _, err := v.Add(context.Background(), "n", 1, 0); err != nil {
					t.Error(err)
				}
			}
			first[i] = v.Set(context.Background(), "once", []byte("x"), 0, true)
		})
	}
	running.Wait()
	wantValue(t, v, "n", "8000")
	firsts := 0
	for _, f := range first {
		if f {
			firsts++
		}
	}
	if firsts != 1 {
		t.Errorf("%d were the first", firsts)
	}
}

func TestValuesHaveRoom(t *testing.T) {
	const room = 1 << 20
	v, _ := openValues(t, room)
	v.Set(context.Background(), "large", []byte("small"), 0, false)
	if v.Set(context.Background(), "large", make([]byte, room/8), 0, false) {
		t.Error("one of more than an eighth is kept")
	}
	if got, ok := v.Get(context.Background(), "large"); ok {
		t.Errorf("what was to be replaced is still there: %q", got.Bytes)
	}
	for i := range 1000 {
		v.Set(context.Background(), key(i), make([]byte, 10<<10), 0, false)
	}
	count := func() (kept int) {
		for i := range 1000 {
			if _, ok := v.Get(context.Background(), key(i)); ok {
				kept++
			}
		}
		return kept
	}
	// What is too much goes a moment after it has come.
	kept := count()
	for deadline := time.Now().Add(time.Minute); kept > room/(10<<10) && time.Now().Before(deadline); kept = count() {
		time.Sleep(time.Millisecond)
	}
	if kept < 50 || kept > room/(10<<10) {
		t.Errorf("%d of 1000 values of 10 KiB are in 1 MiB", kept)
	}
	if _, err := tiered.NewValues(0, nil); err == nil {
		t.Error("a cache without room")
	}
}
