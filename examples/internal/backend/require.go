package backend

import (
	"os"
	"os/exec"
	"testing"
)

// Program finds a program by any of its names. Without it the test is skipped,
// unless EDGEHIVE_REQUIRE_ALL is set: then its absence is a failure.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
		t.Fatalf("needs %s", names[0])
	}
	t.Skipf("needs %s", names[0])
	return ""
}
