package engine

import (
	"context"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// changes are what a reload is about to change, as plan shows it. They are for
// who asks afterwards: what they cannot tell keeps no reload from happening.
func (e *Engine) changes(ctx context.Context, old *generation, d *draft, p plan.Plan) []difference.Change {
	var changes []difference.Change
	if !p.Empty() {
		filled, err := filled(ctx, old)
		if err != nil {
			e.log.Debug("which tables have rows", "error", err)
		}
		rows := make(map[string]bool, len(filled))
		for _, table := range filled {
			rows[table] = true
		}
		changes = difference.Steps(p, d.manifest, rows)
	}
	changes = append(changes, difference.Manifests(
		difference.Side{Manifest: old.manifest, Rules: old.rules}, difference.Side{Manifest: d.manifest, Rules: d.rules})...)
	return difference.Sorted(changes)
}

// noted are changes as the status has them, and how many more there are.
func noted(changes []difference.Change) ([]admin.Change, int) {
	shown := changes[:min(len(changes), admin.MostChanges)]
	lines := make([]admin.Change, 0, len(shown))
	for _, c := range shown {
		lines = append(lines, admin.Change{Area: string(c.Area), Sign: string(c.Sign), Grade: string(c.Grade), What: c.What, Was: c.Was, Is: c.Is})
	}
	return lines, len(changes) - len(shown)
}

// drainsNow notes that a generation was swapped out and finishes its requests; what
// it gives is called when it has.
func (e *Engine) drainsNow(g *generation) (ended func()) {
	since := time.Now().UTC()
	e.lastMu.Lock()
	defer e.lastMu.Unlock()
	e.draining = append(e.draining, draining{g, since})
	return func() {
		e.lastMu.Lock()
		defer e.lastMu.Unlock()
		e.draining = slices.DeleteFunc(e.draining, func(d draining) bool { return d.generation == g })
	}
}

// draining is a generation that still finishes requests.
type draining struct {
	generation *generation
	since      time.Time
}

// drainingStatus are the generations that still finish requests, the oldest first.
func (e *Engine) drainingStatus() []admin.Draining {
	e.lastMu.Lock()
	defer e.lastMu.Unlock()
	var list []admin.Draining
	for _, d := range e.draining {
		list = append(list, admin.Draining{Generation: d.generation.number, Requests: d.generation.running(), Since: d.since})
	}
	return list
}
