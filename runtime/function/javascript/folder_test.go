package javascript_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

func TestFolderEndsAtItsLinks(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.js"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(inside, "own.js"), []byte("own"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"out.js": filepath.Join(outside, "secret.js"), "in.js": "own.js"} {
		if err := os.Symlink(to, filepath.Join(inside, name)); err != nil {
			t.Skip(err)
		}
	}
	files := javascript.Folder(inside)
	for _, name := range []string{"own.js", "in.js"} {
		if text, err := fs.ReadFile(files, name); err != nil || string(text) != "own" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if text, err := fs.ReadFile(files, "out.js"); err == nil {
		t.Errorf("a link out of the folder was followed: %q", text)
	}
}
