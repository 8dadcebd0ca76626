package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/install"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

type installCommand struct {
	manifestArgs
	User    string `default:"edge-hive" help:"The user that the service runs as; made where there is none."`
	Dir     string `default:"/srv/edge-hive" help:"The folder that the manifest and its data are put in."`
	Binary  string `default:"/usr/local/bin/edge-hive" help:"Where this binary is copied to."`
	NoStart bool   `name:"no-start" help:"Leave the service as it is: neither start nor reload it."`
	DryRun  bool   `name:"dry-run" help:"Say what would be done, and do nothing."`
	Root    string `placeholder:"DIR" help:"Install into the folder of an image, as if it were /. Nothing is started."`
}

// Run installs the backend as a service. Exit code 1: something is in its way, or
// secrets are missing.
func (c *installCommand) Run(call *call) error {
	m, imported, err := c.valid(call)
	if err != nil {
		return call.explain(err)
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	if executable, err = filepath.EvalSymlinks(executable); err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	root, err := absoluteRoot(c.Root)
	if err != nil {
		return err
	}
	plan, err := install.Look(call.ctx, install.Options{
		Manifest: m, Name: c.name(m), Tags: c.Tags, Imported: imported, Executable: executable,
		User: c.User, Dir: c.Dir, Binary: c.Binary, Root: root, Idle: c.NoStart,
		Load: func(ctx context.Context, path string) (*manifest.Manifest, error) {
			return load.Load(ctx, load.Options{Path: path, Tags: c.Tags})
		},
		Backend: func(dataDir string) install.Backend {
			return served{admin.NewClient(dataDir), c.Binary}
		},
		Say: func(line string) { call.say("  %s\n", line) },
	})
	if err != nil {
		return call.inTheWay(err)
	}
	if filepath.Dir(admin.SocketPath(plan.DataDir())) != plan.DataDir() {
		return hinted(fmt.Errorf("the path of the data folder %s is too long for the socket in it", plan.DataDir()), "name a shorter --dir")
	}
	if c.DryRun {
		call.say("would be done:\n")
		for _, line := range plan.Lines() {
			call.say("  %s\n", line)
		}
		call.sayMissing(plan.Missing(), plan.Runs())
		return nil
	}
	call.say("%s, as a service:\n", nameOf(m))
	if err := plan.Do(call.ctx); err != nil {
		return call.inTheWay(err)
	}
	if missing := plan.Missing(); len(missing) > 0 {
		call.sayMissing(missing, plan.Runs())
		if c.Root == "" && !c.NoStart {
			return errFaults
		}
	}
	c.next(call, m, plan)
	return nil
}

// valid loads and checks the manifest as validate does, and gives what its scripts
// import.
func (c *installCommand) valid(call *call) (*manifest.Manifest, []string, error) {
	m, err := c.read(call)
	if err != nil {
		return nil, nil, err
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return nil, nil, err
	}
	imported, faults, err := check.Imported(call.ctx, m, checked)
	if err == nil {
		err = faults.Err()
	}
	return m, imported, err
}

// name is what the service calls the manifest, from its folder on.
func (c *installCommand) name(m *manifest.Manifest) string {
	absolute, err := filepath.Abs(c.Path)
	if err == nil && absolute == m.Dir {
		if len(m.Files) == 1 {
			return filepath.Base(m.Files[0])
		}
		return "."
	}
	return filepath.Base(c.Path)
}

// inTheWay prints problems, a line each with what to do.
func (t *terminal) inTheWay(err error) error {
	var problems install.Problems
	if !errors.As(err, &problems) {
		return t.explain(err)
	}
	for _, p := range problems {
		t.tell("edge-hive: %s\n  %s\n", p.What, p.Hint)
	}
	return errFaults
}

// sayMissing names the secrets that have no value.
func (t *terminal) sayMissing(missing []string, runs bool) {
	if len(missing) == 0 {
		return
	}
	what, then := "not started", "edge-hive install again, or systemctl start edge-hive"
	if runs {
		what, then = "not taken yet, and what runs goes on with the manifest of before", "edge-hive install again, or systemctl restart edge-hive"
	}
	t.tell("%s: /etc/edge-hive/environment has no value for %s\n  write them there, then: %s\n", what, strings.Join(missing, ", "), then)
}

// next says how to go on.
func (c *installCommand) next(call *call, m *manifest.Manifest, plan *install.Plan) {
	path := plan.ManifestPath()
	if filepath.Base(path) == "edgehive.cue" {
		path = filepath.Dir(path)
	}
	words := []string{path}
	for _, tag := range c.Tags {
		words = append(words, "-t", shellWord(tag))
	}
	manifestWords := strings.Join(words, " ")
	call.say("\n%s\n", strings.Join(reached(m), "\n"))
	keys := "edge-hive keys " + manifestWords
	if m.Auth.Secret != nil && m.Auth.Secret.Env != "" {
		keys = "(set -a; . /etc/edge-hive/environment; " + keys + ")"
	}
	call.say(`
next:
  edge-hive status %s
  journalctl -u edge-hive -f
  %s
To take an edited manifest or a newer binary, run edge-hive install again.
`, manifestWords, keys)
}

// reached are the addresses that a manifest is reached at.
func reached(m *manifest.Manifest) []string {
	var lines []string
	if m.Server.TLS != nil {
		for _, domain := range m.Server.TLS.Domains {
			lines = append(lines, "https://"+domain+portOf(m.Server.HTTPS, "443"))
		}
	}
	if len(lines) == 0 && m.Server.URL != "" {
		lines = append(lines, m.Server.URL)
	}
	if host, _, err := net.SplitHostPort(m.Server.HTTP); err == nil {
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			lines = append(lines, "it listens on "+m.Server.HTTP+", which this machine alone reaches: declare server.tls, or put a server in front")
		} else if m.Server.TLS == nil {
			lines = append(lines, "it listens on "+m.Server.HTTP+", without TLS")
		}
	}
	return slices.Compact(lines)
}

