package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/bcrypt"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// runner is a function that a test writes.
type runner func(ctx context.Context, e *function.Event, a function.Answer) error

func (f runner) Call(ctx context.Context, _ string, e *function.Event, a function.Answer) error {
	return f(ctx, e, a)
}

// guarded is a manifest with middleware; its client is in a trusted network, so
// that a test may say who asks.
func guarded(middleware []manifest.Middleware, routes ...manifest.Route) *manifest.Manifest {
	m := plain()
	m.TrustedProxies = []string{"192.0.2.0/24"} // where httptest asks from
	m.Functions = []manifest.Function{{Name: "f"}}
	m.Rates = append(m.Rates, manifest.Rate{Name: "two", Per: "ip", Requests: 2, Window: time.Hour})
	m.Cache.Policies = []manifest.Policy{{Name: "short", TTL: time.Minute}}
	m.Middleware, m.Routes = middleware, routes
	for i := range m.Middleware {
		m.Middleware[i].Path = "middleware." + m.Middleware[i].Name
	}
	return m
}

func from(address string) string { return "X-Forwarded-For: " + address }

func runs(f runner) func(*web.Options) { return func(o *web.Options) { o.Functions = f } }

func nothing(context.Context, *function.Event, function.Answer) error { return nil }

func callsF(pattern string, use ...string) manifest.Route {
	return manifest.Route{Pattern: pattern, URLPath: pattern, Function: &manifest.CallFunction{Name: "f"}, Use: use, Path: `routes."` + pattern + `"`}
}

func TestAddresses(t *testing.T) {
	rule := func(name string, rule manifest.IPRule) manifest.Middleware {
		return manifest.Middleware{Name: name, IP: &rule}
	}
	use := func(route manifest.Route, names ...string) manifest.Route { route.Use = names; return route }
	s := newSite(t, guarded([]manifest.Middleware{
		rule("office", manifest.IPRule{Allow: []string{"10.0.0.0/8", "2001:db8::/32", "::ffff:198.51.100.0/120"}, Deny: []string{"10.0.0.1/32"}}),
		rule("block", manifest.IPRule{Deny: []string{"10.9.0.0/16"}}),
	}, use(words(manifest.Route{URLPath: "/in"}, "in"), "office"), use(words(manifest.Route{URLPath: "/both"}, "in"), "office", "block")), runs(nothing))
	for _, c := range []struct {
		path, address string
		status        int
	}{
		{"/in", "10.1.2.3", 200},
		{"/in", "10.0.0.1", 403},
		{"/in", "11.0.0.1", 403},
		{"/in", "::ffff:10.1.2.3", 200},
		{"/in", "198.51.100.7", 200},
		{"/in", "2001:db8:1::1", 200},
		{"/in", "2001:db9::1", 403},
		{"/both", "10.1.2.3", 200},
		{"/both", "10.9.2.3", 403},
		{"/both", "11.0.0.1", 403},
	} {
		w := s.do("GET", c.path, "", from(c.address))
		if w.Code != c.status {
			t.Errorf("%s from %s: %d", c.path, c.address, w.Code)
		}
		if c.status == 403 {
			wantFault(t, w, 403, "address-not-allowed")
		} else {
			wantHeader(t, w.Header(), "Cache-Control", "private") // others may not see it
		}
	}
}

// TestEveryRequest holds that what server.use names stands before all surfaces.
func TestEveryRequest(t *testing.T) {
	m := guarded([]manifest.Middleware{
		{Name: "block", IP: &manifest.IPRule{Deny: []string{"10.0.0.1/32"}}},
		{Name: "seen", Headers: manifest.Headers{Set: []manifest.Setting{{Name: "X-Frame-Options", Value: "DENY"}, {Name: "X-From", Value: "{client} {host} {id} {x}"}}}},
		{Name: "more", Headers: manifest.Headers{
			Remove: []string{"x-frame-options", "X-None"}, Add: []manifest.Setting{{Name: "Vary", Value: "X-A"}}, Set: []manifest.Setting{{Name: "X-Content-Type-Options", Value: "other"}},
		}},
	}, words(manifest.Route{URLPath: "/a"}, "a"), func() manifest.Route {
		r := words(manifest.Route{URLPath: "/b"}, "b")
		r.Use = []string{"more"}
		return r
	}())
	m.Server.Use = []string{"block", "seen"}
	s := newSite(t, m, runs(nothing))
	for _, path := range []string{"/a", "/health", "/api/data/books", "/rest/v1/books", "/api/edge/f", "/nowhere", "/api/none"} {
		w := s.do("GET", path, "", from("10.0.0.2"), "X-Request-Id: abc", "Host: a")
		if w.Code == 403 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		wantHeader(t, w.Header(), "X-Frame-Options", "DENY")
		wantHeader(t, w.Header(), "X-From", "10.0.0.2 example.com abc {x}")
		wantFault(t, s.do("GET", path, "", from("10.0.0.1")), 403, "address-not-allowed")
	}
	preflight := s.do("OPTIONS", "/api/data/books", "", from("10.0.0.1"), "Origin: https://a.example", "Access-Control-Request-Method: POST")
	wantFault(t, preflight, 403, "address-not-allowed")
	w := s.do("GET", "/b", "", from("10.0.0.2"))
	wantHeader(t, w.Header(), "X-Frame-Options", "")
	wantHeader(t, w.Header(), "X-Content-Type-Options", "other")
	if got := strings.Join(w.Header().Values("Vary"), "; "); got != "Origin; X-A" {
		t.Errorf("Vary %q", got)
	}
}

