package install

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
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
	return p.wait(ctx, backend)
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
