package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// TestUnit serves and reloads with the very words of the systemd unit.
func TestUnit(t *testing.T) {
	root := backend.Root(t)
	raw, err := os.ReadFile(filepath.Join(root, "deploy", "edge-hive.service"))
	if err != nil {
		t.Fatal(err)
	}
	unit := map[string][]string{}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			unit[name] = strings.Fields(value)
		}
	}
	for _, name := range []string{"ExecStart", "ExecReload"} {
		if len(unit[name]) < 2 || unit[name][0] != "/usr/local/bin/edge-hive" {
			t.Fatalf("%s is %q", name, unit[name])
		}
	}
	b := backend.Copy(t, root, "edgehive.cue", "examples/bookshop")
	b.Serve(t, unit["ExecStart"][1:]...)
	if got := b.Run(t, unit["ExecReload"][1:]...); !strings.Contains(got, "generation 1") {
		t.Errorf("reload without a change says %q", got)
	}
}

// TestUnitIsValid asks systemd itself, where there is one.
func TestUnitIsValid(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze")
	}
	unit := filepath.Join(backend.Root(t), "deploy", "edge-hive.service")
	out, err := exec.Command(analyze, "verify", unit).CombinedOutput()
	// The command is not installed on this machine, and that is all that may be
	// wrong.
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if strings.Contains(line, "edge-hive.service") && !strings.Contains(line, "is not executable") {
			t.Errorf("%v: %s", err, line)
		}
	}
}