// TestHeadersHoldNoLine holds that what a caller sends cannot begin another header.
func TestHeadersHoldNoLine(t *testing.T) {
	route := words(manifest.Route{URLPath: "/a"}, "a")
	route.Use = []string{"host"}
	s := newSite(t, guarded([]manifest.Middleware{{Name: "host", Headers: manifest.Headers{Set: []manifest.Setting{{Name: "X-Host", Value: "{host}"}}}}}, route), runs(nothing))
	r := httptest.NewRequest(http.MethodGet, "/a", nil)
	r.Host = "a\r\nSet-Cookie: b=c"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if got := w.Header()["X-Host"]; len(got) != 1 || got[0] != "" {
		t.Errorf("%q", got)
	}
}

func basicAuth(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestBasic(t *testing.T) {
	old, err := bcrypt.GenerateFromPassword([]byte("old password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANN_HASH", auth.HashPassword("correct horse"))
	t.Setenv("BEN_HASH", string(old))
	ops := manifest.Middleware{Name: "ops", Basic: &manifest.Basic{Realm: "the ops", Users: []manifest.NamedSecret{
		{Name: "ann", Secret: &manifest.Secret{Env: "ANN_HASH"}}, {Name: "ben", Secret: &manifest.Secret{Env: "BEN_HASH"}},
	}}}
	var got *function.Event
	s := newSite(t, guarded([]manifest.Middleware{ops}, callsF("/a", "ops")), runs(func(_ context.Context, e *function.Event, a function.Answer) error {
		got = e
		return answers(200, nil, "in")(a)
	}))
	for _, c := range []struct{ name, header string }{
		{"nothing", "X-A: b"},
		{"another scheme", "Authorization: Bearer " + s.token(t, "ann")},
		{"a wrong password", basicAuth("ann", "correct horsf")},
		{"somebody else's", basicAuth("ben", "correct horse")},
		{"nobody", basicAuth("cleo", "correct horse")},
		{"no colon", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann"))},
		{"no base64", "Authorization: Basic %%%"},
		{"control characters", basicAuth("ann", "correct horse\x00")},
		{"long", basicAuth("ann", strings.Repeat("x", 5000))},
	} {
		w := s.do("GET", "/a", "", c.header, from("10.0.0.1"))
		if w.Code != 401 {
			t.Fatalf("%s: %d %s", c.name, w.Code, w.Body)
		}
		wantFault(t, w, 401, "credentials-needed")
		wantHeader(t, w.Header(), "Www-Authenticate", `Basic realm="the ops", charset="UTF-8"`)
	}
	for range 2 { // the second time from memory
		for name, password := range map[string]string{"ann": "correct horse", "ben": "old password"} {
			w := s.do("GET", "/a", "", basicAuth(name, password), from("10.0.0.2"))
			if w.Code != 200 || w.Body.String() != "in" {
				t.Fatalf("%s: %d %s", name, w.Code, w.Body)
			}
			wantHeader(t, w.Header(), "Cache-Control", "private, no-store")
			if got.Request.Header.Get("Authorization") != "" || got.Caller.Role != auth.Anon {
				t.Errorf("the function saw %q as %s", got.Request.Header.Get("Authorization"), got.Caller.Role)
			}
		}
	}
	if w := s.do("GET", "/a", "", "Authorization: bAsIc  "+base64.StdEncoding.EncodeToString([]byte("ann:correct horse")), from("10.0.0.2")); w.Code != 200 {
		t.Errorf("the scheme in another case: %d", w.Code)
	}
	// Who guesses is stopped; who is known already is not.
	stopped := false
	for i := range 40 {
		w := s.do("GET", "/a", "", basicAuth("ben", fmt.Sprint("guess number ", i)), from("10.0.0.3"))
		if w.Code == 429 {
			wantFault(t, w, 429, "rate-limited")
			if w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			stopped = true
			break
		}
	}
	if !stopped {
		t.Error("40 wrong passwords, and more may come")
	}
	if w := s.do("GET", "/a", "", basicAuth("ann", "correct horse"), from("10.0.0.3")); w.Code != 200 {
		t.Errorf("who is known: %d", w.Code)
	}
	if w := s.do("GET", "/a", "", basicAuth("ann", "correct horsf"), from("10.0.0.4")); w.Code != 401 {
		t.Errorf("another address: %d", w.Code)
	}
}

// TestBasicReadsItsHashes holds that a broken one is found when the routes are laid,
// and not repeated.
func TestBasicReadsItsHashes(t *testing.T) {
	t.Setenv("ANN_HASH", "not-a-hash-but-a-password")
	m := guarded([]manifest.Middleware{{Name: "ops", Basic: &manifest.Basic{Users: []manifest.NamedSecret{{Name: "ann", Secret: &manifest.Secret{Env: "ANN_HASH"}}}}}}, callsF("/a", "ops"))
	s := &site{gate: &gate{}, keys: newKeys(t)}
	o := web.Options{Manifest: m, Gate: s.gate, Callers: s.keys, Functions: runner(nothing)}
	_, err := web.New(o)
	if err == nil || strings.Contains(err.Error(), "not-a-hash") || !strings.Contains(err.Error(), "edge-hive hash makes one") {
		t.Fatal(err)
	}
	o.Unread = true
	h, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestAccess(t *testing.T) {
	staff := manifest.Middleware{Name: "staff", Access: manifest.Condition{Declared: true, Text: "auth.uid != null"}}
	s := newSite(t, guarded([]manifest.Middleware{staff}, callsF("/a", "staff")), runs(answersAlways(200, "in")))
	w := s.do("GET", "/a", "")
	wantFault(t, w, 401, "42501")
	wantHeader(t, w.Header(), "Www-Authenticate", "Bearer")
	if w := s.do("GET", "/a", "", "Authorization: Bearer "+s.token(t, "ann")); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.do("GET", "/a", "", "Authorization: Bearer broken.token.here"); w.Code != 401 {
		t.Errorf("a token that does not hold: %d", w.Code)
	}
}

func answersAlways(status int, body string) runner {
	return func(_ context.Context, _ *function.Event, a function.Answer) error {
		return answers(status, nil, body)(a)
	}
}

// TestOrder holds that the chain acts in the one order, whatever the names' order.
func TestOrder(t *testing.T) {
	all := []manifest.Middleware{
		{Name: "small", Body: 4},
		{Name: "staff", Access: manifest.Condition{Declared: true, Text: "auth.uid != null"}},
		{Name: "slowly", Rate: "two"},
		{Name: "office", IP: &manifest.IPRule{Allow: []string{"10.0.0.0/8"}}},
	}
	s := newSite(t, guarded(all, callsF("/a", "small", "staff", "slowly", "office")), runs(answersAlways(200, "in")))
	long, ann := "12345", "Authorization: Bearer "+s.token(t, "ann")
	w := s.do("POST", "/a", long, from("11.0.0.1"), ann) // ip before rate: it is not counted
	wantFault(t, w, 403, "address-not-allowed")
	wantHeader(t, w.Header(), "Ratelimit-Limit", "")
	wantFault(t, s.do("POST", "/a", long, from("10.0.0.1")), 401, "42501") // access before body
	wantFault(t, s.do("POST", "/a", long, from("10.0.0.1"), ann), 413, "too-large")
	wantFault(t, s.do("POST", "/a", long, from("10.0.0.1")), 401, "42501")
	wantFault(t, s.do("POST", "/a", long, from("10.0.0.1")), 429, "rate-limited") // rate before access
	if w := s.do("POST", "/a", "1234", from("10.0.0.2"), ann); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	return string(w.EncodeAll([]byte(text), nil))
}

func TestInflate(t *testing.T) {
	var body string
	var header http.Header
	s := newSite(t, guarded([]manifest.Middleware{{Name: "in", Inflate: true, Body: 2000}}, callsF("/in", "in"), callsF("/plain")),
		runs(func(_ context.Context, e *function.Event, a function.Answer) error {
			body, header = string(e.Body), e.Request.Header
			return answers(200, nil, "ok")(a)
		}))
	var text strings.Builder // some ten times smaller than it is long would be too small
	for i := range 150 {
		fmt.Fprintf(&text, "%d,", i*7919%1000)
	}
	for name, sent := range map[string]string{"gzip": zipped(t, text.String()), "zstd": zstded(t, text.String()), "GZIP": zipped(t, text.String())} {
		w := s.do("POST", "/in", sent, "Content-Encoding: "+name)
		if w.Code != 200 || body != text.String() || header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %s, %d bytes, %q", name, w.Code, w.Body, len(body), header)
		}
		wantFault(t, s.do("POST", "/plain", sent, "Content-Encoding: "+name), 415, "unsupported-media-type")
		wantFault(t, s.do("POST", "/api/edge/f", sent, "Content-Encoding: "+name), 415, "unsupported-media-type")
		wantFault(t, s.do("POST", "/in", sent[:len(sent)/2], "Content-Encoding: "+name), 400, "bad-request")
	}
	wantFault(t, s.do("POST", "/in", "not compressed at all", "Content-Encoding: gzip"), 400, "bad-request")
	wantFault(t, s.do("POST", "/in", "not compressed at all", "Content-Encoding: zstd"), 400, "bad-request")
	wantFault(t, s.do("POST", "/in", "x", "Content-Encoding: br"), 415, "unsupported-media-type")
	wantFault(t, s.do("POST", "/in", "x", "Content-Encoding: gzip, gzip"), 415, "unsupported-media-type")
	bomb := strings.Repeat("a", 1900)
	w := s.do("POST", "/in", zipped(t, bomb), "Content-Encoding: gzip")
	wantFault(t, w, 413, "too-large")
	if !strings.Contains(w.Body.String(), "10 times") {
		t.Error(w.Body)
	}
	wantFault(t, s.do("POST", "/in", zstded(t, bomb), "Content-Encoding: zstd"), 413, "too-large")
	var large strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&large, "%x", i*2654435761)
	}
	wantFault(t, s.do("POST", "/in", zipped(t, large.String()), "Content-Encoding: gzip"), 413, "too-large")
	if w := s.do("POST", "/in", "plain", "Content-Encoding: identity"); w.Code != 200 || body != "plain" {
		t.Errorf("as it is: %d %q", w.Code, body)
	}
}

// TestHashingIsBounded holds that passwords that come at once are refused when too
// many wait, and that all others are looked at.
func TestHashingIsBounded(t *testing.T) {
	hashing := auth.NewHashing()
	hash, err := auth.ParseHash(auth.HashPassword("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	var refused, right atomic.Int64
	done := make(chan struct{})
	const many = 200
	for range many {
		go func() {
			defer func() { done <- struct{}{} }()
			ok, err := hashing.Matches(t.Context(), hash, "correct horse")
			if err != nil {
				refused.Add(1)
			} else if ok {
				right.Add(1)
			}
		}()
	}
	for range many {
		<-done
	}
	if refused.Load() == 0 || right.Load() < 64 || refused.Load()+right.Load() != many {
		t.Errorf("%d refused, %d right", refused.Load(), right.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := hashing.Matches(ctx, hash, "correct horse"); err == nil && !ok {
		t.Error("the turn is free, and the password was not looked at")
	}
}

func BenchmarkRoute(b *testing.B) {
	all := []manifest.Middleware{
		{Name: "office", IP: &manifest.IPRule{Allow: []string{"192.0.2.0/24", "10.0.0.0/8"}, Deny: []string{"10.0.0.1/32"}}},
		{Name: "headers", Headers: manifest.Headers{Set: []manifest.Setting{{Name: "X-Frame-Options", Value: "DENY"}}, Remove: []string{"Server"}}},
		{Name: "staff", Access: manifest.Condition{Declared: true, Text: "auth.uid != null"}},
	}
	plainRoute := words(manifest.Route{URLPath: "/plain"}, "x")
	dressed := words(manifest.Route{URLPath: "/dressed"}, "x")
	dressed.Use = []string{"office", "headers"}
	s := newSite(b, guarded(all, plainRoute, dressed), runs(nothing), func(o *web.Options) { o.Log = nil })
	for _, path := range []string{"/plain", "/dressed"} {
		b.Run(path[1:], func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
