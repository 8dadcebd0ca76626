package front_test

import (
	"os"
	"path/filepath"
	"testing"
)

var fileProofs = map[string]proof{
	"a folder": {check: func(t *testing.T, s *site) {
		s.want(t, "/app.js", 200, "let a = 1")
		s.want(t, "/nothing.js", 404, `"code":"not-found"`)
		if g := s.ask(t, "HEAD", "/photo.bin", ""); g.status != 200 || g.ContentLength != 10 || g.body != "" {
			t.Errorf("HEAD: %d, %d bytes, %q", g.status, g.ContentLength, g.body)
		}
		if g := s.ask(t, "POST", "/app.js", "x"); g.status != 405 {
			t.Errorf("POST: %d", g.status)
		}
		// What is written over is served.
		for range 2 {
			s.want(t, "/app.js", 200, "let a = 1")
		}
		write(t, filepath.Join(s.Dir, "public", "app.js"), "let a = 2, b")
		s.want(t, "/app.js", 200, "let a = 2, b")
	}},
	"a folder at a path": {check: func(t *testing.T, s *site) {
		s.want(t, "/assets/app.css", 200, "body {}")
		s.want(t, "/app.css", 404, "")
	}},
	"an application in one page": {check: func(t *testing.T, s *site) {
		s.want(t, "/orders/17", 200, "<h1>home</h1>")
		s.want(t, "/app.js", 200, "let a = 1")
		s.want(t, "/.env", 404, "")
	}},
	"pages without .html": {check: func(t *testing.T, s *site) {
		s.want(t, "/about", 200, "about us").header(t, "Content-Type", "text/html; charset=utf-8")
		s.want(t, "/about.html", 200, "about us")
		s.want(t, "/nobody", 404, "")
	}},
	"a page for what is not there": {check: func(t *testing.T, s *site) {
		s.want(t, "/nobody", 404, "<h1>nothing here</h1>").header(t, "Content-Type", "text/html; charset=utf-8")
		s.want(t, "/", 200, "home")
	}},
	"index.html of folders, with their slash": {check: func(t *testing.T, s *site) {
		s.want(t, "/docs/", 200, "the docs")
		s.to(t, "/docs", 308, "/docs/")
		s.to(t, "/docs?page=2", 308, "/docs/?page=2")
		s.want(t, "/img/", 404, "") // no list of what is in it
	}},
	"compressed files beside the files": {check: func(t *testing.T, s *site) {
		for encoding, body := range map[string]string{"br": "as brotli", "zstd": "as zstd", "gzip": "as gzip"} {
			g := s.want(t, "/app.js", 200, body, "Accept-Encoding: "+encoding)
			g.header(t, "Content-Encoding", encoding)
			g.header(t, "Content-Type", "text/javascript; charset=utf-8")
			if int(g.ContentLength) != len(body) {
				t.Errorf("%s: %d bytes are announced, of %d", encoding, g.ContentLength, len(body))
			}
		}
		s.want(t, "/app.js", 200, "let a = 1", "Accept-Encoding: identity").header(t, "Content-Encoding", "")
	}},
	"ETag, Last-Modified, ranges": {check: func(t *testing.T, s *site) {
		g := s.want(t, "/photo.bin", 200, "0123456789")
		tag, modified := g.Header.Get("Etag"), g.Header.Get("Last-Modified")
		if tag == "" || modified == "" {
			t.Fatalf("%v", g.Header)
		}
		s.want(t, "/photo.bin", 304, "", "If-None-Match: "+tag)
		s.want(t, "/photo.bin", 304, "", "If-Modified-Since: "+modified)
		s.want(t, "/photo.bin", 206, "234", "Range: bytes=2-4").header(t, "Content-Range", "bytes 2-4/10")
		s.want(t, "/photo.bin", 416, "", "Range: bytes=99-")
		s.want(t, "/photo.bin", 200, "0123456789", "Range: bytes=2-4", `If-Range: "another"`)
	}},
	"types of files": {check: func(t *testing.T, s *site) {
		for path, kind := range map[string]string{
			"/index.html": "text/html; charset=utf-8", "/app.js": "text/javascript; charset=utf-8", "/img/a.svg": "image/svg+xml", "/photo.bin": "application/octet-stream",
		} {
			g := s.get(t, path)
			g.header(t, "Content-Type", kind)
			g.header(t, "X-Content-Type-Options", "nosniff")
		}
	}},
	"files with a hash in their name are kept for good": {check: func(t *testing.T, s *site) {
		s.get(t, "/app.3f9a2b1c.js").header(t, "Cache-Control", "public, max-age=31536000, immutable")
		s.get(t, "/app.js").header(t, "Cache-Control", "no-cache")
	}},
	"how long others are kept": {check: func(t *testing.T, s *site) {
		s.want(t, "/img/a.svg", 200, "<svg/>").header(t, "Cache-Control", "public, max-age=3600")
	}},
	"no dotfiles": {check: func(t *testing.T, s *site) {
		for _, path := range []string{"/.env", "/%2eenv", "/.git/config", "/docs/../.env"} {
			if g := s.get(t, path); g.status != 404 && g.status != 400 {
				t.Errorf("%s: %d %s", path, g.status, g.body)
			}
		}
		if err := os.Symlink(".env", filepath.Join(s.Dir, "public", "env.txt")); err != nil {
			t.Fatal(err)
		}
		s.want(t, "/env.txt", 404, "") // nor links
	}},
	"but .well-known": {check: func(t *testing.T, s *site) {
		s.want(t, "/.well-known/security.txt", 200, "Contact: ")
	}},
}
