package auth

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
)

// mostWaiting are the passwords that wait for their turn to be hashed.
const mostWaiting = 64

// ErrHashing says that too many passwords are being hashed.
var ErrHashing = errors.New("too many passwords are being looked at")

// Hashing bounds how many passwords are hashed at once, for hashing must not be
// how memory or time end: as many as there are cores, others wait, and past 64 of
// these they are refused. Safe for concurrent use; a process has one.
type Hashing struct {
	turns   chan struct{}
	waiting atomic.Int64
}

// NewHashing makes the bound.
func NewHashing() *Hashing {
	return &Hashing{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Matches is h.Matches in its turn. It gives ErrHashing where too many wait, or
// the context's error.
func (t *Hashing) Matches(ctx context.Context, h PasswordHash, password string) (bool, error) {
	select {
	case t.turns <- struct{}{}:
	default:
		if t.waiting.Add(1) > mostWaiting {
			t.waiting.Add(-1)
			return false, ErrHashing
		}
		defer t.waiting.Add(-1)
		select {
		case t.turns <- struct{}{}:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	defer func() { <-t.turns }()
	return h.Matches(password), nil
}
