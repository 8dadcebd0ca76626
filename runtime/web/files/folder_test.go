package files_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/web/files"
)

// folder writes a tree, old enough to be kept, and opens it.
func folder(t *testing.T, tree map[string]string, ours ...string) (*files.Folder, string) {
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
		if err := os.Chtimes(full, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range ours {
		ours[i] = filepath.Join(dir, ours[i])
	}
	f, err := files.Open(dir, new(files.Room), ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, dir
}

func read(t *testing.T, f *files.Folder, found *files.File) string {
	t.Helper()
	file, content, done := f.Content(found, true)
	if content == nil {
		t.Fatalf("%s is gone", found.Name)
	}
	defer done()
	all, err := io.ReadAll(content)
	if err != nil || fmt.Sprint(len(all)) != file.Length[0] {
		t.Fatalf("%d bytes of %s, %v", len(all), file.Length[0], err)
	}
	return string(all)
}

func TestFind(t *testing.T) {
	f, dir := folder(t, map[string]string{
		"index.html": "home", "about.html": "about", "docs/index.html": "docs", "app.3f9a2b1c.js": "hashed", "plain": "plain",
		".env": "SECRET", "data/shop.db": "SECRET", "DATA/shop.db": "SECRET", "backend.cue": "SECRET",
	}, "data", "backend.cue")
	if err := os.Symlink("about.html", filepath.Join(dir, "link.html")); err != nil {
		t.Log("links are not tested:", err)
	}
	for _, c := range []struct {
		name   string
		clean  bool
		want   string // the file's content, "" for none
		folder bool
	}{
		{"", false, "home", false},
		{"index.html", false, "home", false},
		{"about", false, "", false},
		{"about", true, "about", false},
		{"docs", false, "", true},
		{"docs/", false, "docs", false},
		{"plain", true, "plain", false},
		{"data/shop.db", false, "", false},
		{"Data/shop.db", false, "", false},
		{"DATA/shop.db", false, "", false},
		{"backend.cue", false, "", false},
		{"link.html", false, "", false},
		{"../" + filepath.Base(dir) + "/index.html", false, "", false},
		{"none/none", false, "", false},
	} {
		for range 2 { // the second time from memory
			file, isFolder := f.Find(c.name, c.clean)
			if (file != nil) != (c.want != "") || isFolder != c.folder {
				t.Errorf("%q: %v, a folder %v", c.name, file, isFolder)
				continue
			}
			if file != nil && read(t, f, file) != c.want {
				t.Errorf("%q is another file", c.name)
			}
		}
	}
	for name, want := range map[string]bool{"": true, "a/b.c": true, "docs/": true, ".env": false, "a/.git/config": false, "a/../b": false} {
		if got := f.Visible(name); got != want {
			t.Errorf("%q is visible: %v", name, got)
		}
	}
	hashed, _ := f.Find("app.3f9a2b1c.js", false)
	if hashed.Caching[0] != "public, max-age=31536000, immutable" || hashed.ContentType[0] != "text/javascript; charset=utf-8" {
		t.Errorf("%q, %q", hashed.Caching, hashed.ContentType)
	}
}

func TestOpenFaults(t *testing.T) {
	dir := t.TempDir()
	if _, err := files.Open(dir, new(files.Room), []string{"", dir}); !errors.Is(err, files.ErrOurs) {
		t.Error(err)
	}
	if _, err := files.Open(filepath.Join(dir, "none"), new(files.Room), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A client gets the sibling that it likes best, by the one meaning of Accept-Encoding.
func TestSiblings(t *testing.T) {
	f, dir := folder(t, map[string]string{"app.js": "plain", "app.js.br": "br", "app.js.gz": "gzip", "other.js": "plain"})
	sibling := func(name, accepted string) string {
		t.Helper()
		found, encoding := f.Sibling(f.Get(name), []string{accepted})
		if found == nil {
			return ""
		}
		if text := read(t, f, found); text != encoding[0] || found.SiblingTag[0] == found.Tag[0] {
			t.Errorf("%s with %q is %s", name, encoding, text)
		}
		return encoding[0]
	}
	for accepted, want := range map[string]string{
		"gzip": "gzip", "gzip, br": "br", "gzip, deflate, br, zstd": "br", "gzip;q=0.9, br;q=0.8": "gzip", "br;q=0, *": "gzip", "*": "br",
		"zstd": "", "br;q=0, gzip;q=0.0": "", "identity": "", "identity, br;q=0.5": "", "x-gzip": "gzip", "": "",
	} {
		if got := sibling("app.js", accepted); got != want {
			t.Errorf("%q gets %q, want %q", accepted, got, want)
		}
		if got := sibling("other.js", accepted); got != "" {
			t.Errorf("%q gets %q of a file that has none", accepted, got)
		}
	}
	if err := os.Remove(filepath.Join(dir, "app.js.br")); err != nil {
		t.Fatal(err)
	}
	if got := sibling("app.js", "br, gzip"); got != "gzip" {
		t.Errorf("where the best has gone, %q", got)
	}
}

// TestKeepsWithinBounds asks for more than is kept, by many at once.
func TestKeepsWithinBounds(t *testing.T) {
	tree := map[string]string{}
	const count = 120
	for i := range count {
		tree[fmt.Sprintf("f%d.bin", i)] = strings.Repeat(string(rune('a'+i%26)), 250<<10) // 29 MiB, and half as much again for what is compressed
	}
	f, _ := folder(t, tree)
	var clients sync.WaitGroup
	for client := range 2 {
		clients.Go(func() {
			for i := range count {
				i = (i + client*count/2) % count
				file := f.Get(fmt.Sprintf("f%d.bin", i))
				if file == nil || len(file.Body) != 250<<10 || file.Body[1000] != byte('a'+i%26) {
					t.Errorf("f%d.bin: %v", i, file)
				}
			}
		})
	}
	clients.Wait()
	kept, size, counted, sized := f.Kept()
	if kept != counted || size != sized || kept == 0 || kept == count || size > 32<<20 {
		t.Errorf("%d files of %d bytes are kept, counted as %d and %d", kept, size, counted, sized)
	}
}
