package proxy

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// upstream is one server of a pool.
type upstream struct {
	pool      *pool
	index     int
	address   string // as declared
	scheme    string // of URLs: http or https
	authority string // of URLs
	host      string // for servers that nobody named otherwise
	socket    string // path of a Unix socket, "" for none
	transport *http.Transport
	seed      uint64 // for hashing

	running atomic.Int64
	ill     atomic.Bool // says who asks it how it is

	rests    atomic.Int64 // until when it is left alone, in Unix nanoseconds
	failures failures
}

// failures remembers when requests failed, as many as make a server be left alone.
type failures struct {
	mu     sync.Mutex
	times  []time.Time // a ring; empty: failures do not count
	next   int
	within time.Duration
	pause  time.Duration
}

func newUpstream(index int, address string, declared *manifest.Proxy) (*upstream, error) {
	s := &upstream{index: index, address: address, seed: hashText(address)}
	if declared.FailCount > 0 {
		s.failures = failures{times: make([]time.Time, declared.FailCount), within: declared.FailWithin, pause: declared.FailPause}
	}
	if path, found := strings.CutPrefix(address, "unix:"); found {
		s.scheme, s.socket = "http", path
		s.authority, s.host = unixAuthority(index), "localhost"
		return s, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no server", address)
	}
	s.scheme, s.authority, s.host = u.Scheme, u.Host, u.Host
	if u.Scheme == h2cScheme {
		s.scheme = "http"
	}
	return s, nil
}

const h2cScheme = "h2c"

// unixAuthority stands for a socket in URLs; it is no name that can be looked up.
func unixAuthority(index int) string { return "unix-" + strconv.Itoa(index) + ".invalid" }

// failed counts a request that failed. Enough of them in a time, and the server is
// left alone for a while.
func (s *upstream) failed(now time.Time) {
	f := &s.failures
	if len(f.times) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times[f.next] = now
	f.next = (f.next + 1) % len(f.times)
	oldest := f.times[f.next]
	if oldest.IsZero() || now.Sub(oldest) > f.within {
		return
	}
	clear(f.times)
	s.rests.Store(now.Add(f.pause).UnixNano())
	s.pool.home.log.Warn("a server behind a route is left alone", "route", s.pool.route, "server", s.index, "for", f.pause.String())
}

// paused reports that the server is left alone.
func (s *upstream) paused(now time.Time) bool {
	until := s.rests.Load()
	return until != 0 && now.UnixNano() < until
}
