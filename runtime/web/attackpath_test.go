package web_test

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// spellings are ways to write /app/admin/secret, and to come to it from elsewhere.
func spellings() []string {
	all := []string{
		"/app/admin/secret", "/app//admin/secret", "/app/./admin/secret", "/app/x/../admin/secret", "/app/admin/../admin/secret", "/app/admin//secret",
		"//app/admin/secret", "/./app/admin/secret", "/x/../app/admin/secret", "/app/admin/./secret", "/app/public/../admin/secret", "/app/public/..;/admin/secret",
		"/app/%61dmin/secret", "/app/%61%64%6d%69%6e/secret", "/app/%2561dmin/secret", "/app/admin%2fsecret", "/app/admin%2Fsecret", "/app%2fadmin%2fsecret", "/app%2fadmin/secret",
		"/app/admin%252fsecret", "/app/%2e/admin/secret", "/app/public/%2e%2e/admin/secret", "/app/public/%2E%2e/admin/secret", "/app/public/.%2e/admin/secret", "/app/public/%252e%252e/admin/secret",
		"/app/public%2f..%2fadmin/secret", "/app/public/..%2fadmin/secret", "/app/public/..%5cadmin/secret", "/app/public\\..\\admin\\secret", "/app\\admin\\secret", "/app/%5cadmin/secret", "/app/admin%5csecret",
		"/app/admin;x/secret", "/app/admin;/secret", "/app/;/admin/secret", "/app/admin%3bx/secret", "/app/;x=1/admin/secret", "/app/public/;/../admin/secret",
		"/app/%c0%af/admin/secret", "/app/%c0%aeadmin/secret", "/app/public/%c0%ae%c0%ae/admin/secret", "/app/%e0%80%afadmin/secret", "/app%c0%afadmin%c0%afsecret", "/app/%ff/admin/secret", "/app/admi%6e%00/secret", "/app/admin%00/secret",
		"/app/%EF%BC%8Fadmin/secret", "/app/\uff0fadmin/secret", "/app/ad\u200bmin/secret", "/app/%e2%80%ae/secret",
		"/app/ADMIN/secret", "/APP/admin/secret", "/App/Admin/Secret", "/app/admin/secret/", "/app/admin/secret/.", "/app/admin/secret%20", "/app/admin /secret", "/app/admin%20/secret", "/app/admin./secret", "/app/admin/secret%0a", "/app/admin%09/secret",
		"/app/admin/secret?x=/app/public", "/app/public?/../admin/secret", "/app/public%3f/../admin/secret", "/app/public%23/../admin/secret", "/app/public#/../admin/secret",
		"http://a/app/admin/secret", "http://a//app/admin/secret", "http://a/app/public/%2e%2e/admin/secret", "http://a:80/app/admin/secret", "/app/admin%u002fsecret", "/app/admin%2/secret", "/app/%/admin/secret",
	}
	return all
}

// However a path is written, no spelling reaches what a rule guards by another
// route: neither here, nor on the server behind a proxy, which may decode and clean
// once more.
func TestAttackPaths(t *testing.T) {
	var mu sync.Mutex
	var seen []string // by the server behind, as it was sent
	behind := behind(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.RequestURI)
	})
	m := proxied(behind, func(r *manifest.Route) { r.Proxy.Strip = "" })
	guarded := m.Routes[0]
	guarded.Pattern, guarded.URLPath, guarded.Path, guarded.Use = "/app/admin/*", "/app/admin/*", `routes."/app/admin/*"`, []string{"nobody"}
	alone := guarded
	alone.Pattern, alone.URLPath, alone.Path = "/app/admin", "/app/admin", `routes."/app/admin"`
	m.Routes = append(m.Routes, guarded, alone)
	m.Middleware = []manifest.Middleware{{Name: "nobody", IP: &manifest.IPRule{Deny: []string{"0.0.0.0/0", "::/0"}}}}
	s := newSite(t, m)
	server := serve(t, s.Handler, wire.Bounds{Total: 1000, PerAddress: 1000})
	if answers, _ := exchangeRaw(t, server.address, "GET /app/public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); len(answers) != 1 || !strings.HasPrefix(answers[0], "200") {
		t.Fatalf("nothing is proxied: %q", answers)
	}
	if answers, _ := exchangeRaw(t, server.address, "GET /app/admin/secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); len(answers) != 1 || !strings.HasPrefix(answers[0], "403") {
		t.Fatalf("nothing is guarded: %q", answers)
	}
	mu.Lock()
	seen = nil
	mu.Unlock()
	for _, spelling := range spellings() {
		for _, method := range []string{"GET", "POST", "PROPFIND"} {
			answers, _ := exchangeRaw(t, server.address, method+" "+spelling+" HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: GET\r\nX-Original-URL: /app/admin/secret\r\nX-Rewrite-URL: /app/admin/secret\r\nConnection: close\r\n\r\n")
			if len(answers) != 1 || strings.HasPrefix(answers[0], "5") && !strings.HasPrefix(answers[0], "505") {
				t.Errorf("%s %s: %q", method, spelling, answers)
			}
			mu.Lock()
			for _, uri := range seen {
				// As other servers may read it: decoded, backslashes for slashes,
				// parameters cut, cleaned.
				raw, _, _ := strings.Cut(uri, "?")
				decoded, err := url.PathUnescape(raw)
				if err != nil {
					t.Errorf("%s %s: the server behind got %q", method, spelling, uri)
				}
				bare, _ := url.PathUnescape(withoutParameters(raw))
				for _, reading := range []string{decoded, strings.ReplaceAll(decoded, `\`, "/"), bare, strings.ToValidUTF8(decoded, "")} {
					if cleaned := path.Clean(reading); strings.HasPrefix(cleaned, "/app/admin/") || cleaned == "/app/admin" {
						t.Errorf("%s %s: the server behind got %q, and may read %s", method, spelling, uri, cleaned)
					}
				}
			}
			seen = nil
			mu.Unlock()
		}
	}
}

// withoutParameters cuts what is behind semicolons, as servlets do.
func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// The same for files: no spelling leads out of a folder, or to what is hidden in it.
func TestAttackFiles(t *testing.T) {
	m := plain()
	dir := files(t, map[string]string{"public/a.txt": "fine", ".env": "HIDDEN", "public/.git/config": "HIDDEN"})
	files(t, map[string]string{"x": "HIDDEN"})
	m.Routes = []manifest.Route{{Pattern: "/*", URLPath: "/*", Static: &manifest.Static{Dir: dir}}}
	s := newSite(t, m)
	server := serve(t, s.Handler, wire.Bounds{Total: 1000, PerAddress: 1000})
	for _, spelling := range []string{
		"/.env", "/%2eenv", "/%2Eenv", "/%252eenv", "/public/../.env", "/public/%2e%2e/.env", "/public/..%2f.env", "/public/..%5c.env", "/public/.git/config", "/public/%2egit/config",
		"/.%65nv", "/public/.git%2fconfig", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/....//....//etc/passwd", "/public/..%c0%af..%c0%afetc/passwd",
		"/.env%00.txt", "/.env%20", "/.env.", "/.env/", "/public/a.txt/../../.env", "//.env", "/.ENV", "/public\\..\\.env", "/C:/windows/win.ini", "/public/a.txt::$DATA", "/.env;.txt",
	} {
		answers, _ := exchangeRaw(t, server.address, "GET "+spelling+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if len(answers) != 1 || !strings.HasPrefix(answers[0], "4") || strings.Contains(answers[0], "HIDDEN") || strings.Contains(answers[0], "root:") {
			t.Errorf("%s: %q", spelling, answers)
		}
	}
}
