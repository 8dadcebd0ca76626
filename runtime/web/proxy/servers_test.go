package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

// named is a server that answers with its name and counts.
type named struct {
	*httptest.Server
	asked atomic.Int64
	sick  atomic.Bool
	wait  chan struct{} // nil: it answers at once
}

func newNamed(t testing.TB, name string) *named {
	n := &named{}
	n.Server = serve(t, n.answer(name))
	return n
}

// newLeaving is one that a test may close: nobody else gets its port while the test
// asks for it.
func newLeaving(t testing.TB, name string) *named {
	t.Helper()
	n := &named{}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", porttest.Free(t).Address())
	if err != nil {
		t.Fatal(err)
	}
	n.Server = httptest.NewUnstartedServer(n.answer(name))
	_ = n.Listener.Close()
	n.Listener = l
	n.Start()
	t.Cleanup(n.leave)
	return n
}

func (n *named) leave() {
	n.CloseClientConnections()
	n.Close()
}

func (n *named) answer(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			if n.sick.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return
		}
		n.asked.Add(1)
		if n.wait != nil {
			select {
			case <-n.wait:
			case <-r.Context().Done():
			}
		}
		fmt.Fprint(w, name)
	}
}

func newThree(t testing.TB) ([]*named, []string) {
	var servers []*named
	var to []string
	for _, name := range []string{"a", "b", "c"} {
		s := newNamed(t, name)
		servers, to = append(servers, s), append(to, s.URL)
	}
	return servers, to
}

func TestRoundRobinAndRandom(t *testing.T) {
	for _, balance := range []string{"roundRobin", "random", "leastLoaded"} {
		servers, to := newThree(t)
		d := declared(to...)
		d.Balance = balance
		f := newFront(t, d)
		c := client(t)
		for range 300 {
			get(t, c, f.URL)
		}
		for i, s := range servers {
			n := s.asked.Load()
			if balance == "roundRobin" && n != 100 || n < 50 || n > 150 {
				t.Errorf("%s: server %d was asked %d times of 300", balance, i, n)
			}
		}
	}
}

// TestLeastLoaded keeps away from a server that is busy.
func TestLeastLoaded(t *testing.T) {
	servers, to := newThree(t)
	servers[1].wait = make(chan struct{})
	f := newFront(t, declared(to...))
	c := client(t)
	var busy sync.WaitGroup
	for servers[1].asked.Load() == 0 { // until one is stuck there
		busy.Go(func() {
			if res, err := c.Get(f.URL); err == nil {
				res.Body.Close()
			}
		})
		time.Sleep(time.Millisecond)
	}
	until(t, "only the stuck one is left", func() bool {
		n := 0
		for _, s := range f.pools.Status()[0].Servers {
			n += s.Running
		}
		return n == int(servers[1].asked.Load())
	})
	stuck := servers[1].asked.Load()
	for range 20 {
		if _, body := get(t, c, f.URL); body == "b" {
			t.Fatal("the busy server was asked")
		}
	}
	if servers[1].asked.Load() != stuck {
		t.Error("the busy server was asked")
	}
	close(servers[1].wait)
	busy.Wait()
}

