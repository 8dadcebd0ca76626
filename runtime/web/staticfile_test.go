package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// aged makes all files of a folder look as if they had been there for long, so
// that they are kept.
func aged(t *testing.T, dir string) {
	t.Helper()
	before := time.Now().Add(-time.Hour)
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		return os.Chtimes(path, before, before)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestStaticKept does all that TestStatic does with files that are in memory from
// the second request on.
func TestStaticKept(t *testing.T) {
	dir := filepath.Join(files(t, publicTree), "public")
	aged(t, dir)
	s := staticSite(t, dir, false)
	for round := range 3 {
		for _, c := range []struct {
			target, header string
			status         int
			body           string
		}{
			{"/", "", 200, "<h1>home</h1>"},
			{"/app.js", "", 200, "let a = 1"},
			{"/app.js", "Accept-Encoding: br", 200, "brotli"},
			{"/app.js", "Accept-Encoding: gzip", 200, "gzip"},
			{"/data.bin", "Range: bytes=2-4", 206, "234"},
			{"/data.bin", "Range: bytes=99-", 416, "invalid range: failed to overlap\n"},
			{"/docs/", "", 200, "docs"},
			{"/nothing", "", 404, ""},
		} {
			w := s.do("GET", c.target, "", c.header)
			if w.Code != c.status || (c.body != "" && w.Body.String() != c.body) {
				t.Errorf("round %d: %s %s: %d %q", round, c.target, c.header, w.Code, w.Body)
			}
			if length := fmt.Sprint(w.Body.Len()); c.status == 200 && w.Header().Get("Content-Length") != length {
				t.Errorf("round %d: %s %s: Content-Length %q of %s bytes", round, c.target, c.header, w.Header().Get("Content-Length"), length)
			}
		}
		for _, header := range []string{"", "Accept-Encoding: br"} {
			tag := s.do("GET", "/app.js", "", header).Header().Get("Etag")
			for _, known := range []string{tag, "W/" + tag, `"other", ` + tag} {
				w := s.do("GET", "/app.js", "", header, "If-None-Match: "+known)
				if w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("Etag") != tag || w.Header().Get("Content-Encoding") != "" {
					t.Errorf("round %d: If-None-Match: %s: %d %v", round, known, w.Code, w.Header())
				}
			}
		}
		if w := s.do("HEAD", "/data.bin", ""); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "10" {
			t.Errorf("HEAD: %d %v", w.Code, w.Header())
		}
	}
}

// TestStaticChanges sees at once what became of files that are in memory.
func TestStaticChanges(t *testing.T) {
	dir := filepath.Join(files(t, publicTree), "public")
	aged(t, dir)
	s := staticSite(t, dir, false)
	get := func(target string, headers ...string) (int, string) {
		w := s.do("GET", target, "", headers...)
		return w.Code, w.Body.String()
	}
	for range 2 {
		if code, body := get("/app.js"); code != 200 || body != "let a = 1" {
			t.Fatalf("%d %s", code, body)
		}
		get("/docs/")
		get("/app.js", "Accept-Encoding: br")
	}
	// Of the same length: only the time tells.
	write(t, filepath.Join(dir, "app.js"), "let a = 2")
	if _, body := get("/app.js"); body != "let a = 2" {
		t.Errorf("written over: %s", body)
	}
	write(t, filepath.Join(dir, "app.js"), "let a = 3")
	if _, body := get("/app.js"); body != "let a = 3" {
		t.Errorf("written over within the same moment: %s", body)
	}
	write(t, filepath.Join(dir, "app.js.br"), "BROTLI")
	if _, body := get("/app.js", "Accept-Encoding: br"); body != "BROTLI" {
		t.Errorf("a sibling written over: %s", body)
	}
	if err := os.Remove(filepath.Join(dir, "app.js.br")); err != nil {
		t.Fatal(err)
	}
	if _, body := get("/app.js", "Accept-Encoding: br"); body != "let a = 3" {
		t.Errorf("without the sibling: %s", body)
	}
	// Another file in its place, as rsync does, with the same time and size.
	aged(t, dir)
	get("/app.js")
	get("/app.js")
	write(t, filepath.Join(dir, "new.js"), "let a = 4")
	aged(t, dir)
	if err := os.Rename(filepath.Join(dir, "new.js"), filepath.Join(dir, "app.js")); err != nil {
		t.Fatal(err)
	}
	if _, body := get("/app.js"); body != "let a = 4" {
		t.Errorf("renamed over: %s", body)
	}
	// A link in the place of a file that is kept is no file.
	get("/docs/")
	page := filepath.Join(dir, "docs", "index.html")
	if err := os.Rename(page, page+".was"); err != nil {
		t.Fatal(err)
	}
	if code, _ := get("/docs/"); code != 404 {
		t.Errorf("gone: %d", code)
	}
	if err := os.Symlink("index.html.was", page); err == nil {
		if code, body := get("/docs/"); code != 404 {
			t.Errorf("a link: %d %s", code, body)
		}
	}
}

func TestStaticCleanURLs(t *testing.T) {
	dir := files(t, map[string]string{
		"about.html": "about", "docs/index.html": "docs", "docs.html": "page of docs", "team/bob.html": "bob", "plain": "plain", "plain.html": "no",
		"404.html": "<h1>not here</h1>", ".hidden.html": "SECRET",
	})
	m := plain()
	m.Routes = []manifest.Route{
		{Pattern: "/*", URLPath: "/*", Static: &manifest.Static{Dir: dir, CleanURLs: true, NotFound: "404.html"}},
		{Pattern: "/plain/*", URLPath: "/plain/*", Static: &manifest.Static{Dir: dir}},
	}
	s := newSite(t, m)
	for round := range 2 { // the second time from memory
		for target, body := range map[string]string{"/about": "about", "/about.html": "about", "/docs": "page of docs", "/docs/": "docs", "/team/bob": "bob", "/plain": "plain"} {
			if w := s.do("GET", target, ""); w.Code != 200 || w.Body.String() != body {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
		for _, target := range []string{"/nobody", "/about/", "/team", "/team/", "/.hidden", "/.hidden.html", "/x.js", "/about.htm"} {
			w := s.do("GET", target, "", "If-None-Match: *", "Range: bytes=0-1")
			if w.Code != 404 || w.Body.String() != "<h1>not here</h1>" {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
			wantHeader(t, w.Header(), "Content-Type", "text/html; charset=utf-8")
			wantHeader(t, w.Header(), "Cache-Control", "no-cache")
			wantHeader(t, w.Header(), "Content-Length", "17")
			wantHeader(t, w.Header(), "Etag", "")
		}
		wantFault(t, s.do("GET", "/plain/about", ""), 404, "not-found")
		wantFault(t, s.do("GET", "/api/nothing", ""), 404, "not-found")
		if w := s.do("HEAD", "/nobody", ""); w.Code != 404 || w.Body.Len() != 0 {
			t.Errorf("HEAD: %d %s", w.Code, w.Body)
		}
		if round == 0 {
			aged(t, dir)
		}
	}
	// Without its page the path has a fault, as everywhere.
	if err := os.Remove(filepath.Join(dir, "404.html")); err != nil {
		t.Fatal(err)
	}
	wantFault(t, s.do("GET", "/nobody", ""), 404, "not-found")
}

// TestStaticOverTCP sends files of every size over a connection that is kept, from
// memory and from the disk.
func TestStaticOverTCP(t *testing.T) {
	tree := map[string]string{}
	for _, size := range []int{0, 1, 511, 1 << 10, 32<<10 - 1, 32 << 10, 100 << 10, 256 << 10, 256<<10 + 1, 3 << 20} {
		tree[fmt.Sprintf("%d.bin", size)] = strings.Repeat("0123456789abcdef", size/16+1)[:size]
	}
	dir := files(t, tree)
	aged(t, dir)
	server := serve(t, staticSite(t, dir, false).Handler, wire.Bounds{Total: 10, PerAddress: 10})
	for range 3 {
		for name, content := range tree {
			response, err := http.Get(server.url + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, response); got != content || response.ContentLength != int64(len(content)) {
				t.Errorf("%s: %d bytes came, announced as %d", name, len(got), response.ContentLength)
			}
		}
	}
}
