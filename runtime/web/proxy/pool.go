package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// pool is the servers of a route: connections to them, and how they are.
type pool struct {
	home    *Pools
	key     string
	route   string
	made    time.Time
	servers []*upstream
	balance balancer

	health *manifest.Health // nil: servers are not asked
	host   string           // that they are asked with, "" for their own
	answer time.Duration

	plain *http.Transport // HTTP/1.1, and HTTP/2 over TLS
	h2c   *http.Transport // nil where no server speaks it
	// steady are the servers whose connections go over to no other protocol: HTTP/2.
	steady tries

	users   int // guarded by home.mu
	running atomic.Int64
	closed  atomic.Bool
	stop    context.CancelFunc
	watches sync.WaitGroup
}

// trust is what the files of a declaration hold.
type trust struct{ roots, certificate, key []byte }

func readFiles(declared *manifest.Proxy) (trust, error) {
	var t trust
	var err error
	read := func(path string) []byte {
		if path == "" || err != nil {
			return nil
		}
		var content []byte
		content, err = os.ReadFile(path)
		return content
	}
	t.roots = read(declared.Roots)
	if declared.Certificate != nil {
		t.certificate, t.key = read(declared.Certificate.Cert), read(declared.Certificate.Key)
	}
	if err != nil {
		return t, fmt.Errorf("read what servers are trusted by: %w", err)
	}
	return t, nil
}

// poolKey is alike for declarations that connections and health can be shared
// between.
func poolKey(route string, declared *manifest.Proxy, files trust) string {
	shared := struct {
		Route, Balance, By, Host string
		To                       []string
		Health                   *manifest.Health
		FailCount                int
		Times                    [4]time.Duration
		Files                    [3][sha256.Size]byte
	}{
		Route: route, Balance: declared.Balance, By: declared.By, Host: declared.Host, To: declared.To, Health: declared.Health, FailCount: declared.FailCount,
		Times: [4]time.Duration{declared.FailWithin, declared.FailPause, declared.Connect, declared.Answer},
		Files: [3][sha256.Size]byte{sha256.Sum256(files.roots), sha256.Sum256(files.certificate), sha256.Sum256(files.key)},
	}
	text, err := json.Marshal(shared)
	if err != nil { // texts and numbers always encode
		return route
	}
	return string(text)
}

func newPool(home *Pools, key, route string, declared *manifest.Proxy, files trust) (*pool, error) {
	o := &pool{
		home: home, key: key, route: route, made: time.Now(), health: declared.Health, host: declared.Host, answer: declared.Answer,
		balance: newBalancer(declared.Balance, declared.By),
	}
	for i, address := range declared.To {
		made, err := newUpstream(i, address, declared)
		if err != nil {
			return nil, err
		}
		made.pool = o
		o.servers = append(o.servers, made)
	}
	return o, o.connect(declared, files)
}

// close ends health checks and idle connections. Requests that run go on; their
// connections are closed as they end.
func (o *pool) close() {
	if o.closed.Swap(true) {
		return
	}
	if o.stop != nil {
		o.stop()
	}
	o.watches.Wait()
	o.closeIdle()
}

func (o *pool) closeIdle() {
	o.plain.CloseIdleConnections()
	if o.h2c != nil {
		o.h2c.CloseIdleConnections()
	}
}

// begin and end count a request or stream.
func (s *upstream) begin() {
	s.running.Add(1)
	s.pool.running.Add(1)
}

func (s *upstream) end(result string) {
	s.running.Add(-1)
	s.pool.home.meter.ProxyRequest(s.pool.route, s.index, result)
	if s.pool.running.Add(-1) == 0 && s.pool.closed.Load() {
		s.pool.closeIdle()
	}
}
