package web_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// proxied is a manifest whose /app/* is another server's.
func proxied(to string, change ...func(*manifest.Route)) *manifest.Manifest {
	m := plain()
	route := manifest.Route{
		Pattern: "/app/*", URLPath: "/app/*", Path: `routes."/app/*"`,
		Proxy: &manifest.Proxy{
			To: []string{to}, Balance: "leastLoaded", By: "ip", FailCount: 3, FailWithin: 10 * time.Second, FailPause: 10 * time.Second,
			Retries: 1, Connect: time.Minute, Answer: time.Minute, Credentials: true, Strip: "/app",
		},
	}
	for _, c := range change {
		c(&route)
	}
	m.Routes = []manifest.Route{route}
	return m
}

// listens serves a site on a port, as the engine does.
func listens(t testing.TB, s *site) string {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.Listener.Close()
	server.Listener = wire.NewListener(inner, wire.Bounds{Total: 100, PerAddress: 100})
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func behind(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

func asked(t testing.TB, method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// TestProxyRoute goes through the whole surface: what stands before a route stands
// before this one, and what is ours of an answer stays.
func TestProxyRoute(t *testing.T) {
	var seen *http.Request
	to := behind(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Clone(context.Background())
		w.Header().Set("Access-Control-Allow-Origin", "https://evil.example")
		w.Header().Set("X-Request-Id", "theirs")
		w.Header().Set("X-Content-Type-Options", "none")
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "from behind")
	})
	m := proxied(to)
	m.TrustedProxies = []string{"127.0.0.0/8"}
	s := newSite(t, m)
	url := listens(t, s)
	service := s.keys.ServiceJWT()
	res, body := asked(t, http.MethodGet, url+"/app/x?q=1&apikey="+service, nil, "Authorization: Bearer "+service, "Apikey: "+service,
		"X-Forwarded-For: 10.1.2.3, 203.0.113.9", "X-Forwarded-Proto: https", "X-Edge-User: root", "X_Edge_User: root", "Origin: https://app.example")
	if res.StatusCode != http.StatusOK || body != "from behind" || seen.RequestURI != "/x?q=1" {
		t.Errorf("%d %s; asked for %s", res.StatusCode, body, seen.RequestURI)
	}
	wantHeader(t, seen.Header, "X-Forwarded-For", "203.0.113.9")
	wantHeader(t, seen.Header, "X-Forwarded-Proto", "https")
	wantHeader(t, seen.Header, "X-Request-Id", res.Header.Get("X-Request-Id"))
	if dump := fmt.Sprint(seen.Header); strings.Contains(dump, service) || strings.Contains(dump, "root") || strings.Contains(dump, "10.1.2.3") {
		t.Errorf("the server got %s", dump)
	}
	wantHeader(t, res.Header, "Access-Control-Allow-Origin", "*")
	wantHeader(t, res.Header, "X-Content-Type-Options", "nosniff")
	if len(res.Header["X-Request-Id"]) != 1 || res.Header.Get("X-Request-Id") == "theirs" {
		t.Errorf("answer: %v", res.Header)
	}
	token := s.token(t, "0190d3a5-7b1e-7c3e-8000-000000000001")
	asked(t, http.MethodGet, url+"/app/x?key="+s.keys.AnonJWT(), nil, "Authorization: Bearer "+token)
	if seen.Header.Get("Authorization") != "Bearer "+token || !strings.Contains(seen.RequestURI, s.keys.AnonJWT()) {
		t.Errorf("what is the caller's own was not sent on: %s %v", seen.RequestURI, seen.Header)
	}
	for _, path := range []string{"/app/../x", "/app//x", "/app/%2e%2e/x", "/app/a%2fb", "/app/a\\b"} {
		seen = nil
		if res, _ := asked(t, http.MethodGet, url+"/", nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%d", res.StatusCode)
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path)
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400") || seen != nil {
			t.Errorf("%s: %.30q, the server was asked: %v", path, answer, seen != nil)
		}
	}
}

// TestProxyOfAnyMethod has a server for calendars behind a route: what HTTP did not
// name itself is sent on as well, with its body, and never past a guard.
func TestProxyOfAnyMethod(t *testing.T) {
	to := behind(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusMultiStatus)
		fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", string(body))
	})
	m := proxied(to)
	closed, named := m.Routes[0], m.Routes[0]
	closed.Pattern, closed.URLPath, closed.Use = "/closed/*", "/closed/*", []string{"nobody"}
	m.Middleware = []manifest.Middleware{{Name: "nobody", IP: &manifest.IPRule{Deny: []string{"0.0.0.0/0", "::/0"}}}}
	named.Pattern, named.URLPath, named.Method = "POST /named", "/named", http.MethodPost
	m.Routes = append(m.Routes, closed, named, words(manifest.Route{Pattern: "/words", URLPath: "/words"}, "hello"))
	url := listens(t, newSite(t, m))
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"PROPFIND", "/app/calendars", http.StatusMultiStatus, "PROPFIND /calendars <propfind/>"},
		{"REPORT", "/app/x", http.StatusMultiStatus, "REPORT /x <propfind/>"},
		{"X-OF-OUR-OWN", "/app/x", http.StatusMultiStatus, "X-OF-OUR-OWN /x <propfind/>"},
		{"PROPFIND", "/closed/x", http.StatusForbidden, "address-not-allowed"},
		{"PROPFIND", "/named", http.StatusMethodNotAllowed, "POST"},
		{"PROPFIND", "/nowhere", http.StatusNotFound, "not-found"},
		{"PROPFIND", "/health", http.StatusMethodNotAllowed, ""},
		{"PROPFIND", "/api/data/books", http.StatusMethodNotAllowed, ""},
		{"TRACE", "/app/x", http.StatusMethodNotAllowed, ""},
	} {
		var body io.Reader = strings.NewReader("<propfind/>")
		if c.method == http.MethodTrace {
			body = nil
		}
		res, text := asked(t, c.method, url+c.path, body)
		if res.StatusCode != c.status || !strings.Contains(text+res.Header.Get("Allow"), c.body) {
			t.Errorf("%s %s: %d %s", c.method, c.path, res.StatusCode, text)
		}
	}
}