// TestHashKeepsItsServer: the same value goes to the same server, and when one leaves
// the others' values stay where they are.
func TestHashKeepsItsServer(t *testing.T) {
	for by, header := range map[string]string{"header:x-user": "X-User: %d", "cookie:session": "Cookie: other=1; session=%d", "path": ""} {
		_, to := newThree(t)
		d := declared(to...)
		d.Balance, d.By = "hash", by
		f := newFront(t, d)
		c := client(t)
		ask := func(f *front, i int) string {
			if header == "" {
				_, body := get(t, c, fmt.Sprintf("%s/%d", f.URL, i))
				return body
			}
			_, body := get(t, c, f.URL, fmt.Sprintf(header, i))
			return body
		}
		where, spread := map[int]string{}, map[string]int{}
		for i := range 90 {
			where[i] = ask(f, i)
			spread[where[i]]++
			if again := ask(f, i); again != where[i] {
				t.Fatalf("%s: %d went to %s, then to %s", by, i, where[i], again)
			}
		}
		if len(spread) != 3 || min(spread["a"], spread["b"], spread["c"]) < 5 { // by chance: the ports are
			t.Errorf("%s: spread %v", by, spread)
		}
		d = declared(to[0], to[2])
		d.Balance, d.By = "hash", by
		f = newFront(t, d)
		for i := range 90 {
			if now := ask(f, i); where[i] != "b" && now != where[i] {
				t.Errorf("%s: %d moved from %s to %s, which both stayed", by, i, where[i], now)
			}
		}
	}
	_, to := newThree(t)
	d := declared(to...)
	d.Balance = "hash"
	f := newFront(t, d)
	_, first := get(t, client(t), f.URL)
	for range 10 {
		if _, body := get(t, client(t), f.URL); body != first {
			t.Errorf("one address went to %s and to %s", first, body)
		}
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	return "http://" + porttest.Free(t).Address()
}

// TestRetries tries again what cannot have been done, and nothing else.
func TestRetries(t *testing.T) {
	var dropped atomic.Int64
	drops := raw(t, func(conn net.Conn) { // takes the request, says nothing
		dropped.Add(1)
		buffer := make([]byte, 1)
		_, _ = conn.Read(buffer)
	})
	well := newNamed(t, "well")
	sick := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	for _, c := range []struct {
		name, first, method, body string
		retries, want             int
	}{
		{"GET, nobody listens", closedPort(t), "GET", "", 1, 200},
		{"POST, nobody listens", closedPort(t), "POST", "body", 1, 200},
		{"POST, nobody listens, without retries", closedPort(t), "POST", "body", 0, 502},
		{"GET, dropped", "http://" + drops, "GET", "", 1, 200},
		{"OPTIONS, dropped", "http://" + drops, "OPTIONS", "", 1, 200},
		{"GET with a body, dropped", "http://" + drops, "GET", "body", 1, 502},
		{"POST, dropped", "http://" + drops, "POST", "", 1, 502},
		{"DELETE, dropped", "http://" + drops, "DELETE", "", 1, 502},
		{"GET, answered badly", sick.URL, "GET", "", 1, 500},
	} {
		d := declared(c.first, well.URL)
		d.Balance, d.FailCount, d.Retries = "roundRobin", 0, c.retries
		f := newFront(t, d)
		seen := map[int]int{}
		for range 2 { // each of the two is first once
			var body io.Reader
			if c.body != "" {
				body = strings.NewReader(c.body)
			}
			res, _ := send(t, client(t), c.method, f.URL, body)
			seen[res.StatusCode]++
		}
		if c.want == 200 && seen[200] != 2 || c.want != 200 && (seen[200] != 1 || seen[c.want] != 1) {
			t.Errorf("%s: %v, want %d", c.name, seen, c.want)
		}
		if tried := c.want == 200; tried != (f.meter.retried() == 1) {
			t.Errorf("%s: %d retries", c.name, f.meter.retried())
		}
	}
	if dropped.Load() == 0 {
		t.Error("the server that drops was never asked")
	}
}

// TestFailuresLeaveAServerAlone: after enough of them it is not asked for a while,
// unless there is no other.
func TestFailuresLeaveAServerAlone(t *testing.T) {
	var asked atomic.Int64
	drops := raw(t, func(conn net.Conn) {
		asked.Add(1)
		_, _ = conn.Read(make([]byte, 1))
	})
	well := newLeaving(t, "well")
	d := declared("http://"+drops, well.URL)
	d.Balance, d.FailPause, d.FailWithin = "roundRobin", time.Hour, time.Hour
	f := newFront(t, d)
	for range 20 {
		if res, _ := get(t, client(t), f.URL); res.StatusCode != http.StatusOK {
			t.Fatalf("%d", res.StatusCode)
		}
	}
	if asked.Load() != 3 || f.meter.count(0, proxy.ResultUnreachable) != 3 {
		t.Errorf("the failing server was asked %d times, want 3", asked.Load())
	}
	if s := f.pools.Status()[0].Servers; s[0].Healthy || !s[1].Healthy || s[0].Why != "left alone" || s[1].Address != well.URL {
		t.Errorf("%+v", s)
	}
	well.leave()
	for range 5 { // the other is gone as well: then it is asked all the same
		get(t, client(t), f.URL)
	}
	if asked.Load() == 3 {
		t.Error("the only server that is left was not asked")
	}
}

// TestCallersCannotMakeAServerIll: what callers do wrong is not the servers'.
func TestCallersCannotMakeAServerIll(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})
	d := declared(s.URL)
	d.FailCount, d.FailPause = 1, time.Hour
	f := newFront(t, d)
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nshort",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: \x01\r\n\r\n",
	} {
		conn := dial(t, f.Listener.Addr().String())
		fmt.Fprint(conn, request)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.ReadAll(conn)
	}
	if s := f.pools.Status()[0].Servers[0]; !s.Healthy {
		t.Errorf("%+v", s)
	}
}

