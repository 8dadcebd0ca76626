package proxy

import (
	"math/bits"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// balancer says which server a request goes to.
type balancer struct {
	kind balanceKind
	by   byKind
	name string // of a header, canonical, or of a cookie
	turn *atomic.Uint64
}

type balanceKind int

const (
	leastLoaded balanceKind = iota
	roundRobin
	random
	hashed
)

type byKind int

const (
	byAddress byKind = iota
	byPath
	byHeader
	byCookie
)

func newBalancer(balance, by string) balancer {
	b := balancer{turn: new(atomic.Uint64)}
	switch balance {
	case "roundRobin":
		b.kind = roundRobin
	case "random":
		b.kind = random
	case "hash":
		b.kind = hashed
	}
	kind, name, _ := strings.Cut(by, ":")
	switch kind {
	case "path":
		b.by = byPath
	case "header":
		b.by, b.name = byHeader, http.CanonicalHeaderKey(name)
	case "cookie":
		b.by, b.name = byCookie, name
	}
	return b
}

// key is what a request is hashed by.
func (b *balancer) key(r *http.Request, client netip.Addr) uint64 {
	if b.kind != hashed {
		return 0
	}
	switch b.by {
	case byPath:
		return hashText(r.URL.Path)
	case byHeader:
		if value := r.Header.Get(b.name); value != "" {
			return hashText(value)
		}
	case byCookie:
		if cookie, err := r.Cookie(b.name); err == nil && cookie.Value != "" {
			return hashText(cookie.Value)
		}
	}
	address := client.As16()
	return hashText(string(address[:]))
}

// tries are the servers that a request was tried on, a bit each.
type tries uint64

// MostServers is how many servers a route may have.
const MostServers = 64

func (t tries) has(s *upstream) bool   { return t&(1<<s.index) != 0 }
func (t tries) with(s *upstream) tries { return t | 1<<s.index }

// all reports that there is no server else.
func (t tries) all(servers []*upstream) bool { return bits.OnesCount64(uint64(t)) == len(servers) }

// pick chooses a server that the request was not tried on: of those that are well;
// else of those that are left alone. nil: all are ill.
func (o *pool) pick(key uint64, tried tries) *upstream {
	now := time.Now()
	well := 0
	for _, s := range o.servers {
		if !tried.has(s) && !s.ill.Load() && !s.paused(now) {
			well++
		}
	}
	may := func(s *upstream) bool { return !tried.has(s) && !s.ill.Load() && (well == 0 || !s.paused(now)) }
	return o.balance.choose(o.servers, key, may)
}

func (b *balancer) choose(servers []*upstream, key uint64, may func(*upstream) bool) *upstream {
	var best *upstream
	if b.kind == hashed { // rendezvous: when one leaves, only its own requests move
		var most uint64
		for _, s := range servers {
			if weight := mix(key ^ s.seed); may(s) && (best == nil || weight > most) {
				best, most = s, weight
			}
		}
		return best
	}
	if b.kind == random {
		return chooseAny(servers, may)
	}
	first := 0
	if len(servers) > 1 {
		first = int(b.turn.Add(1) % uint64(len(servers)))
	}
	for i := range servers {
		s := servers[(first+i)%len(servers)]
		if !may(s) {
			continue
		}
		if b.kind == roundRobin {
			return s
		}
		if best == nil || s.running.Load() < best.running.Load() {
			best = s
		}
	}
	return best
}

// chooseAny gives each that may the same chance.
func chooseAny(servers []*upstream, may func(*upstream) bool) *upstream {
	var chosen *upstream
	seen := 0
	for _, s := range servers {
		if !may(s) {
			continue
		}
		if seen++; rand.IntN(seen) == 0 { //nolint:gosec // G404: load is spread, nothing is kept secret
			chosen = s
		}
	}
	return chosen
}

// hashText is FNV-1a: the same on every node and after every start.
func hashText(text string) uint64 {
	hash := uint64(14695981039346656037)
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 1099511628211
	}
	return hash
}

// mix spreads the bits of a number over all of them.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
