package main

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

type planCommand struct {
	manifestArgs
	Rehearse bool `help:"Carry the migration out on a copy of the database, and say how that went."`
	JSON     bool `name:"json" help:"As JSON."`
}

// errChanges ends a plan that has changes, with exit code 2.
var errChanges = errors.New("there are changes")

// planError is whatever went wrong with a plan: its exit code is 1, for 2 means
// that there are changes.
type planError struct{ error }

// Unwrap gives the error itself.
func (e planError) Unwrap() error { return e.error }

// Run shows what the manifest would change in the running backend, or in the
// database when none runs. Exit codes: 0 nothing, 2 changes, 1 faults or
// changes that are refused.
func (c *planCommand) Run(call *call) error {
	comparison, err := c.compare(call)
	var faults fault.List
	switch {
	case err == nil:
	case c.JSON && errors.As(err, &faults):
		if err := fault.RenderJSON(call.out, faults, workingDir()); err != nil {
			return planError{err}
		}
		return planError{errFaults}
	default:
		return planError{call.placedError(call.ctx, err)}
	}
	if c.JSON {
		err = call.sayJSON(comparison)
	} else {
		err = sayPlan(call, comparison)
	}
	switch {
	case err != nil:
		return planError{err}
	case comparison.Grave() || difference.Has(comparison.Changes, difference.Refused) || comparison.Rehearsal != nil && len(comparison.Rehearsal.Faults) > 0:
		return planError{errFaults}
	case len(comparison.Changes) > 0:
		return errChanges
	}
	return nil
}

func (c *planCommand) compare(call *call) (engine.Comparison, error) {
	m, err := c.read(call)
	if err != nil {
		return engine.Comparison{}, err
	}
	comparison, err := engine.Compare(call.ctx, m)
	if err != nil || !c.Rehearse {
		return comparison, err
	}
	restrictFiles()
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	err = engine.Rehearse(ctx, m, &comparison)
	return comparison, err
}

func sayPlan(call *call, comparison engine.Comparison) error {
	with := "no server runs: compared with the database " + comparison.Database + " alone"
	if comparison.Running != nil {
		with = fmt.Sprintf("compared with generation %d of the running server", comparison.Running.Generation)
	}
	for _, drift := range comparison.Drift {
		call.tell("drift: %s\n      hint: %s\n", drift.What, drift.Hint)
	}
	if comparison.Grave() {
		call.tell("%s\n", "the database was changed by hand: what is said above has to be mended first")
	}
	if len(comparison.Changes) == 0 {
		call.say("nothing would change (%s)\n", with)
		return nil
	}
	call.say("%s\n", with)
	if err := call.sayChanges(comparison.Changes); err != nil {
		return err
	}
	call.say("\n%s: %s\n", count(len(comparison.Changes), "change"), tally(comparison.Changes))
	switch {
	case difference.Has(comparison.Changes, difference.Refused):
		call.tell("%s\n", "what is refused has to be mended first: as it is, neither reload nor serve takes this manifest")
	case difference.Has(comparison.Changes, difference.Restart):
		call.tell("%s\n", "reload refuses it: stop the server and start it again")
	}
	return sayRehearsal(call, comparison.Rehearsal)
}

// sayRehearsal tells how the migration went on a copy; nil for none.
func sayRehearsal(call *call, r *engine.Rehearsal) error {
	switch {
	case r == nil:
		return nil
	case len(r.Faults) > 0:
		if err := call.printFaults(r.Faults); err != nil {
			return err
		}
		call.tell("%s\n", "rehearsed on a copy: refused, and the migration would change nothing")
		return nil
	}
	call.say("rehearsed on a copy: done in %s\n", r.Took.Round(time.Millisecond))
	for _, table := range r.Rows {
		call.say("  %s: %s written anew\n", table.Name, count(int(table.Rows), "row"))
	}
	return nil
}

// tally counts changes by their grade, the worst first.
func tally(changes []difference.Change) string {
	counts := map[difference.Grade]int{}
	for _, change := range changes {
		counts[change.Grade]++
	}
	var parts []string
	grades := difference.Grades()
	for i := len(grades) - 1; i >= 0; i-- {
		if n := counts[grades[i]]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, grades[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// sayChanges prints changes under their areas: what, how much it can hurt, both
// sides, the hint, and the place.
func (t *terminal) sayChanges(changes []difference.Change) error {
	width := 0
	for _, change := range changes {
		width = max(width, utf8.RuneCountInString(change.What))
	}
	width = min(width, 72)
	var b strings.Builder
	var area difference.Area
	for _, change := range changes {
		if change.Area != area {
			area = change.Area
			b.WriteString(string(area) + "\n")
		}
		fmt.Fprintf(&b, "  %s %-*s  %s\n", change.Sign, width, change.What, change.Grade)
		writeSides(&b, change)
		if change.Hint != "" {
			b.WriteString("      hint: " + change.Hint + "\n")
		}
		if change.Position != nil {
			b.WriteString("      " + change.Position.Relative(workingDir()).String() + "\n")
		}
	}
	_, err := io.WriteString(t.paint(t.out), b.String())
	return err
}

func writeSides(b *strings.Builder, change difference.Change) {
	if change.Was != "" {
		b.WriteString("      was: " + oneLine(change.Was) + "\n")
	}
	if change.Is != "" {
		b.WriteString("      is:  " + oneLine(change.Is) + "\n")
	}
}

// oneLine is a rule that was written over several lines, in one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
