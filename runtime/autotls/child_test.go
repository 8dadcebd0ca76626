package autotls

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// child is what another process is to do, until its input ends.
type child struct {
	Do string // "serve", "lock" or "dns"

	Dir                           string // the vault
	Directory, Roots, Domain, Way string
	Ports                         [2]int // where the other one listens
	DNS                           *manifest.DNS
}

const childVariable = "EDGEHIVE_AUTOTLS_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := beChild(text); err != nil {
			say(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// say tells the other process.
func say(v any) { _, _ = fmt.Fprintln(os.Stdout, v) }

// beChild does what is asked for, says so in a line, and goes on until its input
// ends.
func beChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	vault := NewDisk(c.Dir)
	switch c.Do {
	case "lock":
		if err := vault.Lock(context.Background(), "a lock"); err != nil {
			return err
		}
		say("locked")
	case "serve":
		at := func(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }
		held := New(Options{Log: testLog(), Pace: fast, HTTP: at(c.Ports[0]), HTTPS: at(c.Ports[1])})
		defer held.Close()
		s, err := held.Prepare(&manifest.TLS{
			Kind: manifest.ACME, Domains: []string{c.Domain}, Issuer: c.Directory, Roots: c.Roots, Challenges: []string{c.Way},
		}, vault)
		if err != nil {
			return err
		}
		held.Use(s)
		for held.table.Load().kept[c.Domain] == nil {
			time.Sleep(20 * time.Millisecond)
		}
		say(held.table.Load().kept[c.Domain].Leaf.SerialNumber)
	}
	if c.Do == "dns" {
		return certifyByDNS(c, vault)
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// certifyByDNS says "valid" when it has its certificate, or what it fails by; all that
// it logs goes to its standard error.
func certifyByDNS(c child, vault Vault) error {
	held := New(Options{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})), Pace: fast, HTTP: &net.TCPAddr{}, HTTPS: &net.TCPAddr{}})
	defer held.Close()
	s, err := held.Prepare(&manifest.TLS{
		Kind: manifest.ACME, Domains: []string{c.Domain}, Issuer: c.Directory, Roots: c.Roots, DNS: c.DNS, Path: "server.tls",
	}, vault)
	if err != nil {
		return err
	}
	held.Use(s)
	for ; ; time.Sleep(20 * time.Millisecond) {
		switch state := held.Status()[0]; {
		case state.State == Valid:
			say(Valid)
			return nil
		case state.Failures > 0:
			say(state.State + " " + state.Error)
			return nil
		}
	}
}

// running is another process.
type running struct {
	t       *testing.T
	command *exec.Cmd
	lines   *bufio.Scanner
	said    *bytes.Buffer // its log, once it has ended
}

func startChild(t *testing.T, c child, environment ...string) *running {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(append(os.Environ(), childVariable+"="+string(text)), environment...)
	said := new(bytes.Buffer)
	command.Stderr = io.MultiWriter(os.Stderr, said)
	if c.Do == "dns" {
		command.Stderr = said
	}
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = command.Wait() })
	return &running{t, command, bufio.NewScanner(out), said}
}

// line waits for what the process says.
func (r *running) line() string {
	r.t.Helper()
	if !r.lines.Scan() {
		r.t.Fatalf("the other process has ended: %v", r.lines.Err())
	}
	return r.lines.Text()
}
