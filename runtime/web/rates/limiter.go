// Package rates counts requests: so many of a caller in a window, in this process or
// together with others, and how often an address may be wrong about a password. The
// engine makes one Limiter that outlives generations; the router asks it for each
// request that a rate counts. It never answers a request and knows no HTTP: what a
// refusal looks like is the router's to say.
package rates

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/web/address"
)

// Code is that of faults that say that a rate is used up.
const Code = "rate-limited"

// MaxCounters is how many callers a Limiter remembers; past it the one that was
// quiet longest is forgotten.
const MaxCounters = 100_000

const limiterShards = 32

// Limiter counts requests by the generic cell rate algorithm: a full window's
// requests may come at once, then they are given back evenly. What it keeps per
// caller is one time, so a changed rate takes effect at reload without losing
// what was counted. Safe for concurrent use; it outlives generations.
type Limiter struct {
	seed   maphash.Seed
	epoch  time.Time
	shards [limiterShards]limiterShard
	common Common // nil: this process counts alone
}

// limiterShard is a bounded map with its entries in order of last use.
type limiterShard struct {
	mu      sync.Mutex
	index   map[uint64]int32
	entries []counter
	newest  int32
	oldest  int32
	_       [64]byte // keeps the locks of neighbours apart
}

// counter is one caller under one rate. full is when its allowance is whole
// again, in nanoseconds of the limiter's monotonic clock.
type counter struct {
	key          uint64
	full         int64
	newer, older int32
	drawn        drawn
}

const none int32 = -1

// NewLimiter makes an empty limiter.
func NewLimiter() *Limiter {
	l := &Limiter{seed: maphash.MakeSeed(), epoch: time.Now()}
	for i := range l.shards {
		l.shards[i].index = make(map[uint64]int32)
		l.shards[i].newest, l.shards[i].oldest = none, none
	}
	return l
}

// Verdict is what a rate says to one request.
type Verdict struct {
	Allowed   bool
	Limit     int // requests in a window, for this caller
	Remaining int
	Reset     time.Duration // until the allowance is whole
	Retry     time.Duration // until one request is allowed, when refused
}

// Count charges a request to its rate: at most so many of a caller in a window, by
// this process, and by all that count together.
func (l *Limiter) Count(ctx context.Context, t *Rate, caller *auth.Caller, client netip.Addr, now time.Time) Verdict {
	key, budget := l.key(t, caller, client), t.budget(caller.Role)
	v := l.take(key, budget, t.window, now)
	if v.Allowed && l.common != nil {
		v = l.together(ctx, key, t, caller, client, v, now)
	}
	v.Limit = budget
	return v
}

// take asks for one request of at most requests in window, for a key.
func (l *Limiter) take(key uint64, requests int, window time.Duration, now time.Time) Verdict {
	at := int64(now.Sub(l.epoch))
	each := max(int64(window)/int64(requests), 1)
	shard := &l.shards[key%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	c := shard.touch(key)
	full := min(max(c.full, at), at+int64(window)) // a rate that was narrowed forgives the rest
	if full+each-at > int64(window) {
		return Verdict{Reset: time.Duration(full - at), Retry: time.Duration(full + each - at - int64(window))}
	}
	c.full = full + each
	return Verdict{Allowed: true, Remaining: int((int64(window) - (c.full - at)) / each), Reset: time.Duration(c.full - at)}
}

// touch finds or makes a counter and moves it to the front.
func (s *limiterShard) touch(key uint64) *counter {
	i, ok := s.index[key]
	switch {
	case ok:
		if i == s.newest {
			return &s.entries[i]
		}
		s.unlink(i)
	case len(s.entries) < MaxCounters/limiterShards:
		i = int32(len(s.entries))
		s.entries = append(s.entries, counter{key: key})
		s.index[key] = i
	default:
		i = s.oldest
		s.unlink(i)
		delete(s.index, s.entries[i].key)
		s.entries[i] = counter{key: key}
		s.index[key] = i
	}
	c := &s.entries[i]
	c.newer, c.older = none, s.newest
	if s.newest != none {
		s.entries[s.newest].newer = i
	}
	s.newest = i
	if s.oldest == none {
		s.oldest = i
	}
	return c
}

func (s *limiterShard) unlink(i int32) {
	c := s.entries[i]
	if c.newer != none {
		s.entries[c.newer].older = c.older
	} else {
		s.newest = c.older
	}
	if c.older != none {
		s.entries[c.older].newer = c.newer
	} else {
		s.oldest = c.newer
	}
}

// key tells callers apart by what they cannot choose: the signed-in by their
// user, all others by network address. Roles with budgets of their own do not
// share a counter.
func (l *Limiter) key(t *Rate, caller *auth.Caller, client netip.Addr) uint64 {
	var hash maphash.Hash
	hash.SetSeed(l.seed)
	writeWord(&hash, t.name)
	writeWord(&hash, string(caller.Role))
	if t.perCaller && caller.UID != "" {
		writeWord(&hash, caller.UID)
		return hash.Sum64()
	}
	held := address.Network(client).As16()
	// maphash never fails.
	_, _ = hash.Write(held[:])
	return hash.Sum64()
}

func writeWord(hash *maphash.Hash, word string) {
	_, _ = hash.WriteString(word)
	_ = hash.WriteByte(0)
}
