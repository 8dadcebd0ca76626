package check_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// FuzzRoutes proves that the router never panics on routes that check lets
// through, that it then reaches both of them, and that no route takes a
// built-in path.
func FuzzRoutes(f *testing.F) {
	for _, pair := range [][2]string{
		{"/a", "/a/"},
		{"/a/{id}", "/a/{name}/b"},
		{"/a/{id}", "/a/new"},
		{"/*", "/{page}"},
		{"/files/*", "/files/{name}"},
		{"/a{b}", "/a/{b:.*}"},
		{"/{", "/}"},
		{"/a*b", "/*/x"},
		{"/a//b", "/../x"},
		{"/api/x", "/apix"},
		{"/{a}/{a}", "/{a}/{b}"},
		{"/é", "/%41"},
		{"/health", "/healthy"},
		{"", "/"},
	} {
		f.Add(pair[0], "GET", pair[1], "GET")
		f.Add(pair[0], "", pair[1], "POST")
	}
	f.Fuzz(func(t *testing.T, first, firstMethod, second, secondMethod string) {
		m := &manifest.Manifest{Routes: []manifest.Route{
			{Pattern: first, URLPath: first, Method: firstMethod, Path: "routes.first", Respond: &manifest.Respond{Status: 200}},
			{Pattern: second, URLPath: second, Method: secondMethod, Path: "routes.second", Respond: &manifest.Respond{Status: 200}},
		}}
		if _, faults := check.Check(fill(m)); len(faults) > 0 {
			return
		}
		router := chi.NewRouter()
		for _, path := range []string{"/api/*", "/rest/v1/*", "/health"} {
			router.Handle(path, answer("built in"))
		}
		for _, r := range m.Routes {
			if r.Method == "" {
				router.Handle(r.URLPath, answer(r.Path))
			} else {
				router.Method(r.Method, r.URLPath, answer(r.Path))
			}
		}
		for _, r := range m.Routes {
			if got := ask(router, r.Method, example(r.URLPath)); got != r.Path {
				t.Errorf("%q and %q: an example of %s reaches %q", first, second, r.Path, got)
			}
		}
		if got := ask(router, "GET", "/api/data/books"); got != "built in" {
			t.Errorf("%q or %q took a built-in path", first, second)
		}
	})
}

// fill gives a manifest the bounds that load fills in.
func fill(m *manifest.Manifest) *manifest.Manifest {
	m.Limits = manifest.Limits{Body: 1 << 20, Timeout: 30e9, Statement: 5e9, Connections: 100, ConnectionsPerAddress: 10}
	m.Database = manifest.Database{Engine: "sqlite", ChangesKeep: 24 * 3600e9, ChangesMax: 1 << 30}
	m.Cache.MemorySize = 1 << 20
	return m
}

func answer(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
}

func ask(h http.Handler, method, path string) string {
	if method == "" {
		method = "PUT"
	}
	r := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

// example is a path that matches a pattern and, but for bad luck, no other.
func example(pattern string) string {
	segments := strings.Split(pattern, "/")
	for i, s := range segments {
		switch {
		case s == "*":
			segments[i] = "zqx/zqy.html"
		case strings.HasPrefix(s, "{"):
			segments[i] = "zq-" + strings.Trim(s, "{}")
		}
	}
	return strings.Join(segments, "/")
}
