package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// precedenceRoutes say their own pattern.
func precedenceRoutes() []manifest.Route {
	var routes []manifest.Route
	for _, pattern := range []string{
		"/*", "GET /a", "/a", "HEAD /a", "POST /a/{x}", "/a/*", "GET /a/b",
		"GET *.example.com/*", "a.example.com/a/{x}", "GET a.example.com/a/b", "*.deep.example.com/a",
	} {
		r := manifest.Route{}
		rest := pattern
		if method, after, found := strings.Cut(pattern, " "); found {
			r.Method, rest = method, after
		}
		slash := strings.IndexByte(rest, '/')
		r.Host, r.URLPath = rest[:slash], rest[slash:]
		routes = append(routes, words(r, pattern))
	}
	return routes
}

// TestPrecedence holds what is answered against what `edge-hive routes` lists: the
// first that fits.
func TestPrecedence(t *testing.T) {
	m := plain()
	m.Routes = precedenceRoutes()
	s := newSite(t, m)
	for _, c := range []struct{ method, target, want string }{
		{"GET", "http://x/a", "GET /a"},
		{"PUT", "http://x/a", "/a"},
		{"GET", "http://x/a/b", "GET /a/b"},
		{"POST", "http://x/a/b", "POST /a/{x}"},
		{"PUT", "http://x/a/b", "/a/*"},
		{"GET", "http://x/a/c", "/a/*"},
		{"GET", "http://x/z", "/*"},
		{"GET", "http://a.example.com/a/b", "GET a.example.com/a/b"},
		{"GET", "http://a.example.com/a/c", "a.example.com/a/{x}"},
		{"GET", "http://a.example.com/a", "GET *.example.com/*"}, // its own host has none that fits
		{"POST", "http://a.example.com/a", "/a"},
		{"GET", "http://b.example.com:8080/a/b", "GET *.example.com/*"},
		{"GET", "http://c.b.example.com/a", "GET /a"}, // one label, and not two
		{"GET", "http://example.com/a", "GET /a"},
		{"GET", "http://X.Deep.Example.com./a", "*.deep.example.com/a"},
		{"GET", "http://x.deep.example.com/b", "/*"},
		{"GET", "http://b.example.com/health", "ok\n"}, // what is built in is never hidden
	} {
		if w := s.do(c.method, c.target, ""); w.Body.String() != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.target, w.Body, c.want)
		}
	}
	if w := s.do("HEAD", "http://x/a", ""); w.Code != 200 {
		t.Errorf("HEAD %d", w.Code)
	}
	var listed []string
	for _, l := range web.List(m) {
		if !l.BuiltIn {
			listed = append(listed, strings.TrimPrefix(l.Host+l.Path+" "+strings.Join(l.Methods, ","), "* "))
		}
	}
	want := []string{
		"a.example.com/a/b GET,HEAD", "a.example.com/a/{x} ",
		"*.deep.example.com/a ", "*.example.com/* GET,HEAD",
		"/a HEAD", "/a GET,HEAD", "/a ", "/a/b GET,HEAD", "/a/{x} POST", "/a/* ", "/* ",
	}
	if !slices.Equal(listed, want) {
		t.Errorf("listed\n%s\nwant\n%s", strings.Join(listed, "\n"), strings.Join(want, "\n"))
	}
}

// TestMethodsOfAllTrees holds that Allow knows the routes of every host that fits.
func TestMethodsOfAllTrees(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{
		words(manifest.Route{Method: "POST", Host: "a.example.com", URLPath: "/x"}, "a"),
		words(manifest.Route{Method: "GET", URLPath: "/x"}, "b"),
	}
	s := newSite(t, m)
	w := s.do("DELETE", "http://a.example.com/x", "")
	wantFault(t, w, 405, "method-not-allowed")
	wantHeader(t, w.Header(), "Allow", "OPTIONS, GET, HEAD, POST")
	if w := s.do("OPTIONS", "http://a.example.com/x", ""); w.Code != 204 {
		t.Errorf("%d", w.Code)
	}
	wantFault(t, s.do("DELETE", "http://a.example.com/y", ""), 404, "not-found")
	wantHeader(t, s.do("DELETE", "http://b.example.com/x", "").Header(), "Allow", "OPTIONS, GET, HEAD")
}

// TestListedBuiltIns holds that what is listed as built in is answered by the
// backend, whatever routes there are.
func TestListedBuiltIns(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{words(manifest.Route{URLPath: "/*"}, "a route")}
	s := newSite(t, m, func(o *web.Options) {
		o.OpenAPI = web.OpenAPI{Everyone: []byte("{}"), Service: []byte("{}")}
		o.Realtime = nil
	})
	for _, l := range web.List(m) {
		if !l.BuiltIn || strings.Contains(l.Path, "realtime") {
			continue
		}
		path := strings.NewReplacer("{table}", "books", "{key}", "1", "{query}", "q", "{function}", "f").Replace(l.Path)
		for _, method := range l.Methods {
			w := s.do(method, path, "")
			if w.Body.String() == "a route" || w.Code == 405 || strings.Contains(w.Body.String(), "there is nothing at this path") {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

// TestHostsOfTheBuiltIn holds that built-in paths answer on declared hosts alone,
// and that routes have every path on the others.
func TestHostsOfTheBuiltIn(t *testing.T) {
	m := plain()
	m.Server.Hosts = []string{"api.example.com", "*.api.example.com"}
	m.Routes = []manifest.Route{
		words(manifest.Route{Host: "app.example.com", URLPath: "/*"}, "app"),
		words(manifest.Route{Host: "app.example.com", Method: "POST", URLPath: "/api/data/t"}, "own"),
	}
	s := newSite(t, m)
	for _, c := range []struct {
		method, target, want string
		status               int
	}{
		{"GET", "http://app.example.com/health", "app", 200},
		{"GET", "http://app.example.com/api/data/t", "app", 200},
		{"POST", "http://app.example.com/api/data/t", "own", 200},
		{"GET", "http://app.example.com/rest/v1/t", "app", 200},
		{"GET", "http://APP.example.com.:8443/api/openapi.json", "app", 200},
		{"GET", "http://api.example.com/health", "ok\n", 200},
		{"GET", "http://api.example.com:8443/api/data/t", "[", 200},
		{"GET", "http://eu.api.example.com/health", "ok\n", 200},
		{"GET", "http://127.0.0.1:8080/health", "ok\n", 200},
		{"GET", "http://[::1]:8080/health", "ok\n", 200},
		{"GET", "http://other.example.com/health", `"not-found"`, 404},
		{"GET", "http://other.example.com/api/data/t", `"not-found"`, 404},
	} {
		if w := s.do(c.method, c.target, ""); w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.target, w.Code, w.Body, c.status, c.want)
		}
	}
}
