package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/porttest"
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

// TestHeadersThatServersSee holds what a server learns of a caller against what the
// caller claims, in all spellings.
func TestHeadersThatServersSee(t *testing.T) {
	var seen http.Header
	var host string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen, host = r.Header.Clone(), r.Host })
	f := newFront(t, declared(s.URL))
	get(t, client(t), f.URL+"/", "Host: www.example.com",
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /x",
		"Forwarded: for=6.6.6.6", "X-Real-Ip: 6.6.6.6", "X-Client-Ip: 6.6.6.6", "True-Client-Ip: 6.6.6.6", "X-Original-Url: /admin", "X-Rewrite-Url: /admin",
		"X_Forwarded_For: 6.6.6.6", "X_Real_Ip: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "Remote_User: root", "X.Forwarded.For: 6.6.6.6", "Proxy: http://evil.example",
		"Connection: close, X-Drop, X-Forwarded-For, X-Real-Ip", "X-Drop: 1", "Keep-Alive: 1", "Te: gzip", "Proxy-Authorization: Basic x",
		"X-Request-Id: forged", "X-Kept: yes", "Accept-Encoding: br", "Cookie: a=1", "Authorization: Basic YTpi")
	want := map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Host": "www.example.com", "X-Forwarded-Proto": "http",
		"X-Request-Id": "id-1", "X-Kept": "yes", "Accept-Encoding": "br", "Cookie": "a=1", "Authorization": "Basic YTpi", "User-Agent": "Go-http-client/1.1",
	}
	for name, values := range seen {
		if len(values) != 1 || values[0] != want[name] {
			t.Errorf("%s: %q, want %q", name, values, want[name])
		}
	}
	if len(seen) != len(want) || host != "www.example.com" {
		t.Errorf("%d headers, want %d; host %q", len(seen), len(want), host)
	}
}

func TestHeaderRules(t *testing.T) {
	var seen http.Header
	var host string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen, host = r.Header.Clone(), r.Host
		w.Header().Set("X-Inner", "1")
		w.Header().Set("Cache-Control", "public")
		w.Header().Add("Link", "a")
	})
	d := declared(s.URL)
	d.Host, d.Credentials = "legacy.internal", false
	d.Request = manifest.Headers{
		Remove: []string{"x-kept"}, Set: []manifest.Setting{{Name: "x-user", Value: "{client} at {host} {id} {else}"}, {Name: "X-Fixed", Value: "f"}},
		Add: []manifest.Setting{{Name: "Accept", Value: "b"}},
	}
	d.Response = manifest.Headers{Remove: []string{"X-Inner"}, Set: []manifest.Setting{{Name: "Cache-Control", Value: "no-store"}}, Add: []manifest.Setting{{Name: "Link", Value: "b"}}}
	f := newFront(t, d)
	for range 2 { // what was added once is not added to the rule
		res, _ := get(t, client(t), f.URL+"/", "Host: www.example.com", "X-Kept: 1", "X-User: root", "X_User: root", "Accept: a", "Cookie: a=1", "Authorization: Bearer x", "Apikey: k")
		if got := seen["X-User"]; !slices.Equal(got, []string{"127.0.0.1 at www.example.com id-1 {else}"}) {
			t.Errorf("X-User %q", got)
		}
		if !slices.Equal(seen["Accept"], []string{"a", "b"}) || seen["X-Kept"] != nil || seen["X_user"] != nil || host != "legacy.internal" || seen.Get("X-Forwarded-Host") != "www.example.com" {
			t.Errorf("host %s, headers %v", host, seen)
		}
		if seen["Cookie"] != nil || seen["Authorization"] != nil || seen["Apikey"] != nil {
			t.Errorf("credentials: %v", seen)
		}
		if res.Header["X-Inner"] != nil || res.Header.Get("Cache-Control") != "no-store" || !slices.Equal(res.Header["Link"], []string{"a", "b"}) {
			t.Errorf("answer: %v", res.Header)
		}
	}
}

