package clienttypes_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/clienttypes"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

var update = flag.Bool("update", false, "write the golden files")

// every is a manifest with every type of column and key, and names that meet.
const every = "../openapi/testdata/every.cue"

func checked(t *testing.T, path string) (*manifest.Manifest, *access.Rules) {
	t.Helper()
	m, err := load.Load(t.Context(), load.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return m, checked.Rules
}

var languages = map[string]func(*manifest.Manifest, *access.Rules) ([]byte, error){
	"every.ts": clienttypes.TypeScript,
	"every.go.txt": func(m *manifest.Manifest, r *access.Rules) ([]byte, error) {
		return clienttypes.Go(m, r, "backend")
	},
}

func TestGolden(t *testing.T) {
	for name, write := range languages {
		t.Run(name, func(t *testing.T) {
			got, err := write(checked(t, every))
			if err != nil {
				t.Fatal(err)
			}
			again, err := write(checked(t, every))
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("the same manifest gave other bytes, or %v", err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("differs from %s: go test ./runtime/clienttypes -update, and look at the difference", golden)
			}
		})
	}
}

// TestGoBuilds builds and vets what is written for manifests large and small.
func TestGoBuilds(t *testing.T) {
	smallest := filepath.Join(t.TempDir(), "edgehive.cue")
	if err := os.WriteFile(smallest, []byte("manifest: 1\ntables: nullable: columns: {row_: type: \"int\", is_zero: type: \"json\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{every, smallest} {
		m, rules := checked(t, path)
		text, err := clienttypes.Go(m, rules, "types")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for name, text := range map[string]string{"go.mod": "module types\n\ngo 1.24\n", "types.go": string(text)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"build", "./..."}, {"vet", "./..."}} {
			command := exec.Command("go", args...)
			command.Dir = dir
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("go %v: %v\n%s\n%s", args, err, out, text)
			}
		}
	}
}

func TestGoPackageName(t *testing.T) {
	m, rules := checked(t, every)
	for _, name := range []string{"", "_", "my-app", "func", "1a", "a b"} {
		if _, err := clienttypes.Go(m, rules, name); err == nil || !strings.Contains(err.Error(), "no name for a package") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
