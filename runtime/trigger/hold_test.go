package trigger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// TestFeedIsHeldForFunctions: what a function has not run for is kept, however old,
// until the feed is full; then writes are refused until it has.
func TestFeedIsHeldForFunctions(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	w.end()
	w.options.ChangesKeep, w.options.ChangesMax = time.Millisecond, 256<<10
	let := make(chan struct{})
	w.fakes.set(func(ctx context.Context, s *seen) error {
		if s.key() != "slow" {
			return nil
		}
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	w.begin(many(on("f", "items", "")))
	w.put("items", "slow", "")
	text := strings.Repeat("x", 10_000)
	var err error
	n := 0
	for ; n < 100 && err == nil; n++ {
		err = w.tryPut(t.Context(), "items", fmt.Sprint(n), `,"shop":"`+text+`"`)
	}
	if !fault.Is(err, "53100") || n < 20 {
		t.Fatalf("after %d writes: %v, want 53100", n, err)
	}
	close(let)
	w.eventually("writes go on", func() bool { return w.tryPut(t.Context(), "items", "after", "") == nil })
	w.eventually("all ran", func() bool { return len(w.fakes.done()) == n+1 })
	if l, _ := w.runner.Letters(t.Context(), "f", "", 1); len(l) > 0 {
		t.Errorf("letters: %+v", l)
	}
}
