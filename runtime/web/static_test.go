package web_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// files writes a tree and gives its folder.
func files(t *testing.T, tree map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range tree {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func staticSite(t *testing.T, dir string, spa bool) *site {
	m := plain()
	m.Routes = []manifest.Route{{Pattern: "/*", URLPath: "/*", Static: &manifest.Static{Dir: dir, SPA: spa}}}
	return newSite(t, m)
}

var publicTree = map[string]string{
	"public/index.html":             "<h1>home</h1>",
	"public/app.js":                 "let a = 1",
	"public/app.js.br":              "brotli",
	"public/app.js.gz":              "gzip",
	"public/assets/app.3f9a2b1c.js": "hashed",
	"public/docs/index.html":        "docs",
	"public/empty/x.txt":            "x",
	"public/data.bin":               "0123456789",
	"public/.env":                   "SECRET",
	"public/.git/config":            "SECRET",
	"public/docs/.hidden":           "SECRET",
	"public/data/shop.db":           "SECRET",
	"outside.txt":                   "SECRET",
}

func TestStatic(t *testing.T) {
	dir := filepath.Join(files(t, publicTree), "public")
	s := staticSite(t, dir, false)
	for _, c := range []struct {
		target, header string
		status         int
		body           string
		want           map[string]string
	}{
		{"/", "", 200, "<h1>home</h1>", map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "Content-Length": "13"}},
		{"/index.html", "", 200, "<h1>home</h1>", nil},
		{"/app.js", "", 200, "let a = 1", map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Content-Encoding": "", "Vary": "Origin, Accept-Encoding"}},
		{"/app.js", "Accept-Encoding: gzip, deflate, br", 200, "brotli", map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Content-Encoding": "br"}},
		{"/app.js", "Accept-Encoding: gzip", 200, "gzip", map[string]string{"Content-Encoding": "gzip"}},
		{"/app.js", "Accept-Encoding: br;q=0, gzip;q=0.0, zstd", 200, "let a = 1", map[string]string{"Content-Encoding": ""}},
		{"/assets/app.3f9a2b1c.js", "", 200, "hashed", map[string]string{"Cache-Control": "public, max-age=31536000, immutable"}},
		{"/docs/", "", 200, "docs", nil},
		{"/docs", "", 308, "", map[string]string{"Location": "/docs/"}},
		{"/data.bin", "Range: bytes=2-4", 206, "234", map[string]string{"Content-Range": "bytes 2-4/10", "Content-Type": "application/octet-stream"}},
		{"/data.bin", "Range: bytes=0-1,4-5", 200, "0123456789", nil},
		{"/data.bin", "Range: bytes=99-", 416, "", nil},
		{"/empty", "", 404, "", nil},
		{"/empty/", "", 404, "", nil},
		{"/app.js/", "", 404, "", nil},
		{"/nothing.js", "", 404, "", nil},
	} {
		w := s.do("GET", c.target, "", c.header)
		if w.Code != c.status || (c.body != "" && w.Body.String() != c.body) {
			t.Errorf("%s %s: %d %q", c.target, c.header, w.Code, w.Body)
		}
		for name, value := range c.want {
			wantHeader(t, w.Header(), name, value)
		}
		if w.Code == 404 {
			wantFault(t, w, 404, "not-found")
		}
	}
	plain, br := s.do("GET", "/app.js", ""), s.do("GET", "/app.js", "", "Accept-Encoding: br")
	if plain.Header().Get("Etag") == "" || plain.Header().Get("Etag") == br.Header().Get("Etag") || plain.Header().Get("Last-Modified") == "" {
		t.Errorf("tags %v %v", plain.Header(), br.Header())
	}
	if w := s.do("GET", "/app.js", "", "If-None-Match: "+plain.Header().Get("Etag")); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("conditional: %d", w.Code)
	}
	if w := s.do("HEAD", "/data.bin", ""); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "10" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
	w := s.do("POST", "/app.js", "")
	wantFault(t, w, 405, "method-not-allowed")
	wantHeader(t, w.Header(), "Allow", "OPTIONS, GET, HEAD")
	if w := s.do("GET", "/health", ""); w.Body.String() != "ok\n" {
		t.Errorf("the built-in surface is behind the static route: %s", w.Body)
	}
}

func TestStaticSPA(t *testing.T) {
	s := staticSite(t, filepath.Join(files(t, publicTree), "public"), true)
	for target, body := range map[string]string{"/orders/17": "<h1>home</h1>", "/app.js": "let a = 1", "/": "<h1>home</h1>"} {
		if w := s.do("GET", target, ""); w.Code != 200 || w.Body.String() != body {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	wantFault(t, s.do("GET", "/api/nothing", ""), 404, "not-found")
	wantFault(t, s.do("GET", "/rest/v1/nothing/x", ""), 404, "PGRST125")
}

// What must never be served, by any spelling.
func TestStaticNeverServes(t *testing.T) {
	root := files(t, publicTree)
	dir := filepath.Join(root, "public")
	for link, target := range map[string]string{"out.txt": "../outside.txt", "in.txt": ".env", "up": "..", "absolute": "/etc"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here")
		}
	}
	m := plain()
	m.Database.Dir = filepath.Join(dir, "data")
	m.Files = []string{filepath.Join(dir, "docs", "index.html")} // as a manifest would lie there
	for _, spa := range []bool{false, true} {
		m.Routes = []manifest.Route{
			{Pattern: "/*", URLPath: "/*", Static: &manifest.Static{Dir: dir, SPA: spa}},
			{Pattern: "/files/*", URLPath: "/files/*", Static: &manifest.Static{Dir: dir, SPA: spa}},
		}
		s := newSite(t, m)
		for _, prefix := range []string{"", "/files"} {
			for _, target := range []string{
				"/.env", "/%2eenv", "/%2Eenv", "/.git/config", "/docs/.hidden", "/docs/%2ehidden", "/out.txt", "/in.txt", "/up/outside.txt", "/absolute/passwd", "/absolute/hostname",
				"/data/shop.db", "/DATA/shop.db", "/data/", "/data", "/docs/", "/docs/index.html", "/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/docs/../.env",
				"/docs%2f..%2f.env", "/%5c..%5coutside.txt", "/.env%00.html", "/.env/", "/./.env", "//.env", "/.%65nv",
			} {
				w := s.do("GET", "http://example.com"+prefix+target, "")
				if body := w.Body.String(); strings.Contains(body, "SECRET") || (w.Code != 400 && w.Code != 404 && body != "<h1>home</h1>") {
					t.Errorf("%s%s: %d %s", prefix, target, w.Code, body)
				}
			}
		}
	}
}

func TestStaticFaults(t *testing.T) {
	dir := files(t, publicTree)
	for _, c := range []struct {
		code  string
		route manifest.Route
	}{
		{"no-folder", manifest.Route{URLPath: "/*", Static: &manifest.Static{Dir: filepath.Join(dir, "nope")}}},
		{"data-folder", manifest.Route{URLPath: "/*", Static: &manifest.Static{Dir: filepath.Join(dir, "public", "data")}}},
		{"unknown-rate", manifest.Route{URLPath: "/x", Rate: "nope", Respond: &manifest.Respond{Body: "x"}}},
		{"bad-route", manifest.Route{URLPath: "/x"}},
		{"bad-route", manifest.Route{URLPath: "no-slash", Respond: &manifest.Respond{Body: "x"}}},
		{"bad-route", manifest.Route{URLPath: "/a/*/b", Respond: &manifest.Respond{Body: "x"}}},
		{"bad-header", manifest.Route{URLPath: "/x", Respond: &manifest.Respond{Headers: map[string]string{"Content-Length": "1"}}}},
		{"bad-header", manifest.Route{URLPath: "/x", Respond: &manifest.Respond{Headers: map[string]string{"X": "a\r\nSet-Cookie: b"}}}},
		{"bad-redirect", manifest.Route{URLPath: "/x", Redirect: &manifest.Redirect{To: "//evil.example"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: "{x}"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: "https://{x}/a"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: "https://a.example{x}"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: "/{y}"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: "/{x"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: "javascript:alert(1)"}}},
		{"bad-redirect", manifest.Route{URLPath: "/{x}", Redirect: &manifest.Redirect{To: `/\evil.example`}}},
	} {
		m := plain()
		m.Database.Dir = filepath.Join(dir, "public", "data")
		c.route.Path = `routes."it"`
		m.Routes = []manifest.Route{c.route}
		m.Positions = manifest.Positions{`routes."it"`: {File: "edgehive.cue", Line: 7, Column: 3}}
		_, err := web.New(web.Options{Manifest: m, Gate: &gate{}, Callers: newKeys(t)})
		var f *fault.Fault
		if !errors.As(err, &f) || f.Code != c.code || f.Path != c.route.Path || len(f.Positions) == 0 || f.Positions[0].Line != 7 {
			t.Errorf("%+v: %v", c.route, err)
		}
	}
}

func TestStaticLargeFileOverTCP(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 256<<10) // 4 MiB
	dir := files(t, map[string]string{"big.bin": content})
	s := staticSite(t, dir, false)
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	response, err := http.Get(server.url + "/big.bin")
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, response); got != content {
		t.Errorf("%d bytes came, of %d", len(got), len(content))
	}
}
