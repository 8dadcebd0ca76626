//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const trustManifest = `
manifest: 1
name: "trusted"
server: {
	listen: {http: "127.0.0.1:0", https: "127.0.0.1:0"}
	tls: {kind: "internal", domains: ["app.localhost"]}
}
`

// trusting is a machine of one's own, as far as what it trusts goes: the command
// runs where the folders of Debian's store are others, and in another home.
type trusting struct {
	*testing.T
	dir     string
	enter   []string // how its commands are run
	program string
}

// What stands in for the machine's own in its folder.
const (
	machineAnchors = "/usr/local/share/ca-certificates"
	machineBundle  = "/etc/ssl/certs"
	machineHooks   = "/etc/ca-certificates/update.d"
	machineList    = "/etc/ca-certificates.conf" // of the authorities that come with the system; here one, for it takes its time over them
	enterMachine   = `set -e; mount --bind "$0/list" ` + machineList + `; mount --bind "$0/anchors" ` + machineAnchors + `; mount --bind "$0/certs" ` + machineBundle + `; if [ -d ` + machineHooks + ` ]; then mount --bind "$0/hooks" ` + machineHooks + `; fi; exec "$@"`
)

func newTrusting(t *testing.T) *trusting {
	t.Helper()
	m := &trusting{T: t, dir: t.TempDir()}
	var err error
	if m.program, err = exec.LookPath("edge-hive"); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"update-ca-certificates", "certutil", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
				t.Fatalf("%s is not on this machine", program)
			}
			t.Skipf("%s is not on this machine", program)
		}
	}
	for _, name := range []string{"anchors", "certs", "hooks", "home/.pki/nssdb", "bin"} {
		if err := os.MkdirAll(filepath.Join(m.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.must(exec.Command("certutil", "-N", "-d", m.browsers(), "--empty-password"))
	came, err := filepath.Glob("/usr/share/ca-certificates/mozilla/*.crt")
	if err != nil || len(came) == 0 {
		t.Skipf("this machine has its authorities elsewhere: %v", err)
	}
	writePublic(t, filepath.Join(m.dir, "list"), []byte("mozilla/"+filepath.Base(came[0])+"\n"))
	writePublic(t, filepath.Join(m.dir, "edgehive.cue"), []byte(trustManifest))
	m.sudo(`echo "$@" >>"` + m.dir + `/asked"; [ "$1" = -- ] && shift; exec "$@"`)
	for _, enter := range [][]string{{"unshare", "--mount"}, {"unshare", "--user", "--map-root-user", "--mount"}} {
		m.enter = slices.Concat(enter, []string{"--", "sh", "-c", enterMachine, m.dir})
		var said []byte
		if said, err = m.command("true").CombinedOutput(); err == nil {
			return m
		}
		t.Logf("%v: %v: %s", enter, err, said)
	}
	t.Skip("no folder can be mounted over another on this machine, neither as this user nor in a namespace of his own")
	return nil
}

// sudo is what stands in for it: no test asks anybody for a password.
func (m *trusting) sudo(script string) {
	m.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, "bin", "sudo"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		m.Fatal(err)
	}
}

// command is one that runs on that machine.
func (m *trusting) command(arguments ...string) *exec.Cmd {
	c := exec.CommandContext(m.Context(), m.enter[0], slices.Concat(m.enter[1:], arguments)...)
	c.Dir = m.dir
	c.Env = append(os.Environ(), "HOME="+filepath.Join(m.dir, "home"), "PATH="+filepath.Join(m.dir, "bin")+":"+os.Getenv("PATH"))
	return c
}

func (m *trusting) must(c *exec.Cmd) []byte {
	m.Helper()
	said, err := c.CombinedOutput()
	if err != nil {
		m.Fatalf("%v: %v: %s", c.Args, err, said)
	}
	return said
}

func (m *trusting) browsers() string { return "sql:" + filepath.Join(m.dir, "home", ".pki", "nssdb") }

// believed tells which stores have the root: the machine's bundle, and the browsers'.
func (m *trusting) believed(root []byte) (machine, browsers int) {
	m.Helper()
	bundle, err := os.ReadFile(filepath.Join(m.dir, "certs", "ca-certificates.crt"))
	if err != nil && !os.IsNotExist(err) {
		m.Fatal(err)
	}
	return bytes.Count(bundle, bytes.TrimSpace(root)), bytes.Count(m.must(exec.Command("certutil", "-L", "-d", m.browsers())), []byte("Edge Hive"))
}

// TestTrust has a machine believe a backend's own authority, and no longer, each of it
// twice.
func TestTrust(t *testing.T) {
	t.Parallel()
	m := newTrusting(t)
	root := m.must(m.command(m.program, "trust", "--print"))
	if machine, browsers := m.believed(root); machine+browsers != 0 {
		t.Fatalf("it is believed already: %d, %d", machine, browsers)
	}
	for range 2 {
		said := string(m.must(m.command(m.program, "trust")))
		if !strings.Contains(said, "believed by Firefox and Chromium, this machine") {
			t.Errorf("it says %q", said)
		}
		if machine, browsers := m.believed(root); machine != 1 || browsers != 1 {
			t.Errorf("the machine has the root %d times, the browsers %d times", machine, browsers)
		}
	}
	asked, err := os.ReadFile(filepath.Join(m.dir, "asked"))
	if err != nil || !bytes.HasPrefix(asked, []byte("-- tee "+machineAnchors+"/Edge_Hive_")) {
		t.Errorf("what was done as root: %s %v", asked, err)
	}
	for range 2 {
		said := string(m.must(m.command(m.program, "trust", "--uninstall")))
		if !strings.Contains(said, "believed no longer by Firefox and Chromium, this machine") {
			t.Errorf("it says %q", said)
		}
		if machine, browsers := m.believed(root); machine+browsers != 0 {
			t.Errorf("the machine has the root %d times, the browsers %d times", machine, browsers)
		}
	}
	if left, err := os.ReadDir(filepath.Join(m.dir, "anchors")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}

	// Who may not change the machine's store changes his own, and is told of the rest.
	m.sudo("echo 'sorry, try again' >&2; exit 1")
	said, err := m.command(m.program, "trust").CombinedOutput()
	if machine, browsers := m.believed(root); err == nil || machine != 0 || browsers != 1 {
		t.Errorf("%v; the machine has the root %d times, the browsers %d times", err, machine, browsers)
	}
	for _, want := range []string{"believed by Firefox and Chromium\n", "this machine's store", "edge-hive trust --print"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
}