func healthy() *manifest.Health {
	return &manifest.Health{URLPath: "/health", Interval: 5 * time.Millisecond, Timeout: limit, Passes: 2, Fails: 2}
}

// TestHealth takes an ill server out and back in; when all are, there is none.
func TestHealth(t *testing.T) {
	servers, to := newThree(t)
	d := declared(to...)
	d.Balance, d.Health, d.Host = "roundRobin", healthy(), "app.internal"
	f := newFront(t, d)
	wells := func() int {
		n := 0
		for _, s := range f.pools.Status()[0].Servers {
			if s.Healthy {
				n++
			}
		}
		return n
	}
	servers[0].sick.Store(true)
	until(t, "one is ill", func() bool { return wells() == 2 })
	asked := servers[0].asked.Load()
	for range 10 {
		get(t, client(t), f.URL)
	}
	if servers[0].asked.Load() != asked {
		t.Error("an ill server was asked")
	}
	for _, s := range servers {
		s.sick.Store(true)
	}
	until(t, "all are ill", func() bool { return wells() == 0 })
	if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, proxy.CodeNoServer) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	servers[2].sick.Store(false)
	until(t, "one is well again", func() bool { return wells() == 1 })
	if _, body := get(t, client(t), f.URL); body != "c" {
		t.Errorf("%q answered", body)
	}
}

// TestPoolsAreShared: health and connections are those of the generation before,
// where servers are declared alike.
func TestPoolsAreShared(t *testing.T) {
	var connections atomic.Int64
	var health atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			health.Add(1)
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	f := newFront(t, declared(s.URL))
	for range 5 {
		get(t, client(t), f.URL)
		d := declared(s.URL)
		d.Strip, d.Retries = "/x", 2 // nothing of this is the servers'
		next, err := proxy.New(f.pools, &manifest.Route{Pattern: "/*", URLPath: "/*", Proxy: d})
		if err != nil {
			t.Fatal(err)
		}
		f.proxy.Close()
		f.proxy = next
		f.Config.Handler = f.handler(next)
	}
	// One that the client is not done with as its answer comes is not used again.
	if n := connections.Load(); n > 2 {
		t.Errorf("%d connections of five generations, want one", n)
	}
	asked := declared(s.URL)
	asked.Health = healthy()
	next, err := proxy.New(f.pools, &manifest.Route{Pattern: "/*", URLPath: "/*", Proxy: asked})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the server is asked", func() bool { return health.Load() > 3 })
	next.Close()
	until(t, "a server that nobody uses is not asked any more", func() bool { // but for what was on its way
		last := health.Load()
		time.Sleep(30 * time.Millisecond)
		return health.Load() == last
	})
	s.CloseClientConnections()
}
