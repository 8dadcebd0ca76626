package watch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/watch"
)

// wantsTurn waits until the sources of a folder are others than before.
func wantsTurn(t *testing.T, trees *watch.Trees, root, what string, before [32]byte) [32]byte {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case <-trees.Changed():
			if now, _ := watch.Sources(root); now != before {
				return now
			}
		case <-deadline:
			t.Fatalf("%s: not seen", what)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTrees(t *testing.T) {
	root := filepath.Join(t.TempDir(), "price")
	put(t, filepath.Join(root, "main.go"), "one")
	trees, err := watch.NewTrees([]string{root})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := trees.Close(); err != nil {
			t.Error(err)
		}
	}()
	state, newest := watch.Sources(root)
	if newest.IsZero() {
		t.Error("no time of the newest file")
	}
	put(t, filepath.Join(root, "main.go"), "another")
	state = wantsTurn(t, trees, root, "a save", state)
	put(t, filepath.Join(root, "inner", "deep", "a.go"), "x")
	state = wantsTurn(t, trees, root, "a new folder", state)
	put(t, filepath.Join(root, "inner", "deep", "a.go"), "xy")
	state = wantsTurn(t, trees, root, "a save in a folder that came later", state)
	if err := os.Remove(filepath.Join(root, "inner", "deep", "a.go")); err != nil {
		t.Fatal(err)
	}
	state = wantsTurn(t, trees, root, "a file that is gone", state)

	for _, made := range []string{"build/price.wasm", "target/release/x", "node_modules/a/index.js", "function.wasm", "Cargo.lock", ".main.go.swp", "main.go~"} {
		put(t, filepath.Join(root, made), "made")
	}
	if now, _ := watch.Sources(root); now != state {
		t.Error("what building makes counts as a source")
	}

	other := filepath.Join(t.TempDir(), "other")
	trees.Follow([]string{other}) // it is not there yet
	put(t, filepath.Join(other, "main.c"), "x")
	wantsTurn(t, trees, other, "a folder that comes later", [32]byte{})
}