// portOf is a port as an address has it, nothing for the usual one.
func portOf(address, usual string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == usual {
		return ""
	}
	return ":" + port
}

// shellWord is a word as a shell takes it.
func shellWord(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=._/:@+-", r)
	}) < 0 && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// absoluteRoot is an image's folder; "" stays the machine itself.
func absoluteRoot(root string) (string, error) {
	if root == "" {
		return "", nil
	}
	return filepath.Abs(root)
}

// served is a running backend, as install asks it.
type served struct {
	client *admin.Client
	binary string
}

// Running gives its addresses.
func (s served) Running(ctx context.Context) ([]string, bool, error) {
	status, err := s.client.Status(ctx)
	if errors.Is(err, admin.ErrNotRunning) {
		return nil, false, install.ErrNotRunning
	}
	addresses := make([]string, 0, len(status.Listeners))
	for _, l := range status.Listeners {
		addresses = append(addresses, l.Address)
	}
	return addresses, status.Ready, err
}

// Reload makes it read its manifest again.
func (s served) Reload(ctx context.Context) (string, error) {
	answer, err := s.client.Reload(ctx)
	if err != nil {
		return "", err
	}
	switch answer.Result {
	case admin.Refused:
		return "", listed(answer.Faults)
	case admin.Unchanged:
		return fmt.Sprintf("runs with this manifest already: generation %d", answer.Generation), nil
	}
	return fmt.Sprintf("reloaded: generation %d", answer.Generation), nil
}

// Upgrade lets the new binary take the place of the one that runs.
func (s served) Upgrade(ctx context.Context) error {
	answer, err := s.client.Upgrade(ctx, s.binary)
	switch {
	case err != nil:
		return err
	case len(answer.Faults) > 0:
		return listed(answer.Faults)
	case answer.Error != "":
		return hinted(errors.New(answer.Error), cmp.Or(answer.Hint, "the one that runs serves on; systemctl restart edge-hive starts the new one"))
	}
	return nil
}

type uninstallCommand struct {
	Purge bool   `help:"Remove the manifest, the data, the secrets and the user, too."`
	Yes   bool   `short:"y" help:"Do not ask."`
	Root  string `placeholder:"DIR" help:"Take it out of the folder of an image, as if it were /."`
}

// Run takes the service away.
func (c *uninstallCommand) Run(call *call) error {
	root, err := absoluteRoot(c.Root)
	if err != nil {
		return err
	}
	r := &install.Removal{Root: root, Purge: c.Purge, Say: func(line string) { call.say("  %s\n", line) }}
	if err := r.Look(); err != nil {
		return call.inTheWay(err)
	}
	call.say("will be removed:\n")
	for _, line := range r.Lines() {
		call.say("  %s\n", line)
	}
	if !c.Yes {
		if sure, err := call.ask("Remove it? [y/N] "); err != nil || !sure {
			return err
		}
	}
	if err := r.Do(call.ctx); err != nil {
		return err
	}
	if kept := r.Kept(); len(kept) > 0 {
		call.say("kept (--purge removes them):\n")
		for _, line := range kept {
			call.say("  %s\n", line)
		}
	}
	return nil
}
