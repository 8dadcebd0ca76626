package main

import (
	"context"
	"errors"
	"os/signal"
	"time"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type restoreCommand struct {
	File string `arg:"" help:"The backup."`
	manifestArgs
	Check bool `help:"Prove the backup, and say what the first start on it would change; touch nothing."`
	JSON  bool `name:"json" help:"As JSON."`
}

// Run puts a backup in the place of the database, of a server that does not
// run. With --check it only proves it: exit code 1 says that the manifest
// cannot be served on it.
func (c *restoreCommand) Run(call *call) error {
	restrictFiles()
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	if c.Check {
		return c.check(ctx, call)
	}
	m, err := c.load(call)
	if err != nil {
		return err
	}
	done, err := engine.Restore(ctx, m, c.File)
	if err != nil {
		return call.serverError(ctx, err)
	}
	if c.JSON {
		return call.sayJSON(done)
	}
	call.say("%s is restored from %s: %s\n", done.Database, c.File, holds(done.Backup))
	if err := sayTables(call, done.Backup); err != nil {
		return err
	}
	if done.Kept != "" {
		call.say("the database that was there is kept as %s\n", done.Kept)
	}
	return nil
}

func (c *restoreCommand) check(ctx context.Context, call *call) error {
	m, err := c.manifestIfAny(call)
	if err != nil {
		return err
	}
	verified, err := engine.VerifyBackup(ctx, c.File, m)
	if err != nil {
		return call.placedError(ctx, err)
	}
	if c.JSON {
		err = call.sayJSON(verified)
	} else {
		err = c.sayVerified(call, m, verified)
	}
	if err == nil && difference.Has(verified.Changes, difference.Refused) {
		return errFaults
	}
	return err
}

func (c *restoreCommand) sayVerified(call *call, m *manifest.Manifest, verified engine.VerifiedBackup) error {
	made := ""
	if !verified.Made.IsZero() {
		made = ", made " + verified.Made.Local().Format(time.DateTime)
	}
	call.say("%s is whole: %s%s\n", c.File, holds(verified.Backup), made)
	if err := sayTables(call, verified.Backup); err != nil {
		return err
	}
	switch {
	case m == nil:
		call.tell("%s\n", "there is no manifest here, so the tables were compared with none")
	case len(verified.Changes) == 0:
		call.say("%s\n", "its tables are those of the manifest")
	default:
		call.say("%s\n", "the first start on it changes its tables:")
		if err := call.sayChanges(verified.Changes); err != nil {
			return err
		}
		if difference.Has(verified.Changes, difference.Refused) {
			call.tell("%s\n", "what is refused has to be mended in the manifest before it can be served")
		}
	}
	return nil
}

// manifestIfAny loads the manifest; nil where none was named and none is here.
func (c *restoreCommand) manifestIfAny(call *call) (*manifest.Manifest, error) {
	m, err := c.read(call)
	var faults fault.List
	if c.Path == "." && errors.As(err, &faults) && unread(faults) {
		return nil, nil //nolint:nilnil // a backup is proven without one too
	}
	return m, call.explain(err)
}
