package engine_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/redis/redistest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

const (
	redisOfA = "EDGEHIVE_TEST_REDIS_A"
	redisOfB = "EDGEHIVE_TEST_REDIS_B"
)

// The time that a Redis may take: what slow machines do not exceed, and what a server
// that is away may not take from requests.
const (
	patiently = "10s"
	usual     = "50ms"
)

// shares is a manifest with a Redis, and what of it nodes share.
func shares(manifest, variable, timeout string) string {
	return manifest + fmt.Sprintf(`
cache: {redis: {url: env: %q, timeout: %q}, policies: kept: {ttl: "10m", stale: "1h"}}
tables: notes: cache: "kept"
rates: few: {requests: 20, window: "1h", per: "ip"}
routes: "GET /few": {respond: body: "ok", rate: "few"}
`, variable, timeout)
}

// between puts a proxy before a Redis, and its URL into a variable.
func between(t *testing.T, variable, address string) *surrealtest.Proxy {
	t.Helper()
	p, err := surrealtest.NewProxy(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	t.Setenv(variable, "redis://"+p.Address())
	return p
}

// waits for what takes its time.
func waits(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// notes are the texts of all notes, as a node tells them to anyone.
func (b *backend) notes() int {
	b.t.Helper()
	got := b.ask(request{method: "GET", path: "/api/data/notes?select=text", anyone: true})
	var rows []json.RawMessage
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &rows) != nil {
		b.t.Errorf("notes: %d %s", got.status, got.body)
	}
	return len(rows)
}

func (b *backend) add(text string) {
	b.t.Helper()
	if got := b.ask(request{method: "POST", path: "/api/data/notes", body: fmt.Sprintf(`{"text":%q}`, text)}); got.status != http.StatusCreated {
		b.t.Errorf("add: %d %s", got.status, got.body)
	}
}

// TestNodesShareRedis has two nodes on one database share answers and counts, and
// takes their Redis away in every way while they write and read: none serves
// anything from before what it has shown.
func TestNodesShareRedis(t *testing.T) {
	server := surrealtest.Shared(t)
	s := redistest.Start(t)
	proxyA, proxyB := between(t, redisOfA, s.Address), between(t, redisOfB, s.Address)
	manifest := onSurreal(t, base, server.URL)
	a, b := start(t, shares(manifest, redisOfA, patiently)), start(t, shares(manifest, redisOfB, patiently))
	a.want("GET", "/ready", "", http.StatusOK, "ready")

	rows := 0
	waits(t, "one node answers with what the other has read", func() bool {
		a.add("first")
		rows++
		waits(t, "both know it", func() bool { return a.notes() == rows && b.notes() == rows })
		return a.Status(t.Context()).Cache.Second.Hits+b.Status(t.Context()).Cache.Second.Hits > 0
	})
	s.Do("SAVE") // what it comes back with after a kill

	allowed := 0
	for i := range 60 {
		if status, _ := []*backend{a, b}[i%2].call("GET", "/few", ""); status == http.StatusOK {
			allowed++
		}
	}
	if allowed < 20 || allowed > 21 { // one comes back in three minutes
		t.Errorf("%d of 20 requests were allowed", allowed)
	}

	a.mustReload(shares(manifest, redisOfA, usual))
	b.mustReload(shares(manifest, redisOfB, usual))
	var written, asked, stop atomic.Int64
	written.Store(int64(rows))
	var readers sync.WaitGroup
	for _, node := range []*backend{a, b} {
		readers.Go(func() {
			for seen := 0; stop.Load() == 0; {
				n := node.notes()
				asked.Add(1)
				if n < seen {
					t.Errorf("a node has shown %d notes, and then %d", seen, n)
				}
				seen = n
			}
		})
	}
	for _, way := range []struct {
		name       string
		away, back func()
	}{
		{"cut from the writer", proxyA.Refuse, proxyA.Resume},
		{"cut from the reader", proxyB.Refuse, proxyB.Resume},
		{"silent for both", func() { proxyA.Blackhole(); proxyB.Blackhole() }, func() { proxyA.Resume(); proxyB.Resume() }},
		{"killed, and back with old contents", s.Kill, s.Run},
		{"there", func() {}, func() {}},
	} {
		var during, after time.Duration
		write := func(n int) (took time.Duration) {
			for range n {
				began := time.Now()
				a.add(way.name)
				if n := written.Add(1); int64(a.notes()) < n {
					t.Errorf("%s: who has written does not see it", way.name)
				}
				took += time.Since(began)
			}
			return took / time.Duration(n)
		}
		way.away()
		during = write(10)
		way.back()
		after = write(5)
		waits(t, "the other node has all of it", func() bool { return int64(b.notes()) == written.Load() })
		waits(t, "both are well again", func() bool { return a.Status(t.Context()).Redis.Up && b.Status(t.Context()).Redis.Up })
		write(5)
		waits(t, "the other node has all of it", func() bool { return int64(b.notes()) == written.Load() })
		t.Logf("%s: a write and a read took %s, then %s", way.name, during, after)
	}
	stop.Store(1)
	readers.Wait()

	proxyB.Refuse()
	waits(t, "it is said", func() bool {
		_, said := b.call("GET", "/ready", "")
		return strings.TrimSpace(said) == "ready, without redis"
	})
	if status, _ := b.call("GET", "/ready", ""); status != http.StatusOK {
		t.Errorf("a node without redis is not ready: %d", status)
	}
	if r := b.Status(t.Context()).Redis; r.Up || !r.Breaker || r.Error == "" || r.Kind != "single" {
		t.Errorf("status: %+v", r)
	}
	if status, _ := b.call("GET", "/few", ""); status != http.StatusOK { // it counts alone now
		t.Errorf("without redis a node does not count alone: %d", status)
	}
	if n := strings.Count(b.log.String(), "redis is away"); n < 1 || n > 20+int(asked.Load()/10) {
		t.Errorf("the log tells %d times that redis is away, for %d requests", n, asked.Load())
	}
}

// metrics are what is told of redis.
func (b *backend) metrics() string {
	b.t.Helper()
	sent, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://"+b.MetricsAddr().String()+"/metrics", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	_, text := b.do(sent)
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "edgehive_redis") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestRedisAtReload refuses what a running server cannot change.
func TestRedisAtReload(t *testing.T) {
	s := redistest.Start(t)
	t.Setenv(redisOfA, "redis://"+s.Address)
	t.Setenv(redisOfB, "redis://"+s.Address+"/1")
	measured := base + "\nobserve: metrics: listen: \"127.0.0.1:0\"\n"
	b := start(t, shares(measured, redisOfA, patiently))
	if got := b.metrics(); !strings.Contains(got, "edgehive_redis_up 1") || !strings.Contains(got, "edgehive_redis_breaker_open 0") {
		t.Errorf("metrics: %s", got)
	}
	b.want("GET", "/few", "", http.StatusOK, "ok")
	if got := b.metrics(); !strings.Contains(got, `edgehive_redis_requests_total{operation="rate",result="ok"} 1`) {
		t.Errorf("metrics: %s", got)
	}
	b.mustReload(shares(measured, redisOfA, "9s"))
	out := b.reload(shares(measured, redisOfB, "9s"))
	if len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "cannot change while the server runs") {
		t.Errorf("%+v", out)
	}
	if out := b.reload(measured); len(out.Faults) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestRedisThatRefuses(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "quiet")
	for url, want := range map[string]string{
		"redis://:loud@" + s.Address: "refuses the user or the password",
		"http://" + s.Address:        "redis://USER:PASSWORD@HOST:PORT/NUMBER",
		"":                           "cannot be read",
	} {
		t.Setenv(redisOfA, url)
		b := prepare(t, shares(base, redisOfA, patiently))
		f := oneFault(t, b.try())
		if !strings.Contains(f.Error(), want) || strings.Contains(f.Error(), "loud") || len(f.Positions) == 0 {
			t.Errorf("%q: %v at %v", url, f, f.Positions)
		}
	}
}
