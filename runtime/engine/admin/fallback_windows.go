package admin

import (
	"os"
	"path/filepath"
)

// fallbackDir is in the user's own profile, which others cannot write.
func fallbackDir() string { return filepath.Join(os.TempDir(), "edge-hive") }

func ownDir(dir string) error { return os.MkdirAll(dir, 0o700) }
