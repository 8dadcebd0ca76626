package auth_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

func TestSecretIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	const starters = 16
	secrets := make([]string, starters)
	var wg sync.WaitGroup
	for i := range starters {
		wg.Go(func() {
			s, err := auth.LoadOrCreateSecret(dir)
			if err != nil {
				t.Error(err)
			}
			secrets[i] = s.Reveal()
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if len(s) < 32 || s != secrets[0] {
			t.Fatalf("secrets differ or are short: %d bytes", len(s))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, auth.SecretFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestSecretOnDiskIsRefused(t *testing.T) {
	tests := []struct {
		name, content string
		mode          os.FileMode
	}{
		{"world readable", strong, 0o644},
		{"group readable", strong, 0o640},
		{"empty", "", 0o600},
		{"weak", "short\n", 0o600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.mode != 0o600 {
				t.Skip("modes mean nothing here")
			}
			dir := t.TempDir()
			path := filepath.Join(dir, auth.SecretFile)
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := auth.LoadOrCreateSecret(dir); err == nil {
				t.Error("taken")
			}
			if kept, _ := os.ReadFile(path); string(kept) != tt.content {
				t.Errorf("the file became %q", kept)
			}
		})
	}
}
