package check_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestKeyThatAllCanRead is the one fault of certificates that no archive can hold:
// the mode of a file.
func TestKeyThatAllCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are those of Unix")
	}
	archive, err := txtar.ParseFile(filepath.Join("testdata", "tls-files-fine.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		write(t, filepath.Join(dir, f.Name), f.Data)
	}
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o602: true} {
		if err := os.Chmod(filepath.Join(dir, "key.pem"), mode); err != nil {
			t.Fatal(err)
		}
		if said := string(found(t, dir)); strings.Contains(said, "every user of this machine can read the key") != want {
			t.Errorf("mode %o: %s", mode, said)
		}
	}
}
