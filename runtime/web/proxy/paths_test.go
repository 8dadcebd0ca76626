package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

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
