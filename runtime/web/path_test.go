package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/web"
)

// Each of these reaches something by another spelling in one server or another;
// here none may reach a handler at all.
func TestAmbiguousPaths(t *testing.T) {
	s := newSite(t, plain())
	for _, target := range []string{
		"//api/data/books", "/api//data/books", "/api/data//books", "/api/./data/books", "/api/data/./books",
		"/api/data/../data/books", "/static/../api/data/books", "/api/%2e/data/books", "/api/%2e%2e/x", "/%2E%2E/etc/passwd",
		"/api%2fdata%2fbooks", "/api/data%2Fbooks", "/api/data/books%00", "/api/data/bo%00oks", "/api/data/books;x=1", "/api;/data/books",
		"/api/data/books%5c..", `/api\data\books`, "/api/data/books%0a", "/api/data/%7f", "/api/data/%ff", "/api/data/books/..", "/api/data/books/.",
		"/..", "/.", "/%2e",
	} {
		s.gate.caller = nil
		u, err := url.ParseRequestURI(target)
		if err != nil {
			continue // net/http answers 400 before us
		}
		r, w := request("GET", "/"), newRecorder()
		r.URL, r.RequestURI = u, target
		s.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || s.gate.caller != nil {
			t.Errorf("%s: %d, reached the gate: %v", target, w.Code, s.gate.caller != nil)
		}
	}
}

func TestPathsThatAreData(t *testing.T) {
	s := newSite(t, plain())
	for target, key := range map[string]string{
		"/api/data/books/a%20b":     "a b",
		"/api/data/books/a+b":       "a+b",
		"/api/data/books/%C3%A9":    "é",
		"/api/data/books/a%3Bb":     "a;b",
		"/api/data/books/%252f":     "%2f", // decoded once
		"/api/data/books/...":       "...",
		"/api/data/books/100%25":    "100%",
		"/api/data/books/x:y@z,!$&": "x:y@z,!$&",
	} {
		w := s.do("GET", target, "")
		if w.Code != http.StatusOK || s.gate.read.Key != key || !s.gate.read.HasKey {
			t.Errorf("%s: %d, key %q, want %q", target, w.Code, s.gate.read.Key, key)
		}
	}
}

func TestRequestLineLimits(t *testing.T) {
	s := newSite(t, plain())
	wantFault(t, s.do("GET", "/api/data/books?x="+strings.Repeat("a", 17<<10), ""), http.StatusRequestURITooLong, "url-too-long")
	many := make([]string, 101)
	for i := range many {
		many[i] = "X-Filler: 1"
	}
	wantFault(t, s.do("GET", "/api/data/books", "", many...), http.StatusRequestHeaderFieldsTooLarge, "headers-too-large")
	for _, method := range []string{"TRACE", "CONNECT"} {
		wantFault(t, s.do(method, "/api/data/books", ""), http.StatusMethodNotAllowed, "method-not-allowed")
	}
}

func TestIdentityHeadersAreDropped(t *testing.T) {
	var seen http.Header
	s := newSite(t, plain(), func(o *web.Options) {
		o.Realtime = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() })
	})
	s.do("GET", "/api/realtime/books", "", "X-Edge-Uid: 1", "X_edge_uid: 1", "x-edge_role: service_role", "X-Edgeless: stays")
	for name := range seen {
		if name != "X-Edgeless" {
			t.Errorf("%s reached the handler", name)
		}
	}
	if len(seen) != 1 {
		t.Errorf("headers %v", seen)
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, seed := range []string{"/", "/api/data/books", "/a%2fb", "/a;b", "/%2e%2e/x", "//", `/a\b`, "/a/%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !web.CheckPath(u.Path, u.RawPath) {
			return
		}
		path := u.Path
		if path[0] != '/' || !utf8.ValidString(path) || strings.ContainsAny(path, "\\\x00\r\n") || strings.Contains(path, "//") {
			t.Fatalf("accepted %q", path)
		}
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("accepted %q", path)
			}
		}
		// What was sent has as many segments as what is used.
		if strings.Count(u.EscapedPath(), "/") != strings.Count(path, "/") {
			t.Fatalf("%q has other segments than %q", path, u.EscapedPath())
		}
	})
}
