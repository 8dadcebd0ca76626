package difference_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// TestGolden compares old.cue with new.cue of each file of testdata, and what
// is found with want. "filled" in the comment names tables that have rows.
// EDGEHIVE_UPDATE=1 rewrites want.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "public"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(dir, "other"), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, f := range archive.Files {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			filled := map[string]bool{}
			for line := range strings.Lines(string(archive.Comment)) {
				if tables, ok := strings.CutPrefix(line, "filled "); ok {
					for _, table := range strings.Fields(tables) {
						filled[table] = true
					}
				}
			}
			old, oldChecked := read(t, dir, "old.cue", part(archive, "old.cue"))
			next, checked := read(t, dir, "new.cue", part(archive, "new.cue"))
			p := plan.Diff(plan.FromManifest(old, oldChecked.Schema), plan.FromManifest(next, checked.Schema), next.Removed)
			changes := append(difference.Steps(p, next, filled),
				difference.Manifests(difference.Side{Manifest: old, Rules: oldChecked.Rules}, difference.Side{Manifest: next, Rules: checked.Rules})...)
			got := strings.ReplaceAll(show(difference.Sorted(changes)), dir, "DIR")
			if os.Getenv("EDGEHIVE_UPDATE") != "" {
				set(archive, "want", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := part(archive, "want"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			// What is compared with itself has no difference.
			side := difference.Side{Manifest: next, Rules: checked.Rules}
			if none := difference.Manifests(side, side); len(none) > 0 {
				t.Errorf("with itself:\n%s", show(none))
			}
		})
	}
}

func read(t *testing.T, dir, name, text string) (*manifest.Manifest, *check.Checked) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := load.Load(context.Background(), load.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return m, checked
}

// show has a line for each change, and what stands under it.
func show(changes []difference.Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s %s [%s] %s\n", c.Sign, c.Area, c.Grade, c.What)
		for _, side := range []struct{ name, text string }{{"was", c.Was}, {"is", c.Is}, {"hint", c.Hint}} {
			if side.text != "" {
				fmt.Fprintf(&b, "    %s: %s\n", side.name, side.text)
			}
		}
		at := "?"
		if c.Position != nil {
			at = fmt.Sprint(c.Position.Line)
		}
		fmt.Fprintf(&b, "    %s, line %s\n", c.Path, at)
	}
	return b.String()
}

func part(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func set(a *txtar.Archive, name, text string) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = []byte(text)
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
}