// TestServiceKeyIsWithheld looks for the master key in all that reaches a server.
func TestServiceKeyIsWithheld(t *testing.T) {
	var dump string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { dump = fmt.Sprint(r.RequestURI, r.Header) })
	f := newFront(t, declared(s.URL))
	escaped := strings.ReplaceAll(serviceKey, "e", "%65")
	for _, c := range []struct{ query, header, keeps string }{
		{"", "Authorization: Bearer " + serviceKey, ""},
		{"", "Authorization: bearer   " + serviceKey, ""},
		{"", "Apikey: " + serviceKey, ""},
		{"", "X-Api-Key: " + serviceKey, ""},
		{"", "Cookie: a=1; token=" + serviceKey, ""},
		{"", "Sec-Websocket-Protocol: chat, " + serviceKey, ""},
		{"?a=1&apikey=" + serviceKey + "&b=2", "", "a=1&b=2"},
		{"?a=1;apikey=" + serviceKey + "&b=%zz", "", "a=1&b=%zz"},
		{"?apikey=" + escaped, "", ""},
		{"?token=Bearer+" + serviceKey, "", ""},
	} {
		headers := []string{"X-Other: 1"}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		get(t, client(t), f.URL+"/x"+c.query, headers...)
		if strings.Contains(dump, "c2lnbmF0dXJl") || strings.Contains(dump, escaped) || !strings.Contains(dump, c.keeps) || !strings.Contains(dump, "X-Other") {
			t.Errorf("%s %s: the server got %s", c.query, c.header, dump)
		}
	}
	get(t, client(t), f.URL+"/x?q=eyJ&r=a.b.c;d&&e", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.eA")
	if !strings.Contains(dump, "/x?q=eyJ&r=a.b.c;d&&e") || !strings.Contains(dump, "eyJhbGciOiJIUzI1NiJ9.e30.eA") {
		t.Errorf("others' tokens are handed on, and a query as it is: %s", dump)
	}
}

// TestAnswers holds what a server may say of an answer against what is ours.
func TestAnswers(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Request-Id", "theirs")
		h.Set("Server", "secret/1.2")
		h.Set("X-Powered-By", "secret")
		h.Set("Alt-Svc", `h3=":1"`)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Vary", "Accept")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("Keep-Alive", "timeout=1")
		h.Set("X-App", "1")
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		h["Content-Type"] = nil
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "<html>")
	})
	f := newFront(t, declared(s.URL))
	res, body := get(t, client(t), f.URL+"/")
	if res.StatusCode != http.StatusTeapot || body != "<html>" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	for name, want := range map[string][]string{
		"X-Request-Id": {"id-1"}, "Server": nil, "X-Powered-By": nil, "Alt-Svc": nil, "Access-Control-Allow-Origin": nil, "Access-Control-Allow-Credentials": nil,
		"Vary": {"Origin", "Accept"}, "X-Hop": nil, "Keep-Alive": nil, "X-App": {"1"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": nil, "Content-Length": {"6"},
	} {
		if got := res.Header[name]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestServersOwnAddressIsTakenOut(t *testing.T) {
	var location string
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	})
	d := declared(s.URL)
	d.Strip, d.Host = "/legacy", "legacy.internal"
	f := newFront(t, d)
	for from, want := range map[string]string{
		s.URL + "/in?a=1#b":               "/legacy/in?a=1#b",
		s.URL:                             "/legacy/",
		s.URL + "//evil.example/x":        "/legacy/evil.example/x",
		"http://legacy.internal/login":    "/legacy/login",
		"https://other.example/x":         "https://other.example/x",
		"/relative":                       "/relative",
		"https://www.example.com/already": "https://www.example.com/already",
	} {
		location = from
		res, _ := get(t, client(t), f.URL+"/legacy/x", "Host: www.example.com")
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%s becomes %s, want %s", from, got, want)
		}
	}
}

