package main

import (
	"errors"
	"os/signal"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/engine"
)

type rollbackCommand struct {
	ID string `arg:"" optional:"" help:"The migration whose tables shall be there again, by its number in the history; 0 is before the first. The one before the last when left out."`
	manifestArgs
	Yes  bool `short:"y" help:"Do not ask."`
	JSON bool `name:"json" help:"As JSON; needs --yes."`
}

// Run brings the database of a server that does not run to the tables of an
// earlier migration. Exit code 1 says that rows or values would be lost.
func (c *rollbackCommand) Run(call *call) error {
	if c.JSON && !c.Yes {
		return errors.New("--json asks nothing, so it needs --yes")
	}
	to := int64(engine.BeforeLast)
	if c.ID != "" {
		var err error
		if to, err = strconv.ParseInt(c.ID, 10, 64); err != nil || to < 0 {
			return hinted(errors.New(c.ID+" is no number of a migration"), "edge-hive history lists them; a manifest is named after the number")
		}
	}
	restrictFiles()
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	m, err := c.load(call)
	if err != nil {
		return err
	}
	var way engine.Back
	done, err := engine.Rollback(ctx, m, to, engine.By("rollback"), func(back engine.Back) (bool, error) {
		way = back
		if !c.JSON {
			call.say("back to the tables of %s (database %s)\n", nameMigration(back), back.Database)
			if err := call.sayChanges(back.Changes); err != nil {
				return false, err
			}
		}
		if c.Yes {
			return true, nil
		}
		return call.ask("roll back?")
	})
	switch {
	case err != nil:
		return call.placedError(ctx, err)
	case !done:
		return nil
	case c.JSON:
		return call.sayJSON(way)
	}
	call.say("%s\n", "rolled back. Put the manifest of then back before you start the server: the one of now would migrate the database forward again")
	return nil
}

func nameMigration(back engine.Back) string {
	if back.To == 0 {
		return "before the first migration"
	}
	return "migration " + strconv.FormatInt(back.To, 10) + ", manifest " + back.Manifest[:min(12, len(back.Manifest))]
}
