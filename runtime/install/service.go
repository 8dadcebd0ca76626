package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// command runs a program of the system; what it says is its error.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // G204: the names stand in this package
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if said == "" {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
}

func (p *Plan) systemctl(ctx context.Context, args ...string) error {
	return command(ctx, "systemctl", args...)
}

// enable lets the service start with the machine.
func (p *Plan) enable(ctx context.Context) error {
	if !p.o.live() {
		if err := command(ctx, "systemctl", "--root="+p.o.Root, "enable", unitName); err != nil {
			return err
		}
		p.o.Say("enabled: it starts with the machine")
		return nil
	}
	if p.changed.unit {
		if err := p.systemctl(ctx, "daemon-reload"); err != nil {
			return err
		}
	}
	if p.systemctl(ctx, "is-enabled", "--quiet", unitName) == nil {
		return nil
	}
	if err := p.systemctl(ctx, "enable", unitName); err != nil {
		return err
	}
	p.o.Say("enabled: it starts with the machine")
	return nil
}

// run starts the service, or brings one that runs to what is new.
func (p *Plan) run(ctx context.Context) error {
	backend := p.o.Backend(p.at(p.data))
	if err := p.goOver(ctx, backend); err != nil {
		return p.putBack(ctx, err)
	}
	p.taken()
	return p.wait(ctx, backend)
}

func (p *Plan) goOver(ctx context.Context, backend Backend) error {
	switch {
	case !p.runs:
		if err := p.systemctl(ctx, "start", unitName); err != nil {
			return p.failed(ctx, err)
		}
		p.o.Say("started")
	case p.changed.unit:
		// What a unit says holds from the next start on.
		if err := p.systemctl(ctx, "restart", unitName); err != nil {
			return p.failed(ctx, err)
		}
		p.o.Say("restarted, as the unit is another")
	case p.otherSecrets(ctx):
		if err := p.systemctl(ctx, "restart", unitName); err != nil {
			return p.failed(ctx, err)
		}
		p.o.Say("restarted, as it reads secrets at its start, and they are others")
	case p.changed.binary:
		if err := backend.Upgrade(ctx); err != nil {
			return fmt.Errorf("go over to the new binary: %w", err)
		}
		p.o.Say("went over to the new binary, and the manifest; no connection was refused")
	default:
		said, err := backend.Reload(ctx)
		if err != nil {
			return err
		}
		p.o.Say(said)
	}
	return nil
}

// otherSecrets tells that the service runs with other secrets than the file of them
// has by now. An upgrade hands on those that it had.
func (p *Plan) otherSecrets(ctx context.Context) bool {
	pid, err := property(ctx, unitName, "MainPID")
	if err != nil || pid == "" || pid == "0" {
		return false
	}
	raw, err := os.ReadFile(p.at(filepath.Join("/proc", pid, "environ")))
	if err != nil {
		return false // it ends just now
	}
	has := map[string]string{}
	for variable := range strings.SplitSeq(string(raw), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		has[name] = value
	}
	for name, value := range p.secrets {
		if has[name] != value {
			return true
		}
	}
	return false
}

// property is what systemd has of a unit.
func property(ctx context.Context, unit, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property", name, "--value", unit).Output() //nolint:gosec // G204: units are systemd's own names
	return strings.TrimSpace(string(out)), err
}

// sockets are the units that hold sockets for the service.
func sockets(ctx context.Context) ([]string, error) {
	units, err := property(ctx, unitName, "TriggeredBy")
	if err != nil {
		return nil, fmt.Errorf("ask systemd for sockets of %s: %w", unitName, err)
	}
	return slices.DeleteFunc(strings.Fields(units), func(unit string) bool { return !strings.HasSuffix(unit, ".socket") }), nil
}

// heldFor are the addresses that systemd listens on for the service.
func heldFor(ctx context.Context) ([]string, error) {
	units, err := sockets(ctx)
	if err != nil {
		return nil, err
	}
	var held []string
	for _, unit := range units {
		listens, err := property(ctx, unit, "Listen") // [::]:80 (Stream), a line each
		if err != nil {
			return nil, fmt.Errorf("ask systemd where %s listens: %w", unit, err)
		}
		for line := range strings.Lines(listens) {
			address, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			held = append(held, address)
		}
	}
	return held, nil
}

// wait returns when the backend is ready.
func (p *Plan) wait(ctx context.Context, backend Backend) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		_, ready, err := backend.Running(ctx)
		if err == nil && ready {
			p.o.Say("ready")
			return nil
		}
		select {
		case <-ctx.Done():
			return p.failed(context.WithoutCancel(ctx), errors.Join(errors.New("it is not ready"), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// failed adds what the service has said at last.
func (p *Plan) failed(ctx context.Context, err error) error {
	out, logErr := exec.CommandContext(ctx, "journalctl", "--unit", unitName, "--lines", "15", "--no-pager", "--output", "cat").Output()
	if logErr != nil || len(out) == 0 {
		return fmt.Errorf("the service does not start (journalctl -u edge-hive says why): %w", err)
	}
	return fmt.Errorf("the service does not start: %w; its log says:\n%s", err, strings.TrimSpace(string(out)))
}
