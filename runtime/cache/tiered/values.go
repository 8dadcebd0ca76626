package tiered

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// Values is a cache.Values in memory, over a cache of its own.
type Values struct {
	otter *otter.Cache[string, *value]
	max   int64
	clock func() time.Time
}

var _ cache.Values = (*Values)(nil)

// value is what is kept, never changed once it is.
type value struct {
	bytes   []byte
	expires time.Time     // zero: never by itself
	keep    time.Duration // until then, when it was kept; 0: never
}

// forever is how long otter keeps what does not expire by itself.
const forever = 100 * 365 * 24 * time.Hour

// NewValues makes a cache of values that together, keys and bookkeeping
// included, have so many bytes; clock is read for their end, nil is time.Now.
// One that would have more than an eighth of them is not kept. It has goroutines
// of its own: Close it.
func NewValues(most int64, clock func() time.Time) (*Values, error) {
	if most <= 0 {
		return nil, fmt.Errorf("a cache of %d bytes keeps nothing", most)
	}
	if clock == nil {
		clock = time.Now
	}
	v := &Values{max: most, clock: clock}
	var err error
	v.otter, err = otter.New(&otter.Options[string, *value]{
		MaximumWeight: uint64(most),
		Weigher:       func(key string, v *value) uint32 { return uint32(min(v.weight(key), math.MaxUint32)) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *value]) time.Duration {
			if e.Value.keep == 0 {
				return forever
			}
			return e.Value.keep
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of values: %w", err)
	}
	return v, nil
}

func (v *value) weight(key string) int64 { return int64(len(key)+len(v.bytes)) + overhead }

// gone reports a value whose time is over; otter drops it in its own time.
func (v *value) gone(now time.Time) bool { return !v.expires.IsZero() && !now.Before(v.expires) }

func newValue(raw []byte, ttl time.Duration, now time.Time) *value {
	made := &value{bytes: raw, keep: ttl}
	if ttl > 0 {
		made.expires = now.Add(ttl)
	}
	return made
}

// Get implements cache.Values.
func (v *Values) Get(_ context.Context, key string) (cache.Value, bool) {
	found, ok := v.otter.GetIfPresent(key)
	if !ok || found.gone(v.clock()) {
		return cache.Value{}, false
	}
	return cache.Value{Bytes: found.bytes, Expires: found.expires}, true
}

// Set implements cache.Values.
func (v *Values) Set(_ context.Context, key string, raw []byte, ttl time.Duration, ifAbsent bool) bool {
	now := v.clock()
	made := newValue(bytes.Clone(raw), ttl, now)
	fits := made.weight(key) <= v.max/8
	kept := false
	v.otter.Compute(key, func(old *value, found bool) (*value, otter.ComputeOp) {
		there := found && !old.gone(now)
		kept = fits && (!ifAbsent || !there)
		switch {
		case kept:
			return made, otter.WriteOp
		case there && !ifAbsent: // what was meant to be replaced must not be met again
			return nil, otter.InvalidateOp
		}
		return nil, otter.CancelOp
	})
	return kept
}

// Delete implements cache.Values.
func (v *Values) Delete(_ context.Context, key string) bool {
	old, there := v.otter.Invalidate(key)
	return there && !old.gone(v.clock())
}

// Add implements cache.Values.
func (v *Values) Add(_ context.Context, key string, by int64, ttl time.Duration) (int64, error) {
	now := v.clock()
	var sum int64
	var failed error
	v.otter.Compute(key, func(old *value, found bool) (*value, otter.ComputeOp) {
		if !found || old.gone(now) {
			sum = by
			return newValue(strconv.AppendInt(nil, sum, 10), ttl, now), otter.WriteOp
		}
		have, err := strconv.ParseInt(string(old.bytes), 10, 64)
		if err != nil {
			failed = cache.ErrNotNumber
			return nil, otter.CancelOp
		}
		if sum = have + by; (sum > have) != (by > 0) && by != 0 {
			failed = cache.ErrTooMuch
			return nil, otter.CancelOp
		}
		made := &value{bytes: strconv.AppendInt(nil, sum, 10), expires: old.expires}
		if !old.expires.IsZero() {
			made.keep = old.expires.Sub(now)
		}
		return made, otter.WriteOp
	})
	return sum, failed
}

// Close lets all values go.
func (v *Values) Close() error {
	v.otter.StopAllGoroutines()
	v.otter.InvalidateAll()
	return nil
}
