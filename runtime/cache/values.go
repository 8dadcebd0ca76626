package cache

import (
	"context"
	"errors"
	"time"
)

// The bounds of what Values keeps.
const (
	MaxKey   = 512     // bytes
	MaxValue = 1 << 20 // bytes
)

var (
	// ErrNotNumber is returned where something is added to what is no number.
	ErrNotNumber = errors.New("the value is no whole number of 64 bits")
	// ErrTooMuch is returned where a sum would be no number of 64 bits.
	ErrTooMuch = errors.New("the sum is no whole number of 64 bits")
	// ErrAway is returned where who keeps the values cannot be asked.
	ErrAway = errors.New("the values cannot be reached")
)

// Value is what is kept under a key. It may be shared, and must not be written
// to.
type Value struct {
	Bytes   []byte
	Expires time.Time // zero: never by itself
}

// Values keeps values under keys, as code asks it to: apart from answers, for one
// process or for all nodes. What is there may be gone at any time, for room is
// bounded; what of it is least likely to be asked for goes. Where they are kept
// elsewhere and that is away, nothing is found and nothing is kept. Who uses it
// holds to MaxKey and MaxValue. Implementations are safe for concurrent use, and
// each call is atomic.
type Values interface {
	Get(ctx context.Context, key string) (Value, bool)
	// Set keeps a copy of a value, for ttl, or as long as there is room where it is
	// 0. With ifAbsent it is not kept where there is one. It reports whether it is.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration, ifAbsent bool) bool
	// Delete reports whether there was a value.
	Delete(ctx context.Context, key string) bool
	// Add adds to a number in decimal, which is 0 where there is none, and gives
	// the sum. ttl is of the number that begins here; one that is there keeps its
	// own. Faults are ErrNotNumber, ErrTooMuch and ErrAway.
	Add(ctx context.Context, key string, by int64, ttl time.Duration) (int64, error)
	Close() error
}
