package load_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// FuzzLoad: whatever the source, loading gives a manifest or a fault.List with
// codes, one-line messages, and places inside the source.
func FuzzLoad(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "edgehive.cue" {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 4096 {
			return // larger sources find slowness of CUE, not mistakes of ours
		}
		file := filepath.Join(t.TempDir(), "edgehive.cue")
		m, err := load.Load(context.Background(), load.Options{Path: file, Overlay: map[string][]byte{file: src}})
		if err == nil {
			if m.Table("users") == nil || m.Hash == "" {
				t.Fatal("a manifest without users or hash")
			}
			return
		}
		var list fault.List
		if !errors.As(err, &list) || len(list) == 0 {
			t.Fatalf("no list: %v", err)
		}
		lines := bytes.Split(src, []byte("\n"))
		for _, one := range list {
			if one.Code == "" || one.Code == fault.CodeInternal || one.Message == "" || strings.Contains(one.Message, "\n") {
				t.Fatalf("fault %+v", one)
			}
			for _, p := range one.Positions {
				if p.File == file && (p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1) {
					t.Fatalf("%s is outside the source: %+v", p, one)
				}
			}
			if len(one.Positions) == 0 && one.Code != "too-slow" && one.Code != "bad-expression" {
				t.Fatalf("no place: %+v", one)
			}
		}
	})
}