func TestProxyBodies(t *testing.T) {
	to := behind(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, r.Header.Get("Content-Encoding"), err)
	})
	s := newSite(t, proxied(to, func(r *manifest.Route) { r.Body = 1000 }))
	url := listens(t, s)
	for _, c := range []struct {
		body   io.Reader
		status int
		want   string
	}{
		{strings.NewReader(strings.Repeat("x", 1000)), 200, "1000gzip"},
		{strings.NewReader(strings.Repeat("x", 1001)), 413, "too-large"},
		{struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 5000))}, 413, "too-large"},
	} {
		// What a body is encoded with is for the server behind to know.
		res, body := asked(t, http.MethodPost, url+"/app/up", c.body, "Content-Encoding: gzip")
		if res.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%d %s, want %d %s", res.StatusCode, body, c.status, c.want)
		}
	}
	s.SetBodyTime(50 * time.Millisecond)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /app/up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%v %v", res, err)
	}
}

func TestProxyFaults(t *testing.T) {
	wait := behind(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	nobody := porttest.Free(t).Address()
	for _, c := range []struct {
		to     string
		change func(*manifest.Route)
		status int
		code   string
	}{
		{"http://" + nobody, func(*manifest.Route) {}, 502, "bad-gateway"},
		{wait, func(r *manifest.Route) { r.Proxy.Answer = 50 * time.Millisecond }, 504, "gateway-timeout"},
		{wait, func(r *manifest.Route) { r.Timeout = 50 * time.Millisecond }, 504, "gateway-timeout"},
	} {
		s := newSite(t, proxied(c.to, c.change))
		res, body := asked(t, http.MethodGet, listens(t, s)+"/app/x", nil)
		if res.StatusCode != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) || strings.Contains(body, "127.0.0.1") {
			t.Errorf("%d %s, want %d %s", res.StatusCode, body, c.status, c.code)
		}
		if log := s.log.String(); !strings.Contains(log, "cause=") {
			t.Errorf("the log does not say why: %s", log)
		}
	}
	s := newSite(t, proxied("http://"+nobody, func(r *manifest.Route) {
		r.Proxy.Health = &manifest.Health{URLPath: "/", Interval: time.Millisecond, Timeout: time.Second, Passes: 1, Fails: 1}
	}))
	url := listens(t, s)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		res, body := asked(t, http.MethodGet, url+"/app/x", nil)
		if res.StatusCode == http.StatusServiceUnavailable && strings.Contains(body, "no-server") && res.Header.Get("Retry-After") != "" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
}

// TestProxyCallerLeaves: nobody is answered, and the log says so.
func TestProxyCallerLeaves(t *testing.T) {
	began := make(chan struct{}, 1)
	to := behind(t, func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
	})
	s := newSite(t, proxied(to))
	conn, err := net.Dial("tcp", strings.TrimPrefix(listens(t, s), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /app/x HTTP/1.1\r\nHost: a\r\n\r\n")
	<-began
	conn.Close()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.log.String(), "status=499"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(s.log.String())
		}
	}
}

// TestProxyStreams goes through compression and the listener's bounds: a WebSocket,
// and events of which each waits until the one before was read.
func TestProxyStreams(t *testing.T) {
	next := make(chan struct{})
	to := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
				<-next
			}
			return
		}
		upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			_ = conn.WriteMessage(kind, message)
		}
	})
	m := proxied(to, func(r *manifest.Route) { r.Timeout = time.Minute })
	m.Server.Compress = &manifest.Compress{Encodings: []string{manifest.Gzip}, Min: 1 << 10}
	s := newSite(t, m)
	url := listens(t, s)
	for _, coding := range []string{"", "gzip"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/app/events", nil)
		r.Header.Set("Accept-Encoding", coding)
		transport := &http.Transport{DisableCompression: true}
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(res.Body)
		if res.Header.Get("Content-Encoding") == "gzip" {
			if body, err = gzip.NewReader(res.Body); err != nil {
				t.Fatal(err)
			}
		}
		in := bufio.NewReader(body)
		for i := range 3 {
			line, err := in.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("%q %v", line, err)
			}
			_, _ = in.ReadString('\n')
			next <- struct{}{}
		}
		res.Body.Close()
		transport.CloseIdleConnections()
	}
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/app/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("X-Request-Id") == "" {
		t.Errorf("%v", res.Header)
	}
	_ = conn.WriteMessage(websocket.TextMessage, []byte("hello"))
	if _, message, err := conn.ReadMessage(); err != nil || string(message) != "hello" {
		t.Errorf("%q %v", message, err)
	}
	conn.Close()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.log.String(), "status=101"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(s.log.String())
		}
	}
}

// TestProxyThatCannotBeBuilt has a place in the manifest.
func TestProxyThatCannotBeBuilt(t *testing.T) {
	m := proxied("https://127.0.0.1:1", func(r *manifest.Route) { r.Proxy.Roots = "/nonexistent/ca.pem" })
	s := &gate{}
	_, err := web.New(web.Options{Manifest: m, Gate: s, Callers: newKeys(t)})
	if err == nil || !strings.Contains(err.Error(), `routes."/app/*"`) {
		t.Errorf("%v", err)
	}
}
