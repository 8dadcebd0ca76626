package outbound_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// strangers is an internet of tests: every name of example.com is a server here,
// on an address that counts as public.
type strangers struct {
	*outbound.Client
	port string
}

// public is the address of the strangers; the rest of loopback stays special.
var public = netip.MustParseAddr("127.0.0.2")

func special(a netip.Addr) string {
	if a == public {
		return ""
	}
	return outbound.Special(a)
}

func serve(t *testing.T, at string, tlsServer bool, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	_ = s.Listener.Close()
	s.Listener, s.Config.ErrorLog = listener, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if tlsServer {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func portOf(s *httptest.Server) string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

func trusting(s *httptest.Server) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

func open(t *testing.T, handler http.HandlerFunc) *strangers {
	t.Helper()
	s := serve(t, public.String()+":0", true, handler)
	return &strangers{client(t, s, func(string) ([]netip.Addr, error) { return []netip.Addr{public}, nil }), portOf(s)}
}

func client(t *testing.T, s *httptest.Server, names outbound.Resolve) *outbound.Client {
	t.Helper()
	c := outbound.NewWith(names, special, trusting(s))
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func targets(t *testing.T, texts ...string) []outbound.Target {
	t.Helper()
	var all []outbound.Target
	for _, text := range texts {
		target, err := outbound.ParseTarget(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, target)
	}
	return all
}

// get fetches https://example.com:PORT/path, which is granted.
func (s *strangers) get(t *testing.T, path string) (*outbound.Answer, error) {
	t.Helper()
	return s.Do(t.Context(), &outbound.Request{URL: s.at(path), Targets: targets(t, "example.com:"+s.port)})
}

func (s *strangers) at(path string) string { return "https://example.com:" + s.port + path }

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestRequestsArriveWhole(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s %s", r.Method, r.Host, r.URL, r.Header.Get("X-Mine"), r.UserAgent(), body)
	})
	a, err := s.Do(t.Context(), &outbound.Request{
		Method: "POST", URL: s.at("/a%2Fb?c=%20d#fragment"), Header: http.Header{"x-mine": {"1"}},
		Body: []byte("\x00\xff"), Targets: targets(t, "other.example", "example.com:"+s.port),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "POST example.com:" + s.port + " /a%2Fb?c=%20d 1 edge-hive \x00\xff"
	if a.Status != 418 || string(a.Body) != want || strings.Join(a.Header["X-Two"], "") != "ab" || a.URL != s.at("/a%2Fb?c=%20d") {
		t.Errorf("got %+v", a)
	}
}

func TestOnlyTargets(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was reached", r.Host) })
	granted := targets(t, "example.com:"+s.port, "http://plain.example", "10.0.0.5")
	for _, url := range []string{
		"https://example.com/", "https://example.com.:" + s.port, "https://other.example.com:" + s.port, "https://example.org:" + s.port, "http://example.com:" + s.port,
		"https://127.0.0.2:" + s.port, "https://plain.example", "http://plain.example:8080", "https://10.0.0.6", "http://10.0.0.5", "https://[::ffff:10.0.0.5]", "https://[::ffff:a00:5]",
		"https://[::10.0.0.5]/", "https://167772165/", "https://0xa.0.0.5/", "https://10.5/", "https://localhost:" + s.port, "https://bücher.example",
	} {
		_, err := s.Do(t.Context(), &outbound.Request{URL: url, Targets: granted})
		wantCode(t, url, err, outbound.CodeDenied)
	}
	for _, url := range []string{
		"", "/v1", "example.com", "//example.com", "https:", "https:///x", "https:example.com", "ftp://example.com", "file:///etc/passwd", "https://example.com:x/", "https://exa mple.com/", "https://example.com%2e:" + s.port,
		"https://ann:secret@example.com:" + s.port, "https://example.com:x/?key=secret", "https://ann:secret@exa mple.com/", "https://example.com:" + s.port + "/\x00", "https://[fe80::1%25eth0]:x", strings.Repeat("https://example.com/", 500),
	} {
		_, err := s.Do(t.Context(), &outbound.Request{URL: url, Targets: granted})
		wantCode(t, fmt.Sprintf("%.40q", url), err, outbound.CodeRequest)
		if err != nil && strings.Contains(err.Error(), "secret") { // nor may the log
			t.Errorf("%s tells the password", err)
		}
	}
	if _, err := s.Do(t.Context(), &outbound.Request{URL: s.at("/")}); !fault.Is(err, outbound.CodeDenied) {
		t.Errorf("without targets: %v", err)
	}
}

// TestPrivateAddresses has names that lead to every kind of address that is no
// stranger's, and a server that listens where they lead.
func TestPrivateAddresses(t *testing.T) {
	hits := atomic.Int32{}
	inner := serve(t, "127.0.0.1:0", true, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	for _, led := range [][]string{
		{"127.0.0.1"},
		{"::ffff:127.0.0.1"},
		{"::1"},
		{"0.0.0.0"},
		{"::"},
		{"10.0.0.1"},
		{"169.254.169.254"},
		{"fd00::1"},
		{"fe80::1%lo"},
		{"64:ff9b::7f00:1"},
		{"2002:7f00:1::"},
		{"::127.0.0.1"},
		{"224.0.0.1"},
		{"100.64.0.1"},
		{"127.0.0.1", "::1", "10.0.0.1"},
	} {
		var found []netip.Addr
		for _, text := range led {
			found = append(found, netip.MustParseAddr(text))
		}
		c := client(t, inner, func(string) ([]netip.Addr, error) { return found, nil })
		_, err := c.Do(t.Context(), &outbound.Request{URL: "https://example.com:" + portOf(inner), Targets: targets(t, "example.com:"+portOf(inner))})
		wantCode(t, fmt.Sprint(led), err, outbound.CodeAddress)
		if f := fault.From(err); strings.Contains(f.Message+f.Details+f.Hint, led[0]) {
			t.Errorf("%v: the fault tells where the name leads: %v", led, f)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("a server inside was reached %d times", hits.Load())
	}
	// Listed by its number it is meant.
	c := client(t, inner, func(host string) ([]netip.Addr, error) { return nil, fmt.Errorf("%s was looked up", host) })
	listed := "127.0.0.1:" + portOf(inner)
	if _, err := c.Do(t.Context(), &outbound.Request{URL: "https://" + listed, Targets: targets(t, listed)}); err != nil || hits.Load() != 1 {
		t.Errorf("a listed address: %v", err)
	}
}

// TestNamesThatChange has a name that leads to a stranger when it is looked at,
// and inside from then on.
func TestNamesThatChange(t *testing.T) {
	inside := atomic.Int32{}
	outer := serve(t, public.String()+":0", true, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // the next request dials anew
	})
	port := portOf(outer)
	serve(t, "127.0.0.1:"+port, true, func(http.ResponseWriter, *http.Request) { inside.Add(1) })
	loopback, lookups := netip.MustParseAddr("127.0.0.1"), atomic.Int32{}
	c := client(t, outer, func(string) ([]netip.Addr, error) {
		switch lookups.Add(1) {
		case 1:
			return []netip.Addr{public}, nil
		case 2:
			return []netip.Addr{loopback, public}, nil
		}
		return []netip.Addr{loopback}, nil
	})
	ask := func() error {
		_, err := c.Do(t.Context(), &outbound.Request{URL: "https://example.com:" + port, Targets: targets(t, "example.com:"+port)})
		return err
	}
	for i := range 2 {
		if err := ask(); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	wantCode(t, "the name has changed", ask(), outbound.CodeAddress)
	if lookups.Load() != 3 || inside.Load() != 0 {
		t.Errorf("%d lookups, and %d requests came inside", lookups.Load(), inside.Load())
	}
}

func TestConnectionsAreKept(t *testing.T) {
	lookups := 0
	outer := serve(t, public.String()+":0", true, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	c := client(t, outer, func(string) ([]netip.Addr, error) { lookups++; return []netip.Addr{public}, nil })
	seen := map[string]bool{}
	for range 5 {
		a, err := c.Do(t.Context(), &outbound.Request{URL: "https://example.com:" + portOf(outer), Targets: targets(t, "example.com:"+portOf(outer))})
		if err != nil {
			t.Fatal(err)
		}
		seen[string(a.Body)] = true
	}
	if len(seen) != 1 || lookups != 1 {
		t.Errorf("%d connections, %d lookups", len(seen), lookups)
	}
	// Who has other targets has no use of the connection.
	_, err := c.Do(t.Context(), &outbound.Request{URL: "https://example.com:" + portOf(outer), Targets: targets(t, "other.example")})
	wantCode(t, "without the grant", err, outbound.CodeDenied)
}

func TestRedirects(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var status, left int
		if n, _ := fmt.Sscanf(r.URL.Path, "/again/%d/%d", &status, &left); n == 2 && left > 0 {
			w.Header().Set("Location", fmt.Sprintf("../%d/%d", status, left-1))
			w.WriteHeader(status)
			return
		}
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		if r.URL.Path == "/nowhere" {
			w.WriteHeader(http.StatusFound)
		}
		_, _ = fmt.Fprintf(w, "%s %s%s [%s%s%s%s] %s %s", r.Method, r.Host, r.URL, r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("X-Api-Key"),
			r.Header.Get("Accept"), r.Header.Get("Content-Type"), body)
	})
	here := "example.com:" + s.port
	send := func(method, path string) (*outbound.Answer, error) {
		r := &outbound.Request{
			Method: method, URL: s.at(path), Targets: targets(t, here, "www.example.com:"+s.port, "10.9.9.9"),
			Header: http.Header{"Authorization": {"token"}, "Cookie": {"c=1"}, "X-Api-Key": {"key"}, "Accept": {"*/*"}},
		}
		if method == "POST" || method == "PUT" {
			r.Body, r.Header["Content-Type"] = []byte("body"), []string{"text/x"}
		}
		return s.Do(t.Context(), r)
	}
	const all = "[tokenc=1key*/*]"
	for _, test := range []struct{ method, path, want string }{
		{"GET", "/again/302/3", "GET " + here + "/again/302/0 " + all + "  "},
		{"GET", "/again/308/1", "GET " + here + "/again/308/0 " + all + "  "},
		{"POST", "/again/301/1", "GET " + here + "/again/301/0 " + all + "  "},
		{"POST", "/again/302/1", "GET " + here + "/again/302/0 " + all + "  "},
		{"PUT", "/again/302/1", "PUT " + here + "/again/302/0 " + all + " text/x body"},
		{"PUT", "/again/303/1", "GET " + here + "/again/303/0 " + all + "  "},
		{"POST", "/again/307/2", "POST " + here + "/again/307/0 " + all + " text/x body"},
		{"POST", "/again/308/3", "POST " + here + "/again/308/0 " + all + " text/x body"},
		{"GET", "/nowhere", "GET " + here + "/nowhere " + all + "  "},
		{"POST", "/?to=https://www.example.com:" + s.port + "/x", "POST www.example.com:" + s.port + "/x [*/*] text/x body"},
		{"GET", "/?to=https://www.example.com:" + s.port + "/%3Fto=" + s.at("/back"), "GET " + here + "/back [*/*]  "},
	} {
		a, err := send(test.method, test.path)
		if err != nil || string(a.Body) != test.want {
			t.Errorf("%s %s: %v\ngot  %+v\nwant %s", test.method, test.path, err, a, test.want)
		}
	}
	for path, code := range map[string]string{
		"/again/302/4":                 outbound.CodeRedirects,
		"/?to=http://" + here:          outbound.CodeDenied,
		"/?to=https://example.com/":    outbound.CodeDenied,
		"/?to=https://other.example":   outbound.CodeDenied,
		"/?to=https://127.0.0.1/":      outbound.CodeDenied,
		"/?to=https://169.254.169.254": outbound.CodeDenied,
		"/?to=//other.example/x":       outbound.CodeDenied,
		"/?to=https://ann:pw@" + here:  outbound.CodeRequest,
		"/?to=file:///etc/passwd":      outbound.CodeRequest,
		"/?to=https://%2500/":          outbound.CodeFailed,
	} {
		_, err := send("GET", path)
		wantCode(t, path, err, code)
	}
}

func TestHeadersThatMayBeSent(t *testing.T) {
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Header.Get("Authorization"), r.UserAgent(), len(r.Header["X"]))
	})
	send := func(h http.Header) (string, error) {
		a, err := s.Do(t.Context(), &outbound.Request{URL: s.at("/"), Header: h, Targets: targets(t, "example.com:"+s.port)})
		if err != nil {
			return "", err
		}
		return string(a.Body), nil
	}
	if got, err := send(http.Header{"authorization": {"Bearer x"}, "USER-AGENT": {"me"}, "x": {"1", "2"}, "X": {"3"}}); err != nil || got != "Bearer xme3" {
		t.Errorf("%q, %v", got, err)
	}
	many := http.Header{}
	for i := range 65 {
		many[fmt.Sprint("h", i)] = []string{"x"}
	}
	for _, h := range []http.Header{
		{"Host": {"other"}},
		{"hOST": {"other"}},
		{"Connection": {"close"}},
		{"keep-alive": {"1"}},
		{"Proxy-Authorization": {"x"}},
		{"Transfer-Encoding": {"chunked"}},
		{"TE": {"x"}},
		{"Trailer": {"x"}},
		{"Upgrade": {"h2c"}},
		{"Content-Length": {"1"}},
		{"Expect": {"100-continue"}},
		{"Accept-Encoding": {"br"}},
		{"HTTP2-Settings": {"x"}},
		{"": {"x"}},
		{"a b": {"x"}},
		{"a:b": {"x"}},
		{"a\r\nHost": {"x"}},
		{"ä": {"x"}},
		{"A": {"x\r\nHost: other"}},
		{"A": {"x\ny"}},
		{"A": {"x\x00"}},
		{"A": {"\x7f"}},
		{"A": {strings.Repeat("x", 17<<10)}},
		many,
	} {
		if got, err := send(h); !fault.Is(err, outbound.CodeRequest) {
			t.Errorf("%.60v: %q, %v", h, got, err)
		}
	}
	for _, method := range []string{"CONNECT", "TRACE", "get", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET", "PROPFIND"} {
		_, err := s.Do(t.Context(), &outbound.Request{Method: method, URL: s.at("/"), Targets: targets(t, "example.com:"+s.port)})
		wantCode(t, method, err, outbound.CodeRequest)
	}
	for method, body := range map[string][]byte{"GET": []byte("x"), "POST": make([]byte, outbound.MaxBody+1)} {
		_, err := s.Do(t.Context(), &outbound.Request{Method: method, URL: s.at("/"), Body: body, Targets: targets(t, "example.com:"+s.port)})
		wantCode(t, method+" with a body", err, outbound.CodeRequest)
	}
}

// zeros is a body that says nothing at length.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnswersHaveABound(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, zeros{}, 8<<20)
	_ = z.Close()
	held := make(chan struct{})
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		case "/inflated":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.CopyN(z, zeros{}, outbound.MaxBody)
			_ = z.Close()
		case "/endless":
			_, _ = io.Copy(w, zeros{})
		case "/claimed":
			w.Header().Set("Content-Length", fmt.Sprint(1<<40))
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 128<<10))
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		case "/slow", "/drip":
			if r.URL.Path == "/drip" {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
			select {
			case <-held:
			case <-r.Context().Done():
			}
		}
	})
	defer close(held)
	for path, code := range map[string]string{
		"/bomb": outbound.CodeTooLarge, "/endless": outbound.CodeTooLarge, "/claimed": outbound.CodeFailed, "/headers": outbound.CodeFailed, "/cut": outbound.CodeFailed,
	} {
		_, err := s.get(t, path)
		wantCode(t, path, err, code)
	}
	if a, err := s.get(t, "/inflated"); err != nil || len(a.Body) != outbound.MaxBody || a.Header.Get("Content-Encoding") != "" {
		t.Errorf("exactly the bound: %v", err)
	}
	for _, path := range []string{"/slow", "/drip"} {
		_, err := s.Do(t.Context(), &outbound.Request{URL: s.at(path), Timeout: 50 * time.Millisecond, Targets: targets(t, "example.com:"+s.port)})
		wantCode(t, path, err, outbound.CodeTimeout)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err = s.Do(ctx, &outbound.Request{URL: s.at(path), Targets: targets(t, "example.com:"+s.port)})
		wantCode(t, path+" for somebody who left", err, outbound.CodeTimeout)
	}
}

