package kits_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/kits"
)

// TestNew begins a function in every language.
func TestNew(t *testing.T) {
	for _, l := range kits.Languages {
		t.Run(l.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "functions", "price")
			if err := l.New(dir, "price"); err != nil {
				t.Fatal(err)
			}
			found, err := kits.Of(dir)
			if err != nil || found.Name != l.Name {
				t.Errorf("it is taken for %q: %v", found.Name, err)
			}
			if !kits.Laid(dir) {
				t.Error("its kit is not there")
			}
			named(t, dir)
			if err := l.New(dir, "price"); err == nil {
				t.Error("a folder that is not empty was taken")
			}
			if again, err := kits.Find(l.Name); err != nil || again.Folder != l.Folder {
				t.Errorf("%q finds %q: %v", l.Name, again.Folder, err)
			}
		})
	}
	if _, err := kits.Find("cobol"); err == nil || !strings.Contains(err.Error(), "rust, go, ts, c, js") {
		t.Errorf("another language: %v", err)
	}
	if _, err := kits.Of(t.TempDir()); err == nil {
		t.Error("an empty folder has a language")
	}
}

// named looks for the function's name, and for what should have become it.
func named(t *testing.T, dir string) {
	t.Helper()
	found := false
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		found = found || bytes.Contains(content, []byte("price"))
		if strings.HasSuffix(path, ".template") || bytes.Contains(content, []byte("{{.")) {
			t.Errorf("%s has placeholders", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Error("its name is nowhere")
	}
}

// TestBuild builds what New begins: Go, which is at hand, and lays the kit where it is
// missing.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	l, err := kits.Find("go")
	if err != nil {
		t.Fatal(err)
	}
	source, module := filepath.Join(dir, "price"), filepath.Join(dir, "build", "price.wasm")
	if err := l.New(source, "price"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(source, kits.Folder)); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	if err := kits.Build(context.Background(), source, module, &output); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	g := load(t, "function.wasm", read(t, filepath.Dir(module), "price.wasm"))
	same(t, g.get(t, "/", "name=%C3%BC").body.Bytes(), `{"hello": "ü", "from": "price"}`)

	if err := os.WriteFile(filepath.Join(source, "main.go"), []byte("package main\n\nfunc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := kits.Build(context.Background(), source, module, &output); err == nil || !strings.Contains(output.String(), "main.go:3") {
		t.Errorf("what does not compile: %v\n%s", err, output.String())
	}
	if after := read(t, filepath.Dir(module), "price.wasm"); len(after) == 0 {
		t.Error("the module of before is gone")
	}
	t.Setenv("PATH", t.TempDir())
	if err := kits.Build(context.Background(), source, module, &output); !errors.Is(err, kits.ErrToolchain) {
		t.Errorf("without a compiler: %v", err)
	}
}
