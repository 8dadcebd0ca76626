// Package data is the gate: the only way to rows for every surface. It joins
// the caller, the columns he may name, defaults, rules and the cache around a
// store.View. web, live and the engine's seeding call it; it knows no HTTP and
// no SQL, and never trusts a name or value of a request.
package data

import (
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Options is what a gate is made of. Manifest, Schema, Rules and View belong to
// one generation; Cache outlives it.
type Options struct {
	Manifest *manifest.Manifest
	Schema   *query.Schema
	Rules    *access.Rules
	View     store.View
	// Cache keeps answers; nil makes every answer a bypass.
	Cache cache.Cache
	// Exports outlives a generation, as exports do; nil is one of the gate's own.
	Exports *Exports
	// Clock is now() and the time in keys; nil is time.Now.
	Clock func() time.Time
}

// Gate is one generation's only way to rows. It is immutable and safe for
// concurrent use; it owns nothing that must be closed.
type Gate struct {
	schema   *query.Schema
	view     store.View
	cache    cache.Cache
	exports  *Exports
	clock    func() time.Time
	ids      *uuid.Gen
	tables   map[string]*table
	names    []string // of the tables, for hints
	channels map[string]*access.ChannelRules
	// functions are the rules of who may call them.
	functions map[string]*access.FunctionRules
	// middleware are the rules of who may pass it.
	middleware map[string]*access.MiddlewareRules

	queries    map[string]*named
	queryNames []string // for hints

	grants *Grants // nil: everything
}

// New decides all that can be decided before a request. An error means a
// manifest that check would have refused.
func New(o Options) (*Gate, error) {
	g := &Gate{
		schema: o.Schema,
		view:   o.View, cache: o.Cache, exports: o.Exports, clock: o.Clock, ids: uuid.NewGen(),
		tables: make(map[string]*table, len(o.Schema.Tables)), channels: o.Rules.Channels, functions: o.Rules.Functions, middleware: o.Rules.Middleware,
	}
	if g.clock == nil {
		g.clock = time.Now
	}
	if g.exports == nil {
		g.exports = new(Exports)
	}
	policies := make(map[string]cache.Policy, len(o.Manifest.Cache.Policies))
	for _, p := range o.Manifest.Cache.Policies {
		policies[p.Name] = cache.Policy{Name: p.Name, TTL: p.TTL, Stale: p.Stale}
	}
	for i := range o.Manifest.Tables {
		declared := &o.Manifest.Tables[i]
		schema, rules := o.Schema.Table(declared.Name), o.Rules.Tables[declared.Name]
		if schema == nil || rules == nil {
			return nil, fmt.Errorf("table %q has no schema or no rules", declared.Name)
		}
		policy, known := policies[declared.Cache]
		if declared.Cache != "" && !known {
			return nil, fmt.Errorf("table %q: no cache policy %q", declared.Name, declared.Cache)
		}
		t, err := newTable(declared, schema, rules, policy)
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", declared.Name, err)
		}
		g.tables[declared.Name] = t
		g.names = append(g.names, declared.Name)
	}
	g.queries = make(map[string]*named, len(o.Manifest.Queries))
	for i := range o.Manifest.Queries {
		declared := &o.Manifest.Queries[i]
		n, rules := o.Schema.Query(declared.Name), o.Rules.Queries[declared.Name]
		policy, known := policies[declared.Cache]
		if n == nil || rules == nil || declared.Cache != "" && !known {
			return nil, fmt.Errorf("query %q has no schema, no rules or no cache policy", declared.Name)
		}
		g.queries[declared.Name] = newNamed(n, rules, policy)
		g.queryNames = append(g.queryNames, declared.Name)
	}
	return g, nil
}

// Table finds a table by its exact name; PGRST205 when there is none.
func (g *Gate) Table(name string) (*query.Table, error) {
	t, err := g.table(name)
	if err != nil {
		return nil, err
	}
	return t.schema, nil
}

func (g *Gate) table(name string) (*table, error) {
	if err := g.permit(name); err != nil {
		return nil, err
	}
	if t := g.tables[name]; t != nil {
		return t, nil
	}
	f := fault.Newf(CodeUnknownTable, "Could not find the table 'public.%s' in the schema cache", fault.Clip(name, shownName))
	if len(name) <= shownName {
		if near := fault.Nearest(name, g.names); near != "" {
			f.Hint = "Perhaps you meant the table 'public." + near + "'"
		}
	}
	return nil, f
}

// Parse reads the query of a URL for a caller: what he may not read is, in
// select, filters and order, as if it were not there. Faults are PGRST205 and
// those of query.ParseRequest.
func (g *Gate) Parse(caller *auth.Caller, name, rawQuery string) (*query.Request, error) {
	t, err := g.table(name)
	if err != nil {
		return nil, err
	}
	limits := query.DefaultLimits()
	if !caller.IsService() || g.grants != nil {
		b := g.binding(caller)
		limits.Sees = func(t *query.Table) (*query.ColumnSet, bool) {
			seen := g.tables[t.Name]
			return &seen.of(caller, b).visible.set, g.exposes(caller, seen)
		}
	}
	request, f := query.ParseRequest(g.schema, t.schema, rawQuery, limits)
	if f != nil {
		return nil, f
	}
	return &request, nil
}

// binding is what rules see of a caller now.
func (g *Gate) binding(caller *auth.Caller) query.Binding {
	return caller.Binding(g.clock().UnixMicro())
}