func TestPaths(t *testing.T) {
	var asked string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked = r.RequestURI })
	for _, c := range []struct{ pattern, strip, rewrite, request, want string }{
		{"/*", "", "", "/a/b?q=1", "/a/b?q=1"},
		{"/*", "", "", "/a%20b/%E2%82%AC%25", "/a%20b/%E2%82%AC%25"},
		{"/*", "", "", "/a/..%3Bx/b%2Cc", "/a/..%3Bx/b%2Cc"}, // some servers take ..; for ..
		{"/*", "", "", "/a%3Fb%23c", "/a%3Fb%23c"},
		{"/legacy/*", "/legacy", "", "/legacy/a", "/a"},
		{"/legacy/*", "/legacy/", "", "/legacy/", "/"},
		{"/legacy*", "/legacy", "", "/legacyx", "/legacyx"},
		{"/v1/users/{id}", "", "/people/{id}", "/v1/users/7?x=1", "/people/7?x=1"},
		{"/v1/users/{id}", "", "/people/{id}/all", "/v1/users/a%20b%3F", "/people/a%20b%3F/all"},
		{"/files/*", "", "/store/{*}", "/files/a/b", "/store/a/b"},
		{"/files/*", "", "/store/{*}/end", "/files/", "/store/end"},
		{"/v/{a}/{b}", "", "/{b}-{a}", "/v/1/2", "/2-1"},
		{"/v/{a}", "", "/.{a}", "/v/%2E", ""},
	} {
		asked = ""
		d := declared(s.URL)
		d.Strip, d.Rewrite = c.strip, c.rewrite
		f := newFront(t, d, func(r *manifest.Route) { r.URLPath = c.pattern })
		// The surface fills in what a route's pattern finds.
		inner := f.Config.Handler
		f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fillParameters(r, c.pattern)
			r.URL.RawPath = ""
			inner.ServeHTTP(w, r)
		})
		res, _ := get(t, client(t), f.URL+c.request)
		if asked != c.want || (c.want == "") != (res.StatusCode == http.StatusBadRequest) {
			t.Errorf("%s of %s (strip %q, path %q): %d, the server was asked for %q, want %q", c.request, c.pattern, c.strip, c.rewrite, res.StatusCode, asked, c.want)
		}
	}
}

func fillParameters(r *http.Request, pattern string) {
	have := strings.Split(r.URL.Path, "/")
	for i, segment := range strings.Split(pattern, "/") {
		switch {
		case segment == "*":
			r.SetPathValue("*", strings.Join(have[i:], "/"))
		case strings.HasPrefix(segment, "{"):
			r.SetPathValue(strings.Trim(segment, "{}"), have[i])
		}
	}
}

// TestInformational proves that hints come before the answer, with headers of their
// own, and leave ours.
func TestInformational(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Link", "</b.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		fmt.Fprint(w, "done")
	})
	f := newFront(t, declared(s.URL))
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h["Link"], h["Access-Control-Allow-Origin"], h["X-Request-Id"]))
		return nil
	}}
	r, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, f.URL, nil)
	res, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if want := []string{"103 [</a.css>; rel=preload] [] []", "103 [</b.css>; rel=preload] [] []"}; !slices.Equal(hints, want) {
		t.Errorf("hints %q, want %q", hints, want)
	}
	if res.Header["Link"] != nil || res.Header.Get("X-Request-Id") != "id-1" || res.Header.Get("Vary") != "Origin" {
		t.Errorf("answer: %v", res.Header)
	}
}

func TestHead(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "12345")
		w.Header().Set("Content-Type", "text/plain")
	})
	f := newFront(t, declared(s.URL))
	res, body := send(t, client(t), http.MethodHead, f.URL, nil)
	if res.ContentLength != 12345 || body != "" || res.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d %v %q", res.ContentLength, res.Header, body)
	}
}

// TestExpectContinue proves that a body that a server does not want is not asked for.
func TestExpectContinue(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusExpectationFailed)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	f := newFront(t, declared(s.URL))
	ask := func(path string) (conn net.Conn, in *bufio.Reader, line string) {
		t.Helper()
		conn = dial(t, f.Listener.Addr().String())
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", path)
		in = bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return conn, in, line
	}
	for path, want := range map[string]string{"/no": "HTTP/1.1 417", "/yes": "HTTP/1.1 100"} {
		conn, in, line := ask(path)
		for tries := 0; path == "/no" && !strings.HasPrefix(line, want) && tries < 20; tries++ {
			conn, in, line = ask(path) // a server that says nothing for a second gets the body all the same
		}
		if !strings.HasPrefix(line, want) {
			t.Fatalf("%s: %q, want %s", path, line, want)
		}
		if path == "/yes" {
			fmt.Fprint(conn, "12345")
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := io.ReadAll(res.Body); string(text) != "5" {
				t.Errorf("the server read %q", text)
			}
		}
	}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return conn
}

