package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type applyCommand struct {
	manifestArgs
	Yes    bool `short:"y" help:"Do not ask."`
	NoSeed bool `help:"Leave the tables that are made empty: their rows come by an import."`
	JSON   bool `name:"json" help:"As JSON; needs --yes."`
}

// applied is what an apply did.
type applied struct {
	engine.Comparison
	Result     string   `json:"result"` // "applied" or "unchanged"
	Generation uint64   `json:"generation,omitempty"`
	Steps      []string `json:"steps"`
	Backup     string   `json:"backup,omitempty"`
}

// Run carries out what plan shows: the running server reloads the manifest, or
// the database is migrated when none runs. Exit code 1 says that it is refused.
func (c *applyCommand) Run(call *call) error {
	if c.JSON && !c.Yes {
		return errors.New("--json asks nothing, so it needs --yes")
	}
	restrictFiles()
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	m, err := c.load(call)
	if err != nil {
		return err
	}
	comparison, err := engine.Compare(ctx, m)
	if err != nil {
		return call.placedError(ctx, err)
	}
	if c.NoSeed && comparison.Running != nil {
		return hinted(errors.New("--no-seed is for a database that no server of this folder has"), "stop the server first")
	}
	if !c.JSON {
		if err := sayPlan(call, comparison); err != nil {
			return err
		}
	}
	done := applied{Comparison: comparison, Result: "unchanged", Steps: []string{}}
	switch {
	case hindered(comparison):
		if c.JSON {
			done.Result = admin.Refused
			return errors.Join(errFaults, call.sayJSON(done))
		}
		return errFaults
	case len(comparison.Changes) == 0:
		return c.say(call, done)
	}
	if yes, err := c.confirmed(call, "apply?"); err != nil || !yes {
		return err
	}
	if err := c.apply(ctx, call, m, &done); err != nil {
		return call.placedError(ctx, err)
	}
	return c.say(call, done)
}

// hindered reports a plan that apply cannot carry out.
func hindered(c engine.Comparison) bool {
	return c.Grave() || difference.Has(c.Changes, difference.Refused) || difference.Has(c.Changes, difference.Restart)
}

// confirmed asks, unless --yes has answered.
func (c *applyCommand) confirmed(call *call, question string) (bool, error) {
	if c.Yes {
		return true, nil
	}
	return call.ask(question)
}

func (c *applyCommand) apply(ctx context.Context, call *call, m *manifest.Manifest, done *applied) error {
	who := engine.By("apply")
	if done.Running == nil {
		out, err := engine.Migrate(ctx, engine.Options{Path: c.Path, Tags: c.Tags, Log: call.err, Unseeded: c.NoSeed}, who, m.Hash)
		if err != nil {
			return err
		}
		done.Result, done.Backup = "applied", out.Backup
		done.Steps = append(done.Steps, out.Steps...)
		return nil
	}
	answer, err := admin.NewClient(m.DataDir()).Apply(ctx, who, m.Hash)
	if err != nil {
		return err
	}
	if answer.Result == admin.Refused {
		return listed(answer.Faults)
	}
	done.Result, done.Backup, done.Generation = "applied", answer.Backup, answer.Generation
	done.Steps = append(done.Steps, answer.Steps...)
	return nil
}

// listed are the faults of a report, as they were.
func listed(reported []fault.Public) fault.List {
	faults := make(fault.List, len(reported))
	for i, f := range reported {
		faults[i] = &fault.Fault{Code: f.Code, Path: f.Path, Message: f.Message, Details: f.Details, Hint: f.Hint, Positions: f.Positions}
	}
	return faults
}

func (c *applyCommand) say(call *call, done applied) error {
	if c.JSON {
		return call.sayJSON(done)
	}
	if done.Result != "applied" {
		return nil // the plan has said it
	}
	if done.Backup != "" {
		call.say("backup before it: %s\n", done.Backup)
	}
	if done.Running != nil {
		call.say("applied: generation %d\n", done.Generation)
		return nil
	}
	call.say("applied to the database %s: %s\n", done.Database, count(len(done.Steps), "step"))
	return nil
}

// errUnasked is returned where nobody can answer.
var errUnasked = hinted(errors.New("nobody is there to ask"), "answer with --yes")

// ask asks a person, for whom no answer is no.
func (t *terminal) ask(question string) (bool, error) {
	if f, ok := t.in.(*os.File); ok {
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			return false, errUnasked
		}
	}
	t.tell("%s [y/N] ", question)
	line, err := bufio.NewReader(io.LimitReader(t.in, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if line == "" { // the null device is no terminal, either
		return false, errUnasked
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	t.tell("%s\n", "not done: nothing has changed")
	return false, nil
}
