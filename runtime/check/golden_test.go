package check_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

var update = flag.Bool("update", false, "write what was found into the golden files")

// TestGolden holds each manifest under testdata against the faults it must
// have, as a person reads them. A manifest without faults is held against its
// warnings.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			var want *txtar.File
			for i := range archive.Files {
				f := &archive.Files[i]
				if f.Name == "want" {
					want = f
					continue
				}
				write(t, filepath.Join(dir, f.Name), f.Data)
			}
			got := found(t, dir)
			if want == nil {
				archive.Files = append(archive.Files, txtar.File{Name: "want"})
				want = &archive.Files[len(archive.Files)-1]
			}
			if *update {
				want.Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want.Data) {
				t.Errorf("found:\n%s\nwant:\n%s", got, want.Data)
			}
		})
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// found is what check says of the manifest in dir.
func found(t *testing.T, dir string) []byte {
	t.Helper()
	m, err := load.Load(t.Context(), load.Options{Path: dir})
	if err != nil {
		t.Fatalf("the manifest must load, so that check finds its fault: %v", err)
	}
	checked, faults := check.Check(m)
	var out bytes.Buffer
	if len(faults) == 0 {
		out.WriteString("no fault\n")
		faults = check.Warnings(m, checked)
	} else if checked != nil {
		t.Error("faults and a schema to build from")
	}
	for _, f := range faults {
		if len(f.Positions) == 0 || !f.Positions[0].Known() {
			t.Errorf("a fault without a place: %v", f)
		}
		if f.Hint == "" || f.Code == "" || strings.Contains(f.Message, "\n") {
			t.Errorf("a fault without hint or code, or of two lines: %v", f)
		}
	}
	if err := fault.Render(&out, faults, m.Dir); err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte(dir), []byte("$DIR"))
}
