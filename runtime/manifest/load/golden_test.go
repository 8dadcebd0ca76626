package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

var update = flag.Bool("update", false, "rewrite what the cases in testdata want")

// TestGolden loads the manifest of each case and compares what comes of it, a
// manifest or faults, with the file want. Lines "tags: a b" and "path: sub" in
// a case's comment say what to load.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := unpack(t, archive)
			o := options(archive.Comment, dir)
			got := outcome(t, o, dir)
			want := archive.Files[len(archive.Files)-1]
			if want.Name != "want" {
				want = txtar.File{Name: "want"}
				archive.Files = append(archive.Files, want)
			}
			if got == string(want.Data) {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want.Data)
			}
			archive.Files[len(archive.Files)-1].Data = []byte(got)
			if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func unpack(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == "want" {
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func options(comment []byte, dir string) load.Options {
	o := load.Options{Path: dir}
	for line := range strings.Lines(string(comment)) {
		if tags, ok := strings.CutPrefix(line, "tags:"); ok {
			o.Tags = strings.Fields(tags)
		}
		if path, ok := strings.CutPrefix(line, "path:"); ok {
			o.Path = filepath.Join(dir, strings.TrimSpace(path))
		}
	}
	return o
}

func outcome(t *testing.T, o load.Options, dir string) string {
	t.Helper()
	m, err := load.Load(context.Background(), o)
	if err == nil {
		return strings.ReplaceAll(describe(t, m), dir, "DIR")
	}
	var list fault.List
	if !errors.As(err, &list) {
		t.Fatalf("%T is no fault.List: %v", err, err)
	}
	var b strings.Builder
	if err := fault.Render(&b, list, dir); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), dir, "DIR")
}

// describe is a manifest as JSON, without what is empty.
func describe(t *testing.T, m *manifest.Manifest) string {
	t.Helper()
	c := *m
	c.Positions, c.Hash = nil, ""
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	tree, _ = withoutEmpty(tree)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(tree); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func withoutEmpty(v any) (any, bool) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if kept, ok := withoutEmpty(e); ok && k != "Path" {
				x[k] = kept
			} else if k != "Path" || e == "" || strings.Contains(e.(string), "[") || x["Engine"] == nil {
				delete(x, k)
			}
		}
		return x, len(x) > 0
	case []any:
		for i, e := range x {
			x[i], _ = withoutEmpty(e)
		}
		return x, len(x) > 0
	case nil:
		return nil, false
	case bool:
		return x, x
	case float64:
		return x, x != 0
	case string:
		return x, x != ""
	}
	return v, true
}
