package main

import (
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

type historyCommand struct {
	manifestArgs
	Data string `placeholder:"DIR" help:"The data folder of a running server, when the manifest cannot tell it."`
	JSON bool   `name:"json" help:"As JSON, with the tables before and after each."`
}

// Run lists what migrations did to the database, the last one last.
func (c *historyCommand) Run(call *call) error {
	from, err := sourceOf(call, &c.manifestArgs, c.Data)
	if err != nil {
		return err
	}
	records, err := engine.History(call.ctx, from)
	if err != nil {
		return call.serverError(call.ctx, err)
	}
	if c.JSON {
		return call.sayJSON(records)
	}
	if len(records) == 0 {
		call.say("%s\n", "there was no migration yet")
		return nil
	}
	for _, r := range records {
		by := r.Who
		if by == "" {
			by = "nobody known"
		}
		call.say("%d  %s  %s, manifest %.12s\n", r.ID, r.At.Local().Format(time.DateTime), by, r.Hash)
		for _, step := range r.Steps {
			call.say("      %s\n", step.Reason)
		}
	}
	return nil
}

// sourceOf is the running server of a manifest, and the database to read when
// none runs.
func sourceOf(call *call, args *manifestArgs, dataDir string) (engine.Source, error) {
	if dataDir == "" {
		if m, err := args.read(call); err == nil {
			return engine.Source{Server: admin.NewClient(m.DataDir()), Manifest: m}, nil
		}
	}
	client, err := args.socket(call, dataDir)
	return engine.Source{Server: client}, err
}
