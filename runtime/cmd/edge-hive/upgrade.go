package main

import (
	"errors"
	"path/filepath"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

type upgradeCommand struct {
	manifestArgs
	Binary string `placeholder:"PATH" help:"The new edge-hive; left out, the file that the running one was started from."`
	Data   string `placeholder:"DIR" help:"The data folder of a running server, when the manifest cannot tell it."`
	JSON   bool   `name:"json" help:"As JSON."`
}

// Run puts a new process in the place of the running one: exit code 1 and the
// reason when that serves on, 2 when none runs.
func (c *upgradeCommand) Run(call *call) error {
	client, err := c.socket(call, c.Data)
	if err != nil {
		return err
	}
	binary := c.Binary
	if binary != "" {
		if binary, err = filepath.Abs(binary); err != nil {
			return err
		}
	}
	answer, err := client.Upgrade(call.ctx, binary)
	if err != nil {
		return notRunning(err)
	}
	if c.JSON {
		err = call.sayJSON(answer)
	} else {
		err = sayUpgraded(call, answer)
	}
	if err == nil && answer.Error != "" {
		return errFaults
	}
	return err
}

func sayUpgraded(call *call, answer admin.UpgradeAnswer) error {
	if answer.Error == "" {
		call.say("upgraded: process %d serves; requests waited for %s\n", answer.PID, answer.Held)
		return nil
	}
	switch {
	case len(answer.Faults) > 0:
		if err := call.printFaults(listed(answer.Faults)); err != nil {
			return err
		}
	case answer.Hint != "":
		_ = call.fail(hinted(errors.New(answer.Error), answer.Hint)) // the code is the caller's
	default:
		_ = call.fail(errors.New(answer.Error))
	}
	call.tell("\nnot upgraded: the process that runs serves on\n")
	return nil
}
