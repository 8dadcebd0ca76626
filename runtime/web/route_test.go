package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

func words(route manifest.Route, body string) manifest.Route {
	route.Pattern = strings.TrimSpace(route.Method + " " + route.Host + route.URLPath)
	route.Respond = &manifest.Respond{Body: body}
	return route
}

func TestRouting(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{
		words(manifest.Route{URLPath: "/*"}, "any host"),
		words(manifest.Route{Host: "www.example.com", URLPath: "/*"}, "www"),
		words(manifest.Route{Method: "GET", URLPath: "/old"}, "old"),
		words(manifest.Route{Method: "POST", URLPath: "/hook"}, "hook"),
		words(manifest.Route{Host: "www.example.com", Method: "GET", URLPath: "/both"}, "both on www"),
		words(manifest.Route{Method: "GET", URLPath: "/both"}, "both"),
		words(manifest.Route{Method: "GET", URLPath: "/price/{id}"}, "price"),
	}
	s := newSite(t, m)
	for _, c := range []struct {
		method, target string
		body           string
	}{
		{"GET", "http://example.com/x", "any host"},
		{"DELETE", "http://example.com/x/y", "any host"},
		{"GET", "http://www.example.com/x", "www"},
		{"GET", "http://WWW.Example.COM:8080/x", "www"},
		{"GET", "http://www.example.com./x", "www"},
		{"GET", "http://www.example.com.evil.example/x", "any host"},
		{"GET", "http://example.com/old", "old"},
		{"GET", "http://www.example.com/old", "www"}, // the more exact host, whatever the path
		{"POST", "http://example.com/old", "any host"},
		{"GET", "http://www.example.com/both", "both on www"},
		{"GET", "http://example.com/both", "both"},
		{"GET", "http://example.com/price/12", "price"},
		{"GET", "http://example.com/price/12/x", "any host"},
		{"GET", "http://www.example.com/health", "ok\n"},
	} {
		if w := s.do(c.method, c.target, ""); w.Body.String() != c.body {
			t.Errorf("%s %s: %q, want %q", c.method, c.target, w.Body, c.body)
		}
	}
	if w := s.do("HEAD", "http://example.com/old", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
}

func TestMethodsOfRoutes(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{words(manifest.Route{Method: "POST", URLPath: "/hook"}, "hook")}
	s := newSite(t, m)
	w := s.do("GET", "/hook", "")
	wantFault(t, w, 405, "method-not-allowed")
	wantHeader(t, w.Header(), "Allow", "OPTIONS, POST")
	if w := s.do("OPTIONS", "/hook", ""); w.Code != 204 || w.Header().Get("Allow") != "OPTIONS, POST" {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
}

func TestRespond(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{
		{URLPath: "/a", Respond: &manifest.Respond{Status: 418, Body: "tea", Headers: map[string]string{"content-type": "text/x-tea", "x-a": "b"}}},
		{URLPath: "/empty", Respond: &manifest.Respond{Status: 204, Body: "ignored by HTTP"}},
		{URLPath: "/word", Body: 4, Respond: &manifest.Respond{Body: "word"}},
	}
	s := newSite(t, m)
	w := s.do("GET", "/a", "")
	if w.Code != 418 || w.Body.String() != "tea" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeader(t, w.Header(), "Content-Type", "text/x-tea")
	wantHeader(t, w.Header(), "X-A", "b")
	if w := s.do("GET", "/empty", ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	wantHeader(t, s.do("GET", "/word", "").Header(), "Content-Type", "text/plain; charset=utf-8")
	wantFault(t, s.do("POST", "/word", "12345"), 413, "too-large")
}

func TestRedirect(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{
		{URLPath: "/old", Redirect: &manifest.Redirect{To: "/new", Status: 301}},
		{URLPath: "/p/{id}", Redirect: &manifest.Redirect{To: "/items?id={id}"}},
		{URLPath: "/u/{user}/x/{id}", Redirect: &manifest.Redirect{To: "https://a.example/{user}/{id}", Status: 302}},
		{URLPath: "/w/*", Redirect: &manifest.Redirect{To: "/{*}", Status: 307}},
	}
	s := newSite(t, m)
	for target, want := range map[string]string{
		"/old":             "/new",
		"/p/7":             "/items?id=7",
		"/p/7%26a%3Db%23x": "/items?id=7&a=b%23x",
		"/u/a%20b/x/..%41": "https://a.example/a%20b/..A",
		"/w/a/b%3Fc":       "/a/b%3Fc",
		"/w/":              "/",
		// The query goes along where the target has none.
		"/old?a=%20b&c":   "/new?a=%20b&c",
		"/old?":           "/new",
		"/w/a?x=//e.evil": "/a?x=//e.evil",
		"/p/7?id=8":       "/items?id=7",
	} {
		w := s.do("GET", target, "")
		if got := w.Header().Get("Location"); w.Code < 300 || w.Code > 308 || got != want {
			t.Errorf("%s: %d %q, want %q", target, w.Code, got, want)
		}
	}
}

func TestReady(t *testing.T) {
	var sick error
	s := newSite(t, plain(), func(o *web.Options) { o.Ready = func(context.Context) error { return sick } })
	if w := s.do("GET", "/ready", ""); w.Code != 200 {
		t.Errorf("ready: %d", w.Code)
	}
	sick = errors.New("the disk at /var/lib is gone")
	w := s.do("GET", "/ready", "")
	if w.Code != 503 || strings.Contains(w.Body.String(), "disk") || !strings.Contains(s.log.String(), "disk") {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
	if w := s.do("GET", "/health", ""); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("health: %d %s", w.Code, w.Body)
	}
}

func TestClientAddress(t *testing.T) {
	m := plain()
	m.TrustedProxies = []string{"10.0.0.0/8", "192.0.2.1/32"}
	var seen string
	s := newSite(t, m, func(o *web.Options) {
		o.Realtime = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RemoteAddr })
	})
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"10.1.1.1:9", []string{"203.0.113.7"}, "203.0.113.7:0"},
		{"10.1.1.1:9", []string{"198.51.100.1, 203.0.113.7, 10.2.2.2"}, "203.0.113.7:0"},
		{"10.1.1.1:9", []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7:0"},
		{"10.1.1.1:9", []string{"203.0.113.7, nonsense"}, "10.1.1.1:0"},
		{"10.1.1.1:9", nil, "10.1.1.1:0"},
		{"10.1.1.1:9", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		{"203.0.113.9:9", []string{"198.51.100.1"}, "203.0.113.9:0"},
		{"[::ffff:10.1.1.1]:9", []string{"198.51.100.1"}, "198.51.100.1:0"},
	} {
		r := request("GET", "/api/realtime/books")
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		s.ServeHTTP(newRecorder(), r)
		if seen != c.want {
			t.Errorf("%s %v: %s, want %s", c.peer, c.forwarded, seen, c.want)
		}
	}
}

func TestRates(t *testing.T) {
	m := plain()
	m.Rates = []manifest.Rate{
		{Name: "default", Per: "caller", Requests: 2, Window: time.Hour, Roles: map[string]int{"service_role": 5}},
		{Name: "hooks", Per: "ip", Requests: 1, Window: time.Hour},
	}
	hook := words(manifest.Route{URLPath: "/hook"}, "hook")
	hook.Rate = "hooks"
	word := words(manifest.Route{URLPath: "/word"}, "word")
	word.Rate = "default"
	m.Routes = []manifest.Route{hook, word, words(manifest.Route{URLPath: "/free"}, "free")}
	limiter := rates.NewLimiter()
	shared := func(o *web.Options) { o.Limiter = limiter }
	s := newSite(t, m, shared)
	ask := func(s *site, peer, path string, headers ...string) int {
		r := request("GET", path)
		r.RemoteAddr = peer
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Add(name, value)
		}
		w := newRecorder()
		s.ServeHTTP(w, r)
		if w.Code == 429 {
			wantFault(t, w, 429, "rate-limited")
			if w.Header().Get("Retry-After") == "" || w.Header().Get("Ratelimit-Remaining") != "0" {
				t.Errorf("headers %v", w.Header())
			}
		}
		return w.Code
	}
	times := func(n int, peer, path string, headers ...string) int {
		allowed := 0
		for range n {
			if ask(s, peer, path, headers...) != 429 {
				allowed++
			}
		}
		return allowed
	}
	ann, bob := "Authorization: Bearer "+s.token(t, "ann"), "Authorization: Bearer "+s.token(t, "bob")
	for _, c := range []struct {
		name       string
		peer, path string
		header     string
		want       int
	}{
		{"an address", "192.0.2.1:1", "/api/data/t", "", 2},
		{"the same, another port", "192.0.2.1:2", "/api/data/t", "", 0},
		{"the same, another surface", "192.0.2.1:2", "/word", "", 0},
		{"another address", "192.0.2.2:1", "/word", "", 2},
		{"a user", "192.0.2.1:1", "/api/data/t", ann, 2},
		{"the user elsewhere", "192.0.2.9:1", "/api/data/t", ann, 0},
		{"another user", "192.0.2.1:1", "/api/data/t", bob, 2},
		{"the service role", "192.0.2.1:1", "/api/data/t", "apikey: " + s.keys.Secret(), 5},
		{"an IPv6 network", "[2001:db8::1]:1", "/api/data/t", "", 2},
		{"the same /64", "[2001:db8::ffff]:1", "/api/data/t", "", 0},
		{"another /64", "[2001:db8:0:1::1]:1", "/api/data/t", "", 2},
		{"a named rate", "192.0.2.1:1", "/hook", "", 1},
		{"a named rate by address", "192.0.2.1:1", "/hook", bob, 1},
		{"bad tokens", "192.0.2.77:1", "/api/data/t", "Authorization: Bearer x.y.z", 2},
		{"fixed answers are not counted by themselves", "192.0.2.1:1", "/free", "", 6},
		{"health is not counted", "192.0.2.1:1", "/health", "", 6},
	} {
		if got := times(6, c.peer, c.path, c.header); got != c.want {
			t.Errorf("%s: %d of 6, want %d", c.name, got, c.want)
		}
	}
	next := newSite(t, m, shared) // a reload
	if ask(next, "192.0.2.1:1", "/api/data/t") != 429 {
		t.Error("a reload forgot what was counted")
	}
	if got := ask(newSite(t, m), "192.0.2.1:1", "/api/data/t"); got != 200 {
		t.Errorf("a new limiter: %d", got)
	}
}
