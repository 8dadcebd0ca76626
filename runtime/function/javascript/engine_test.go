package javascript_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

// The engine is the file that was published, and its note says which.
func TestEngineIsWhatWasPublished(t *testing.T) {
	sum := sha256.Sum256(javascript.Engine())
	note, err := os.ReadFile("engine/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(note), hex.EncodeToString(sum[:])) {
		t.Errorf("engine/README.md does not name the SHA-256 of the engine, %x", sum)
	}
	for _, file := range []string{"engine/LICENSE", "engine/LICENSE.quickjs"} {
		licence, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(licence), "Permission is hereby granted") {
			t.Errorf("the engine is here without its licence %s: %v", file, err)
		}
	}
}
