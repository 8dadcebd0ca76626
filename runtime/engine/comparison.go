package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Comparison is what a manifest would change.
type Comparison struct {
	Manifest string `json:"manifest"` // hash of the one that would come
	// Running is the backend it was compared with; nil when none runs: then the
	// changes are those of the database alone.
	Running *Compared `json:"running,omitempty"`
	// Database is what was looked at: a file, or a place on a server.
	Database string              `json:"database"`
	Changes  []difference.Change `json:"changes"`
	// Drift is what somebody changed in the database by hand.
	Drift []plan.Drift `json:"drift,omitempty"`
	// Rehearsal is how the database's changes went on a copy, where that was
	// asked for and there are any.
	Rehearsal *Rehearsal `json:"rehearsal,omitempty"`

	plan plan.Plan
}

// Grave reports whether the database was changed by hand so that it cannot be
// served or migrated.
func (c *Comparison) Grave() bool {
	return slices.ContainsFunc(c.Drift, func(d plan.Drift) bool { return d.Grave })
}

// Compared is the generation that a manifest was compared with.
type Compared struct {
	Generation uint64 `json:"generation"`
	Hash       string `json:"hash"`
}

// Compare says what m would change, in the running backend of its data folder
// or, when none runs, in its database. It changes nothing. What is wrong with m
// is a fault.List.
func Compare(ctx context.Context, m *manifest.Manifest) (Comparison, error) {
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return Comparison{}, err
	}
	c := Comparison{Manifest: m.Hash, Database: m.Database.Address(), Changes: []difference.Change{}}
	running, err := admin.NewClient(m.DataDir()).Running(ctx)
	switch {
	case errors.Is(err, admin.ErrNotRunning):
		found, err := inspect(ctx, m)
		if err != nil {
			return Comparison{}, err
		}
		c.Drift = found.Drift
		c.steps(found.Schema, found.Filled, m, checked)
		return c, nil
	case err != nil:
		return Comparison{}, err
	}
	c.Running = &Compared{Generation: running.Generation, Hash: running.Hash}
	old, have, err := readRunning(running)
	if err != nil {
		return Comparison{}, err
	}
	c.Database = old.Manifest.Database.Address()
	if len(running.Drift) > 0 {
		if err := json.Unmarshal(running.Drift, &c.Drift); err != nil {
			return Comparison{}, errVersions.WithCause(err)
		}
	}
	if old.Manifest.Hash == m.Hash {
		// What reload compares too: equal hashes, equal backends.
		c.steps(have, running.Filled, m, checked)
		return c, nil
	}
	if running.Dev {
		m = forDev(m)
	}
	c.steps(have, running.Filled, m, checked)
	c.Changes = append(c.Changes, restarts(old.Manifest, m, running.Dev)...)
	c.Changes = append(c.Changes, difference.Manifests(old, difference.Side{Manifest: m, Rules: checked.Rules})...)
	difference.Sorted(c.Changes)
	return c, nil
}

// steps adds what the database would do.
func (c *Comparison) steps(have plan.Schema, filled []string, m *manifest.Manifest, checked *check.Checked) {
	c.plan = plan.Diff(have, plan.FromManifest(m, checked.Schema), m.Removed)
	c.Changes = append(c.Changes, steps(have, filled, m, checked)...)
}

// steps are what the database would do; filled are its tables with rows.
func steps(have plan.Schema, filled []string, m *manifest.Manifest, checked *check.Checked) []difference.Change {
	rows := make(map[string]bool, len(filled))
	for _, table := range filled {
		rows[table] = true
	}
	return difference.Steps(plan.Diff(have, plan.FromManifest(m, checked.Schema), m.Removed), m, rows)
}

// restarts are what a reload refuses.
func restarts(old, next *manifest.Manifest, dev bool) []difference.Change {
	var changes []difference.Change
	for _, f := range restartFaults(old, next, dev) {
		change := difference.Change{Area: difference.Server, Sign: difference.Turns, Grade: difference.Restart, What: f.Message, Hint: f.Hint, Path: f.Path}
		if len(f.Positions) > 0 && f.Positions[0].Known() {
			change.Position = &f.Positions[0]
		}
		changes = append(changes, change)
	}
	return changes
}

// readRunning gives the running side, its rules compiled again.
func readRunning(r admin.Running) (difference.Side, plan.Schema, error) {
	var old manifest.Manifest
	var have plan.Schema
	if err := errors.Join(json.Unmarshal(r.Effective, &old), json.Unmarshal(r.Schema, &have)); err != nil {
		return difference.Side{}, have, fmt.Errorf("the running server's manifest: %w", err)
	}
	schema, err := query.Declare(&old)
	if err != nil {
		return difference.Side{}, have, errVersions.WithCause(err)
	}
	rules, faults := access.Compile(&old, schema)
	if err := faults.Err(); err != nil {
		return difference.Side{}, have, errVersions.WithCause(err)
	}
	return difference.Side{Manifest: &old, Rules: rules}, have, nil
}

var errVersions = fault.New("other-version", "the running server is of another version, whose manifest this one cannot read").
	WithHint("use the version that edge-hive status names")

// answerRunning gives the manifest that serves and the database's schema.
func (e *Engine) answerRunning(w http.ResponseWriter, r *http.Request) {
	g, from, err := e.admit(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer from.give()
	running, err := e.describe(r.Context(), g)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.answerJSON(w, running)
}

func (e *Engine) describe(ctx context.Context, g *generation) (admin.Running, error) {
	running := admin.Running{Generation: g.number, Hash: g.hash(), Dev: e.options.Dev}
	have, err := e.shared.store.Inspect(ctx)
	if err != nil {
		return running, err
	}
	if running.Schema, err = json.Marshal(have); err != nil {
		return running, err
	}
	drift, err := e.shared.store.Drift(ctx)
	if err != nil {
		return running, err
	}
	if len(drift) > 0 {
		if running.Drift, err = json.Marshal(drift); err != nil {
			return running, err
		}
	}
	plain := *g.manifest
	plain.Positions = nil // they are of the files as they were
	if running.Effective, err = json.Marshal(plain); err != nil {
		return running, err
	}
	running.Filled, err = filled(ctx, g)
	return running, err
}

// filled are the tables that have rows.
func filled(ctx context.Context, g *generation) ([]string, error) {
	var tables []string
	for _, table := range g.schema.Tables {
		key := []query.Output{{Name: "id", Expr: &query.ColumnRef{Table: table, Column: table.Columns[0]}}}
		info, err := g.view.Select(ctx, query.Select{Table: table, Columns: key, Limit: 1}, query.NewJSONWriter(nil, query.NewJSONShape(key)))
		if err != nil {
			return tables, err
		}
		if info.Rows > 0 {
			tables = append(tables, table.Name)
		}
	}
	return tables, nil
}
