package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// limit is how long a condition is waited for: it never decides, for it is far from
// what anything takes.
const limit = 60 * time.Second

// front is a real server before a proxy, as web is.
type front struct {
	*httptest.Server
	pools *proxy.Pools
	proxy *proxy.Proxy
	meter *meter

	mu   sync.Mutex
	errs []error
}

// meter counts by result.
type meter struct {
	mu      sync.Mutex
	results map[string]int // "server result"
	retries int
}

func (m *meter) ProxyRequest(_ string, server int, result string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results[fmt.Sprint(server, " ", result)]++
}

func (m *meter) ProxyRetry(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retries++
}

func (m *meter) retried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.retries
}

func (m *meter) count(server int, result string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[fmt.Sprint(server, " ", result)]
}

// declared is a proxy with the schema's defaults.
func declared(to ...string) *manifest.Proxy {
	return &manifest.Proxy{
		To: to, Balance: "leastLoaded", By: "ip", FailCount: 3, FailWithin: 10 * time.Second, FailPause: 10 * time.Second, Retries: 1,
		Connect: limit, Answer: limit, Credentials: true,
	}
}

const serviceKey = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"

func newFront(t testing.TB, d *manifest.Proxy, change ...func(*manifest.Route)) *front {
	t.Helper()
	m := &meter{results: map[string]int{}}
	f := &front{pools: proxy.NewPools(proxy.Options{Meter: m, Log: slog.New(slog.DiscardHandler)}), meter: m}
	route := &manifest.Route{Pattern: "/*", URLPath: "/*", Proxy: d}
	for _, c := range change {
		c(route)
	}
	var err error
	if f.proxy, err = proxy.New(f.pools, route); err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewUnstartedServer(f.handler(f.proxy))
	f.Config.Protocols = new(http.Protocols)
	f.Config.Protocols.SetHTTP1(true)
	f.Config.Protocols.SetUnencryptedHTTP2(true)
	f.Start()
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
		f.proxy.Close()
		f.pools.Close()
	})
	return f
}

func (f *front) handler(p *proxy.Proxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			panic(err)
		}
		began := &status{ResponseWriter: w}
		w.Header().Set("X-Request-Id", "id-1")
		w.Header().Set("Vary", "Origin")
		err = p.Serve(began, r, proxy.Origin{
			ID: "id-1", Client: peer.Addr(), Scheme: "http", Service: func(s string) bool { return s == serviceKey }, BodyTime: limit,
		})
		if err == nil {
			return
		}
		f.mu.Lock()
		f.errs = append(f.errs, err)
		f.mu.Unlock()
		if began.at.Load() != 0 {
			panic(http.ErrAbortHandler)
		}
		answer := fault.From(err)
		status := map[string]int{proxy.CodeBadGateway: 502, proxy.CodeNoServer: 503, proxy.CodeGatewayTimeout: 504, proxy.CodePath: 400, proxy.CodeRequest: 400}[answer.Code]
		if status == 0 {
			status = 500
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"code": answer.Code, "message": answer.Message, "hint": answer.Hint})
	})
}

// problems are what Serve has said.
func (f *front) problems() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.errs)
}

// status notes what was sent.
type status struct {
	http.ResponseWriter
	at atomic.Int32
}

func (s *status) WriteHeader(code int) {
	if code >= 200 {
		s.at.Store(int32(code))
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// client is one with connections of its own, which end with the test.
func client(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * limit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t testing.TB, c *http.Client, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	return send(t, c, http.MethodGet, url, nil, headers...)
}

func send(t testing.TB, c *http.Client, method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header[name] = append(r.Header[name], value)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v after %d bytes", method, url, err, len(text))
	}
	return res, string(text)
}

// until waits for a condition.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !met(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
