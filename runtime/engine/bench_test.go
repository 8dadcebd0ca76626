package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

// BenchmarkStart is a start on a database that is there, and the stop.
func BenchmarkStart(b *testing.B) {
	dir, err := os.MkdirTemp("", "hive")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "edgehive.cue"), []byte(base), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, err := engine.Start(context.Background(), engine.Options{Path: dir})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
