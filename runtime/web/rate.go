package web

import (
	"fmt"
	"hash/maphash"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

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

// verdict is what a rate says to one request.
type verdict struct {
	allowed   bool
	remaining int
	reset     time.Duration // until the allowance is whole
	retry     time.Duration // until one request is allowed, when refused
}

// take asks for one request of at most requests in window, for a key.
func (l *Limiter) take(key uint64, requests int, window time.Duration, now time.Time) verdict {
	at := int64(now.Sub(l.epoch))
	each := max(int64(window)/int64(requests), 1)
	shard := &l.shards[key%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	c := shard.touch(key)
	full := min(max(c.full, at), at+int64(window)) // a rate that was narrowed forgives the rest
	if full+each-at > int64(window) {
		return verdict{reset: time.Duration(full - at), retry: time.Duration(full + each - at - int64(window))}
	}
	c.full = full + each
	return verdict{allowed: true, remaining: int((int64(window) - (c.full - at)) / each), reset: time.Duration(c.full - at)}
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

// rate is a named rate, ready to be asked.
type rate struct {
	name      string
	perCaller bool
	requests  int
	window    time.Duration
	service   int // requests of the roles, 0: as everyone
	signedIn  int
	anon      int
}

// newRates indexes the declared rates; "default" is always there.
func newRates(declared []manifest.Rate) (map[string]*rate, error) {
	rates := make(map[string]*rate, len(declared)+1)
	rates["default"] = &rate{name: "default", perCaller: true, requests: 300, window: time.Minute}
	for _, d := range declared {
		if d.Requests < 1 || d.Window <= 0 {
			return nil, fmt.Errorf("rate %q allows no request", d.Name)
		}
		rates[d.Name] = &rate{
			name: d.Name, perCaller: d.Per == "caller", requests: d.Requests, window: d.Window,
			service: d.Roles[string(auth.Service)], signedIn: d.Roles[string(auth.Authenticated)], anon: d.Roles[string(auth.Anon)],
		}
	}
	return rates, nil
}

// budget is how many requests a role has.
func (t *rate) budget(role auth.Role) int {
	special := t.anon
	switch role {
	case auth.Service:
		special = t.service
	case auth.Authenticated:
		special = t.signedIn
	}
	if special > 0 {
		return special
	}
	return t.requests
}

// key tells callers apart by what they cannot choose: the signed-in by their
// user, all others by network address. Roles with budgets of their own do not
// share a counter.
func (l *Limiter) key(t *rate, caller *auth.Caller, client netip.Addr) uint64 {
	var hash maphash.Hash
	hash.SetSeed(l.seed)
	writeWord(&hash, t.name)
	writeWord(&hash, string(caller.Role))
	if t.perCaller && caller.UID != "" {
		writeWord(&hash, caller.UID)
		return hash.Sum64()
	}
	address := network(client).As16()
	// maphash never fails.
	_, _ = hash.Write(address[:])
	return hash.Sum64()
}

func writeWord(hash *maphash.Hash, word string) {
	_, _ = hash.WriteString(word)
	_ = hash.WriteByte(0)
}

var errRate = fault.New(codeRate, "too many requests").WithHint("wait as long as Retry-After says")

// count charges a request to its rate, says what is left, and reports whether it
// may go on; otherwise it is answered.
func (h *Handler) count(x *exchange, r *http.Request, t *rate, caller *auth.Caller) bool {
	budget := t.budget(caller.Role)
	key := h.limiter.key(t, caller, x.client)
	v := h.limiter.take(key, budget, t.window, x.began)
	if v.allowed && h.limiter.common != nil {
		v = h.limiter.together(r.Context(), key, t, caller, x.client, v, x.began)
	}
	x.set("Ratelimit-Limit", strconv.Itoa(budget))
	x.set("Ratelimit-Remaining", strconv.Itoa(v.remaining))
	x.set("Ratelimit-Reset", strconv.Itoa(seconds(v.reset)))
	if v.allowed {
		return true
	}
	x.set("Retry-After", strconv.Itoa(max(seconds(v.retry), 1)))
	if h.meter != nil {
		h.meter.RateLimited(t.name)
	}
	x.fail(r, errRate)
	return false
}

// seconds rounds up, for headers that know nothing smaller.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