func TestFailuresSayWhatHelps(t *testing.T) {
	s := open(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := s.Do(t.Context(), &outbound.Request{URL: "https://wrong.name:" + s.port, Targets: targets(t, "wrong.name:"+s.port)}); err == nil || fault.From(err).Message != "the certificate of wrong.name is not to be trusted" {
		t.Errorf("another's certificate: %v", err)
	}
	plain := serve(t, public.String()+":0", false, func(http.ResponseWriter, *http.Request) {})
	_, err := s.Do(t.Context(), &outbound.Request{URL: "https://example.com:" + portOf(plain), Targets: targets(t, "example.com:"+portOf(plain))})
	wantCode(t, "plain HTTP where TLS is meant", err, outbound.CodeFailed)
	if _, err := s.Do(t.Context(), &outbound.Request{URL: "http://example.com:" + portOf(plain), Targets: targets(t, "http://example.com:"+portOf(plain))}); err != nil {
		t.Errorf("plain HTTP that is granted: %v", err)
	}
	unknown := outbound.NewWith(func(host string) ([]netip.Addr, error) { return nil, &net.DNSError{Name: host, IsNotFound: true} }, special, nil)
	defer func() { _ = unknown.Close() }()
	if _, err := unknown.Do(t.Context(), &outbound.Request{URL: "https://example.com", Targets: targets(t, "example.com")}); err == nil || fault.From(err).Message != "the name example.com cannot be resolved" {
		t.Errorf("an unknown name: %v", err)
	}
	port := strconv.Itoa(porttest.Free(t).Number)
	_, err = s.Do(t.Context(), &outbound.Request{URL: "https://example.com:" + port, Targets: targets(t, "example.com:"+port)})
	wantCode(t, "a port that nobody listens at", err, outbound.CodeFailed)
	if f := fault.From(err); strings.Contains(f.Message+f.Details+f.Hint, public.String()) {
		t.Errorf("the fault tells the address: %v", f)
	}
}

func TestCloseEndsRequests(t *testing.T) {
	arrived, held := make(chan struct{}), make(chan struct{})
	s := open(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	defer close(held)
	failed := make(chan error)
	go func() {
		_, err := s.get(t, "/")
		failed <- err
	}()
	<-arrived
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantCode(t, "a request that ran", <-failed, outbound.CodeTimeout)
	_, err := s.get(t, "/")
	wantCode(t, "a request afterwards", err, outbound.CodeFailed)
}

// TestTheClientOfTheWorld is the one that ships: names are the system's, and
// nothing counts as public but what is.
func TestTheClientOfTheWorld(t *testing.T) {
	hits := atomic.Int32{}
	inner := serve(t, "127.0.0.1:0", false, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	c := outbound.New()
	defer func() { _ = c.Close() }()
	at := "http://localhost:" + portOf(inner)
	_, err := c.Do(t.Context(), &outbound.Request{URL: at, Targets: targets(t, at)})
	wantCode(t, "localhost", err, outbound.CodeAddress)
	listed := "http://127.0.0.1:" + portOf(inner)
	if _, err := c.Do(t.Context(), &outbound.Request{URL: listed, Targets: targets(t, listed)}); err != nil || hits.Load() != 1 {
		t.Errorf("a listed address: %v, %d requests", err, hits.Load())
	}
}
