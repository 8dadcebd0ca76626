package main

import (
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

type reloadCommand struct {
	manifestArgs
	Data string `placeholder:"DIR" help:"The data folder of a running server, when the manifest cannot tell it."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run makes the running server read its manifest again: exit code 1 and the
// faults when it refuses, 2 when none runs.
func (c *reloadCommand) Run(call *call) error {
	client, err := c.socket(call, c.Data)
	if err != nil {
		return err
	}
	answer, err := client.Reload(call.ctx)
	if err != nil {
		return notRunning(err)
	}
	if c.JSON {
		err = call.sayJSON(answer)
	} else {
		err = sayAnswer(call, answer)
	}
	if err == nil && answer.Result == admin.Refused {
		return errFaults
	}
	return err
}

func sayAnswer(call *call, answer admin.ReloadAnswer) error {
	switch answer.Result {
	case admin.Refused:
		if err := call.printFaults(listed(answer.Faults)); err != nil {
			return err
		}
		call.tell("\nnot reloaded: generation %d serves on\n", answer.Generation)
		return nil
	case admin.Unchanged:
		call.say("nothing has changed: generation %d serves on\n", answer.Generation)
		return nil
	}
	for _, step := range answer.Steps {
		call.say("%s\n", step)
	}
	if answer.Backup != "" {
		call.say("backup before it: %s\n", answer.Backup)
	}
	call.say("reloaded: generation %d\n", answer.Generation)
	return nil
}
