package main

import (
	"fmt"
	"regexp"
	"time"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/ruletest"
)

type testCommand struct {
	manifestArgs
	Only string `name:"run" sep:"none" placeholder:"REGEXP" help:"Run only the tests whose name it matches."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run runs the manifest's tests: no server, no file, no network. Exit codes: 0
// all of them hold, 1 one does not or the manifest has faults, 2 it cannot be
// done.
func (c *testCommand) Run(call *call) error {
	only, err := regexp.Compile(c.Only)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	m, err := load.Load(call.ctx, load.Options{Path: c.Path, Tags: c.Tags})
	if err != nil {
		return call.explain(err)
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return call.explain(err)
	}
	report, err := engine.TestRules(call.ctx, m, checked, only)
	if err != nil {
		return err
	}
	if c.JSON {
		err = call.sayJSON(report)
	} else {
		err = call.sayReport(report)
	}
	if err == nil && report.Failed() > 0 {
		return errFaults
	}
	return err
}

func (t *terminal) sayReport(report *ruletest.Report) error {
	var took time.Duration
	expectations := 0
	var failures fault.List
	for i := range report.Tests {
		test := &report.Tests[i]
		word := "ok  "
		if len(test.Failures) > 0 {
			word = "FAIL"
		}
		t.say("%s  %s (%s)\n", word, test.Name, count(test.Expectations, "expectation"))
		took += test.Took
		expectations += test.Expectations
		failures = append(failures, test.Failures...)
	}
	if len(failures) > 0 {
		t.tell("\n")
		if err := fault.Render(t.paint(t.err), failures, workingDir()); err != nil {
			return err
		}
	}
	t.sayGaps(report.Unexercised)
	switch {
	case len(report.Tests) == 0:
		t.say("no tests: declare some under tests\n")
	case report.Failed() > 0:
		t.say("%d of %s failed\n", report.Failed(), count(len(report.Tests), "test"))
	default:
		t.say("%s, %s in %s\n", count(len(report.Tests), "test"), count(expectations, "expectation"), took.Round(time.Millisecond))
	}
	return nil
}

// sayGaps lists the rules that no test proves.
func (t *terminal) sayGaps(gaps []ruletest.Gap) {
	if len(gaps) == 0 {
		return
	}
	t.say("\nrules that the tests do not prove:\n")
	for _, gap := range gaps {
		what := "was never asked"
		switch gap.Missing {
		case "pass":
			what = "never let anyone pass"
		case "refuse":
			what = "never refused anyone"
		}
		t.say("  %s %s\n", gap.Path, what)
	}
	t.say("\n")
}
