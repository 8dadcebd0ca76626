package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

// TestUnitIsValid asks systemd itself, where there is one: whether the unit is
// understood, and how much what runs in it could reach.
func TestUnitIsValid(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
			t.Fatal("needs systemd-analyze")
		}
		t.Skip("needs systemd-analyze")
	}
	for _, name := range []string{"edge-hive.service", "edge-hive.socket"} {
		out, err := exec.Command(analyze, "verify", filepath.Join(deployDir(t), name)).CombinedOutput()
		// The command is not installed on this machine, and that is all that may be
		// wrong.
		for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
			if strings.Contains(line, "edge-hive.") && !strings.Contains(line, "is not executable") {
				t.Errorf("%v: %s", err, line)
			}
		}
	}
	out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", filepath.Join(deployDir(t), "edge-hive.service")).CombinedOutput()
	exposure := regexp.MustCompile(`Overall exposure level for edge-hive.service: ([0-9.]+)`).FindStringSubmatch(string(out))
	if exposure == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if level, err := strconv.ParseFloat(exposure[1], 64); err != nil || level >= 2.5 {
		t.Errorf("the exposure is %s, and should be under 2.5:\n%s", exposure[1], out)
	}
}

// TestContainer holds the container's words against the command: they are what it
// is started and asked with.
func TestContainer(t *testing.T) {
	dockerfile := read(t, filepath.Join(deployDir(t), "Dockerfile"))
	health := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`).FindStringSubmatch(dockerfile)
	serve := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindStringSubmatch(dockerfile)
	var asks, serves []string
	if health == nil || serve == nil || json.Unmarshal([]byte(health[1]), &asks) != nil || json.Unmarshal([]byte(serve[1]), &serves) != nil {
		t.Fatalf("%q %q", health, serve)
	}
	t.Setenv("EDGEHIVE_SECRET", "a secret of the sample's own, long enough")
	b := backend.Copy(t, filepath.Join(deployDir(t), "sample"))
	manifest := filepath.Join(b.Dir, "edgehive.cue")
	text := read(t, manifest)
	// The sample listens everywhere in its container, and keeps its data in the
	// volume.
	for _, of := range []string{`"/data/guestbook.db"`, "0.0.0.0:"} {
		if !strings.Contains(text, of) {
			t.Fatalf("the sample has no %s", of)
		}
	}
	data := filepath.Join(b.Dir, "data")
	text = strings.NewReplacer("/data/", data+"/", "0.0.0.0:", "127.0.0.1:").Replace(text)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := strings.NewReplacer("/srv", b.Dir, "/data", data)
	for i := range asks {
		asks[i] = inside.Replace(asks[i])
	}
	for i := range serves {
		serves[i] = inside.Replace(serves[i])
	}
	ask := exec.Command(b.Binary, asks[1:]...)
	if out, err := ask.CombinedOutput(); err == nil {
		t.Errorf("what does not run is healthy: %s", out)
	}
	b.Serve(t, serves...)
	if said := b.Run(t, asks[1:]...); said != "ready" && said != "ok" {
		t.Errorf("health says %q", said)
	}
	for _, of := range []string{"USER 65532:65532", "VOLUME /data", "--platform=$BUILDPLATFORM", "GOARCH=$TARGETARCH"} {
		if !strings.Contains(dockerfile, of) {
			t.Errorf("the Dockerfile has no %s", of)
		}
	}
}

// TestComposeFiles holds what compose.yaml mounts against what is there.
func TestComposeFiles(t *testing.T) {
	compose := read(t, filepath.Join(deployDir(t), "compose.yaml"))
	mounts := regexp.MustCompile(`(?m)^ +- (?:\$\{\w+:-)?(\./[^:}]+)\}?:(/[^:\n]+)`).FindAllStringSubmatch(compose, -1)
	if len(mounts) < 4 {
		t.Fatalf("%q", mounts)
	}
	for _, m := range mounts {
		if _, err := os.Stat(filepath.Join(deployDir(t), m[1])); err != nil {
			t.Errorf("compose.yaml mounts %s: %v", m[1], err)
		}
	}
	if provider := read(t, filepath.Join(deployDir(t), "grafana/provisioning/dashboards/edge-hive.yaml")); !strings.Contains(provider, "path: /var/lib/grafana/dashboards\n") {
		t.Error("Grafana looks for dashboards elsewhere")
	}
	if source := read(t, filepath.Join(deployDir(t), "grafana/provisioning/datasources/prometheus.yaml")); !strings.Contains(source, "url: http://prometheus:9090\n") {
		t.Error("Grafana looks for Prometheus elsewhere")
	}
	if config := read(t, filepath.Join(deployDir(t), "prometheus/prometheus.yml")); !strings.Contains(config, `targets: ["backend:9090"]`) {
		t.Error("Prometheus looks for the backend elsewhere")
	}
}
