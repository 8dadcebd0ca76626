package main

import (
	"errors"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

type validateCommand struct {
	manifestArgs
	JSON   bool     `name:"json" help:"Print faults as JSON, on standard output."`
	Policy []string `sep:"none" placeholder:"FILE" help:"CUE of your own that the effective manifest must meet. May be said again."`
}

// Run checks the manifest: no database, no network, no secret. Warnings never
// change the exit code.
func (c *validateCommand) Run(call *call) error {
	m, warnings, err := c.validate(call)
	if c.JSON {
		return c.report(call, err)
	}
	if err != nil {
		return call.explain(err)
	}
	if len(warnings) > 0 {
		call.tell("%s\n", "warnings:")
		if err := fault.Render(call.paint(call.err), warnings, workingDir()); err != nil {
			return err
		}
	}
	call.say("%s is valid: %s\n", nameOf(m), contents(m))
	return nil
}

func (c *validateCommand) validate(call *call) (*manifest.Manifest, fault.List, error) {
	o := load.Options{Path: c.Path, Tags: c.Tags}
	m, err := load.Load(call.ctx, o)
	if err != nil {
		return nil, nil, err
	}
	checked, faults := check.Check(m)
	for _, file := range c.Policy {
		err := load.Policy(call.ctx, o, file)
		var broken fault.List
		if err != nil && !errors.As(err, &broken) {
			return nil, nil, err
		}
		faults = append(faults, broken...)
	}
	faults.Sort()
	if err := faults.Err(); err != nil {
		return nil, nil, err
	}
	broken, err := check.Scripts(call.ctx, m, checked)
	if err == nil {
		err = broken.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	return m, check.Warnings(m, checked), nil
}

// report prints a Report, with and without faults.
func (c *validateCommand) report(call *call, err error) error {
	var faults fault.List
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	if err := fault.RenderJSON(call.out, faults, workingDir()); err != nil {
		return err
	}
	switch {
	case unread(faults):
		return errUnread
	case len(faults) > 0:
		return errFaults
	}
	return nil
}

// contents says how much a manifest declares.
func contents(m *manifest.Manifest) string {
	said := fmt.Sprintf("%s, %s, %s", count(len(m.Tables), "table"), count(len(m.Channels), "channel"), count(len(m.Routes), "route"))
	if len(m.Functions) > 0 {
		said += ", " + count(len(m.Functions), "function")
	}
	return said
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
