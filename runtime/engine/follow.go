package engine

import (
	"context"
	"reflect"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

const (
	// lookEvery is how often a node looks whether another one has changed the
	// tables that they share.
	lookEvery = 2 * time.Second
	// lookTimeout bounds one look.
	lookTimeout = 10 * time.Second

	codeMoved = "tables-moved"
)

// errMoved keeps a node from being sent requests whose tables are not there any
// more.
var errMoved = fault.New(codeMoved, "another node has changed the tables, and this node's manifest does not fit them").
	WithHint("give this node the manifest of the other one, and reload")

// followTables notices, until the engine ends, that another node has migrated
// the database. Tables and columns that came are none of this node's business.
// Where its manifest's files fit the new tables already, it goes over to them;
// where the tables that it serves are gone, it is not ready until it is reloaded.
func (e *Engine) followTables() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var seen plan.Schema
	for {
		select {
		case <-e.life.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(e.life, lookTimeout)
		have, err := e.shared.store.Inspect(ctx)
		cancel()
		// A server that is away is /ready's to tell.
		if err != nil || reflect.DeepEqual(have, seen) && !e.moved.Load() {
			continue
		}
		seen = have
		e.fit(have)
	}
}

// fit compares the tables with what serves.
func (e *Engine) fit(have plan.Schema) {
	g := e.current.Load()
	p := plan.Diff(have, plan.FromManifest(g.manifest, g.schema), g.manifest.Removed)
	if p.Empty() {
		e.moved.Store(false)
		return
	}
	e.adopt()
	g = e.current.Load()
	moved := !holds(have, plan.FromManifest(g.manifest, g.schema))
	if was := e.moved.Swap(moved); moved && !was {
		e.log.Error("another node has changed the tables that this node serves", "manifest", g.hash(), "hint", errMoved.Hint)
	}
}

// adopt reloads where the files have another manifest than the one that serves,
// and it fits the tables as they are: nothing is migrated because somebody else
// migrated.
func (e *Engine) adopt() {
	d, err := e.draft(e.life)
	if err != nil || d.manifest.Hash == e.current.Load().hash() {
		return // a broken manifest is told about when it is reloaded
	}
	if p, err := e.plan(e.life, d); err != nil || !p.Empty() {
		return
	}
	_, _ = e.ReloadAs(e.life, By("another node's migration"), d.manifest.Hash) // it logs its own error
}

// holds reports whether a database has every table and column of a schema.
func holds(have, want plan.Schema) bool {
	for i := range want.Tables {
		there := have.Table(want.Tables[i].Name)
		if there == nil {
			return false
		}
		for _, c := range want.Tables[i].Columns {
			known := there.Column(c.Name)
			if known == nil || known.Type != c.Type || known.Scale != c.Scale || known.Of != c.Of {
				return false
			}
		}
	}
	return true
}

// isShared reports whether other nodes may stand on the same database.
func isShared(m *manifest.Manifest) bool { return m.Database.Engine == manifest.SurrealDB }