// TestTrailers go both ways; a request's cannot say what its headers may not.
func TestTrailers(t *testing.T) {
	var seen http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Access-Control-Allow-Origin")
		_, _ = io.Copy(w, r.Body)
		seen = r.Trailer.Clone()
		w.Header().Set("X-Sum", "42")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		w.Header().Set(http.TrailerPrefix+"X-Request-Id", "theirs")
	})
	f := newFront(t, declared(s.URL))
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, struct{ io.Reader }{strings.NewReader("body")})
	r.Trailer = http.Header{"X-Up": {"1"}, "X-Forwarded-For": {"6.6.6.6"}, "X_real_ip": {"6.6.6.6"}}
	res, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen.Get("X-Up") != "1" {
		t.Errorf("the server got %v", seen)
	}
	if len(res.Trailer) != 2 || res.Trailer.Get("X-Sum") != "42" || res.Trailer.Get("X-Late") != "yes" {
		t.Errorf("the client got %v", res.Trailer)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no Unix sockets here: ", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://localhost/here")
		fmt.Fprint(w, r.Host, r.RequestURI)
	})}}
	s.Start()
	defer s.Close()
	f := newFront(t, declared("unix:"+path))
	res, body := get(t, client(t), f.URL+"/x", "Host: www.example.com")
	if body != "www.example.com/x" || res.Header.Get("Location") != "/here" {
		t.Errorf("%q %v", body, res.Header)
	}
}

func TestFaults(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		nobody := porttest.Free(t).Address()
		f := newFront(t, declared("http://"+nobody))
		res, body := get(t, client(t), f.URL)
		if res.StatusCode != http.StatusBadGateway || strings.Contains(body, nobody) || strings.Contains(body, "127.0.0.1") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		address := raw(t, func(conn net.Conn) {
			_, _ = bufio.NewReader(conn).ReadString('\n')
			fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2\r\n\r\n\x00\x01")
		})
		f := newFront(t, declared("http://"+address))
		if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "SSH") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
	t.Run("endless headers", func(t *testing.T) {
		address := raw(t, func(conn net.Conn) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n")
			for range 1 << 20 {
				if _, err := fmt.Fprint(conn, "X-Filler: ", strings.Repeat("x", 1000), "\r\n"); err != nil {
					return
				}
			}
		})
		f := newFront(t, declared("http://"+address))
		if res, _ := get(t, client(t), f.URL); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		gone := make(chan struct{})
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(gone)
		})
		d := declared(s.URL)
		d.Answer = 50 * time.Millisecond
		f := newFront(t, d)
		if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, proxy.CodeGatewayTimeout) {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		<-gone
		until(t, "it is counted", func() bool { return f.meter.count(0, proxy.ResultTimeout) == 1 })
	})
	t.Run("dies in the middle", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, "the beginning")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		f := newFront(t, declared(s.URL))
		res, err := client(t).Get(f.URL)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Error("half an answer was taken for whole")
		}
		until(t, "the answer is counted", func() bool { return f.meter.count(0, proxy.ResultBroken) == 1 })
	})
	t.Run("the caller leaves", func(t *testing.T) {
		began, ended := make(chan struct{}), make(chan struct{})
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
			close(ended)
		})
		f := newFront(t, declared(s.URL))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-began
			cancel()
		}()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
		if res, err := client(t).Do(r); err == nil {
			res.Body.Close()
			t.Error("an answer")
		}
		<-ended
		until(t, "it is said", func() bool { return len(f.problems()) == 1 })
		if !errors.Is(f.problems()[0], proxy.ErrGone) || f.meter.count(0, proxy.ResultCaller) != 1 {
			t.Errorf("%v %v", f.problems(), f.meter.results)
		}
	})
	t.Run("bad protocol", func(t *testing.T) {
		s := serve(t, func(http.ResponseWriter, *http.Request) {})
		f := newFront(t, declared(s.URL))
		if res, _ := get(t, client(t), f.URL, "Connection: Upgrade", "Upgrade: \xff"); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

// raw is a server that speaks bytes.
func raw(t testing.TB, speak func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				speak(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

// TestHTTPS trusts who is declared to be trusted, and shows a certificate where one
// is declared.
func TestHTTPS(t *testing.T) {
	var shown atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(int64(len(r.TLS.PeerCertificates)))
		fmt.Fprint(w, r.Proto, r.Host)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	save := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	d := declared(s.URL)
	f := newFront(t, d)
	if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "x509") {
		t.Errorf("without trust: %d %s", res.StatusCode, body)
	}
	d = declared(s.URL)
	d.Roots = save("ca.pem", "CERTIFICATE", pair.Certificate[0])
	d.Certificate = &manifest.CertificateFiles{Cert: save("cert.pem", "CERTIFICATE", pair.Certificate[0]), Key: save("key.pem", "PRIVATE KEY", key)}
	f = newFront(t, d)
	if res, body := get(t, client(t), f.URL, "Host: www.example.com"); res.StatusCode != http.StatusOK || body != "HTTP/2.0www.example.com" || shown.Load() != 1 {
		t.Errorf("%d %s, %d certificates shown", res.StatusCode, body, shown.Load())
	}
}
