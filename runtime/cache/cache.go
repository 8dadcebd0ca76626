// Package cache is the contract of the answer cache, its policies and keys.
// The gate asks it for answers and fills it; cache/tiered keeps them. It never
// knows whose answer it holds: the key says everything.
package cache

import (
	"context"
	"time"
)

// Policy says how long an answer may be served.
type Policy struct {
	Name  string
	TTL   time.Duration
	Stale time.Duration // past TTL, at the same key, while one caller refreshes
}

// Entry is one stored answer, as it is sent. It is immutable: whoever has it
// must not write to Body.
type Entry struct {
	Body []byte
	ETag string // strong, quoted; over Body
	Rows int
	// Count is the exact count of rows, -1 when it was not asked.
	Count int64
	// Next is the cursor of the page after this one, "" for none.
	Next string
	// MaxAge is for how long it is fresh where that is less than its policy says; 0:
	// as the policy says.
	MaxAge time.Duration
	// Codings are what Body became in content codings, within Room.
	Codings Codings
}

// Size is what the entry is charged with, in bytes.
func (e *Entry) Size() int { return len(e.Body) + e.Room() + len(e.ETag) + len(e.Next) + 128 }

// Times are for how long the entry is fresh under a policy, and for how long it may
// be kept.
func (e *Entry) Times(p Policy) (fresh, keep time.Duration) {
	fresh = p.TTL
	if e.MaxAge > 0 {
		fresh = min(fresh, e.MaxAge)
	}
	return fresh, fresh + p.Stale
}

// codedFrom is from how many bytes on a body is worth to be kept in codings too.
const codedFrom = 1 << 10

// Room is how many bytes the entry's codings may have. They are charged from the
// beginning, for they come when the entry is kept already.
func (e *Entry) Room() int {
	if len(e.Body) < codedFrom {
		return 0
	}
	return len(e.Body) / 2
}

// Status is how an answer was come by; it is the X-Cache header.
type Status string

// The statuses.
const (
	Hit    Status = "hit"
	Miss   Status = "miss"
	Bypass Status = "bypass" // no policy, or not cacheable
)

// Fill makes the answer of a missing key. Its context is not the caller's, so
// that one caller's going away does not fail the others.
type Fill func(context.Context) (*Entry, error)

// Cache serves answers. Fetch gives the entry of a key, filling it once
// however many ask at the same time; a caller whose context ends stops
// waiting. Errors are not cached. Implementations are safe for concurrent use.
type Cache interface {
	Fetch(ctx context.Context, key string, policy Policy, fill Fill) (*Entry, Status, error)
	// Lookup gives a fresh entry, or nil: for the path that must not allocate a
	// Fill. The key's bytes are not kept.
	Lookup(key []byte) *Entry
	// Stats tells how full the cache is and how it does.
	Stats() Stats
	Close() error
}

// Stats is a cache's gauges and counters since it was made.
type Stats struct {
	Entries              int
	Bytes, MaxBytes      int64
	Hits, Misses, Stales uint64
	Evictions            uint64
}
