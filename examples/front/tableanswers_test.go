package front_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

var answerProofs = map[string]proof{
	"a fixed answer": {check: func(t *testing.T, s *site) {
		s.want(t, "/ping", 200, "pong").header(t, "Content-Type", "text/plain; charset=utf-8")
		if g := s.ask(t, "POST", "/ping", "x"); g.status != 405 {
			t.Errorf("POST: %d", g.status)
		}
	}},
	"JSON": {check: func(t *testing.T, s *site) {
		s.want(t, "/empty", 200, "{}").header(t, "Content-Type", "application/json")
	}},
	"a path is refused": {check: func(t *testing.T, s *site) {
		s.want(t, "/private/a/b", 403, "")
		s.want(t, "/private", 404, "") // it is no route at all
	}},
	"maintenance": {check: func(t *testing.T, s *site) {
		s.want(t, "/any/thing", 503, "back soon").header(t, "Retry-After", "600")
	}},
	"a redirect for good": {check: func(t *testing.T, s *site) {
		s.to(t, "/old", 301, "/new")
		s.to(t, "/old?a=b", 301, "/new?a=b")
	}},
	"a redirect for now": {check: func(t *testing.T, s *site) { s.to(t, "/sale", 302, "/sale-2026") }},
	"all below a path, elsewhere": {check: func(t *testing.T, s *site) {
		s.to(t, "/blog/2026/a%20b?c=d", 301, "https://blog.example.com/2026/a%20b?c=d")
	}},
	"a part of the path": {check: func(t *testing.T, s *site) { s.to(t, "/p/17", 308, "/products?id=17") }},
	"www to the plain name": {check: func(t *testing.T, s *site) {
		s.to(t, "http://www.example.com/a/b?c=d", 301, "https://example.com/a/b?c=d")
		s.to(t, "http://www.example.com/", 301, "https://example.com/")
		s.want(t, "http://example.com/a/b", 404, "")
	}},
	"a header of all answers": {check: func(t *testing.T, s *site) {
		for _, path := range []string{"/", "/nothing.js", "/health", "/api/nothing"} {
			s.get(t, path).header(t, "X-Frame-Options", "DENY")
		}
	}},
	"a header of some answers": {check: func(t *testing.T, s *site) {
		s.want(t, "/app/", 200, "home").header(t, "Content-Security-Policy", "default-src 'self'")
		s.get(t, "/health").header(t, "Content-Security-Policy", "")
	}},
	"nothing tells the server's name": {check: func(t *testing.T, s *site) {
		s.get(t, "/").header(t, "Server", "")
	}},
	"compression": {check: func(t *testing.T, s *site) {
		for _, encoding := range []string{"zstd", "br", "gzip"} {
			g := s.get(t, "/long.js", "Accept-Encoding: "+encoding)
			g.header(t, "Content-Encoding", encoding)
			if len(g.body) > 1000 {
				t.Errorf("%s: %d bytes", encoding, len(g.body))
			}
			if !strings.Contains(g.Header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("Vary is %q", g.Header.Get("Vary"))
			}
		}
		s.want(t, "/long.js", 200, "a long text").header(t, "Content-Encoding", "")
		s.get(t, "/photo.bin", "Accept-Encoding: gzip").header(t, "Content-Encoding", "")
	}},
	"other compression": {check: func(t *testing.T, s *site) {
		g := s.get(t, "/short.js", "Accept-Encoding: zstd, br, gzip")
		g.header(t, "Content-Encoding", "gzip")
		reader, err := gzip.NewReader(strings.NewReader(g.body))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(reader); err != nil || len(plain) != 300 {
			t.Errorf("%q %v", plain, err)
		}
	}},
	"none": {check: func(t *testing.T, s *site) {
		s.want(t, "/long.js", 200, "a long text", "Accept-Encoding: zstd, br, gzip").header(t, "Content-Encoding", "")
	}},
	"other pages may call (CORS)": {check: func(t *testing.T, s *site) {
		const page = "Origin: https://www.example.com"
		s.want(t, "/ping", 200, "pong", page).header(t, "Access-Control-Allow-Origin", "https://www.example.com")
		s.get(t, "/ping", "Origin: https://evil.example").header(t, "Access-Control-Allow-Origin", "")
		g := s.ask(t, "OPTIONS", "/ping", "", page, "Access-Control-Request-Method: GET")
		if g.status != 204 {
			t.Errorf("preflight: %d %s", g.status, g.body)
		}
		g.header(t, "Access-Control-Allow-Origin", "https://www.example.com")
	}},
	"a request's id": {upstreams: 1, check: func(t *testing.T, s *site) {
		g := s.want(t, "/", 200, "")
		if id := g.Header.Get("X-Request-Id"); id == "" || s.behind[0].header("X-Request-Id") != id {
			t.Errorf("we say %q, the server behind was told %q", id, s.behind[0].header("X-Request-Id"))
		}
	}},
}
