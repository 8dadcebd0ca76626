package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/openapi"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// draft is a manifest that has passed every check that needs no database.
type draft struct {
	manifest *manifest.Manifest
	schema   *query.Schema
	rules    *access.Rules
	keys     *auth.Keys
	who      string // asked for it; stands in the history

	functionsToLoad []function.Definition
	// fingerprint tells of what the manifest's hash does not cover.
	fingerprint [sha256.Size]byte
}

// same reports that another draft would make the same generation.
func (d *draft) same(other *draft) bool {
	return d.manifest.Hash == other.manifest.Hash && d.keys.ServiceJWT() == other.keys.ServiceJWT() && d.fingerprint == other.fingerprint
}

// generation is everything that one manifest decided. It is immutable but for
// its leases, and is released once, after the last request on it has ended.
type generation struct {
	draft
	number    uint64
	view      store.View
	gate      *data.Gate
	cache     cache.Cache
	functions *function.Set
	host      *function.Host // nil where there are no functions
	imports   map[string][sha256.Size]byte
	handler   *web.Handler
	strict    []string    // the header that keeps browsers on HTTPS; nil for none
	tracer    *usedTracer // nil where nothing is traced
	traces    *traces     // that it is of

	closed sync.Once

	leases atomic.Pointer[leases]
	// earlier are leases that a migration given up has retired. Guarded by
	// Engine.turn.
	earlier []*leases
}

func (g *generation) hash() string { return g.manifest.Hash }

// migrated is what a migration did, a line a step, and the backup that was made
// before, "" where nothing could be lost.
type migrated struct {
	steps  []string
	backup string
}

// build makes a generation from a draft, the database migrated to it. Faults
// change nothing.
func (e *Engine) build(ctx context.Context, d draft, number uint64) (*generation, migrated, error) {
	answers, err := openCache(d.manifest, e.current.Load(), e.shared.tier())
	if err != nil {
		return nil, migrated{}, err
	}
	g := &generation{draft: d, number: number, strict: strictTransport(d.manifest), cache: answers}
	g.leases.Store(newLeases())
	did, err := e.bring(ctx, g)
	if err != nil {
		return nil, migrated{}, errors.Join(err, g.close(), g.closeCache(e.current.Load()))
	}
	return g, did, nil
}

// mostPlans bounds how often a migration is planned that others were before.
const mostPlans = 5

// bring plans the way from the database to the generation and goes it. Where
// another node has changed the tables meanwhile, the rest of the way is planned
// anew: of equal nodes that start together one migrates, and the others find
// nothing left to do.
func (e *Engine) bring(ctx context.Context, g *generation) (migrated, error) {
	for tried := 1; ; tried++ {
		p, err := e.plan(ctx, g.draft)
		if err != nil {
			return migrated{}, err
		}
		backup, err := e.raise(ctx, g, p)
		if err == nil {
			return migrated{reasons(p), backup}, nil
		}
		// Of a migration that was carried out, it is not taken back twice.
		untouched := p.Empty() || fault.Is(err, codeBusy)
		if !errors.Is(err, store.ErrMoved) || !untouched || tried == mostPlans {
			return migrated{}, err
		}
	}
}

// reasons are a plan's steps, a line each.
func reasons(p plan.Plan) []string {
	lines := make([]string, len(p.Steps))
	for i, step := range p.Steps {
		lines[i] = step.Reason
	}
	return lines
}

// raise migrates the database and builds what stands around the view. It gives
// the backup that was made before.
func (e *Engine) raise(ctx context.Context, g *generation, p plan.Plan) (string, error) {
	if p.Empty() {
		backup, err := e.keepBefore(ctx, g, p)
		if err != nil {
			return "", err
		}
		return backup, e.assemble(ctx, g)
	}
	// What can fail fails before the database changes.
	if err := e.tryBuild(ctx, g); err != nil {
		return "", err
	}
	backup, err := e.keepBefore(ctx, g, p)
	if err != nil {
		return "", err
	}
	if err := e.shared.store.Migrate(ctx, p); err != nil {
		return "", migrationFault(g.manifest, err)
	}
	err = e.assemble(ctx, g)
	if err == nil && !e.options.Unseeded {
		err = e.seed(ctx, g, p)
	}
	if err != nil {
		return "", errors.Join(err, g.close(), e.undo(ctx, p))
	}
	return backup, nil
}

// tryBuild builds everything that stands around the view, and drops it.
func (e *Engine) tryBuild(ctx context.Context, g *generation) (err error) {
	gate, err := data.New(data.Options{Manifest: g.manifest, Schema: g.schema, Rules: g.rules, View: absentView{}, Cache: g.cache})
	if err != nil {
		return fmt.Errorf("build the gate: %w", err)
	}
	functions, err := e.loadFunctions(ctx, g, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, functions.Close(ctx)) }()
	options, err := e.webOptions(g, gate, functions)
	if err != nil {
		return err
	}
	if _, _, _, err := readTraces(g.manifest); err != nil {
		return err
	}
	handler, err := web.New(options)
	if err != nil {
		return err
	}
	return handler.Close()
}

// absentView stands for the view that tryBuild does not have; nothing calls
// it.
type absentView struct{ store.View }

// assemble opens a view and builds what stands around it.
func (e *Engine) assemble(ctx context.Context, g *generation) error {
	var err error
	if g.view, err = e.shared.store.Open(ctx, g.schema); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if e.statements != nil {
		g.view = measured{g.view, e.statements}
	}
	if g.gate, err = data.New(data.Options{
		Manifest: g.manifest, Schema: g.schema, Rules: g.rules, View: g.view, Cache: g.cache, Exports: &e.shared.exports,
	}); err != nil {
		return fmt.Errorf("build the gate: %w", err)
	}
	operations, err := e.operations(g)
	if err != nil {
		return err
	}
	if g.functions, err = e.loadFunctions(ctx, g, operations); err != nil {
		return err
	}
	g.imports = g.imported()
	options, err := e.webOptions(g, g.gate, g.functions)
	if err != nil {
		return err
	}
	if err := e.openTraces(g); err != nil {
		return err
	}
	if g.tracer != nil {
		options.Tracer = g.tracer
	}
	g.handler, err = web.New(options)
	return err
}

// webOptions are what a generation's routes are made of.
func (e *Engine) webOptions(g *generation, gate *data.Gate, functions *function.Set) (web.Options, error) {
	o := web.Options{
		Manifest: g.manifest, Gate: gate, Callers: g.keys, Limiter: e.shared.limiter,
		Realtime: http.HandlerFunc(e.serveRealtime), Ready: e.ready, Without: e.without, Detach: releaseLease, Log: e.log.Logger,
		Functions: functions, Edition: string(g.fingerprint[:]), Proxies: e.shared.proxies, Cache: g.cache, Hashing: e.shared.hashing, Unread: e.offline,
	}
	if e.metrics != nil {
		o.Meter = e.metrics
	}
	var err error
	if o.OpenAPI.Everyone, err = openapi.Write(g.manifest, g.rules, openapi.Everyone); err != nil {
		return o, err
	}
	o.OpenAPI.Service, err = openapi.Write(g.manifest, g.rules, openapi.Service)
	return o, err
}

// serveRealtime hands a live connection to what outlives its generation.
func (e *Engine) serveRealtime(w http.ResponseWriter, r *http.Request) {
	releaseLease(r.Context())
	e.shared.realtime.ServeHTTP(w, r)
}

// undo takes back a migration whose tables could not be seeded or served, so
// that the next try makes and seeds them again. What was renamed and converted
// goes back, where a generation serves that needs it; one that dropped something
// stays.
func (e *Engine) undo(ctx context.Context, p plan.Plan) error {
	target := p.From
	if !p.Additive() {
		g := e.current.Load()
		if g == nil || slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Grade == plan.LosesData }) {
			return nil
		}
		// The schema in force has the conditions of its indexes, too.
		target = plan.FromManifest(g.manifest, g.schema)
		target.Reverse(p.Steps)
	}
	var removed []string
	for _, step := range p.Steps {
		switch step.Kind {
		case plan.CreateTable:
			removed = append(removed, step.Table)
		case plan.AddColumn:
			removed = append(removed, step.Table+"."+step.Name)
		}
	}
	have, err := e.shared.store.Inspect(ctx)
	if err == nil {
		back := plan.Diff(have, target, removed)
		back.Who, back.Hash = "undo of what "+p.Who+" began", p.Hash
		err = e.shared.store.Migrate(ctx, back)
	}
	if err != nil {
		return fmt.Errorf("undo the migration: %w", err)
	}
	return nil
}

// release waits for the requests on a generation that was swapped out, then
// gives back what it holds. When the context ends first, the requests that
// still run fail.
func (g *generation) release(ctx context.Context) error {
	for _, l := range slices.Concat(g.earlier, []*leases{g.leases.Load()}) {
		select {
		case <-l.retire():
		case <-ctx.Done():
		}
	}
	return g.close()
}

// close gives back handler and view, once.
func (g *generation) close() error {
	var errs []error
	g.closed.Do(func() {
		if g.handler != nil {
			errs = append(errs, g.handler.Close())
		}
		errs = append(errs, g.closeFunctions()) // before the view that their operations use
		if g.view != nil {
			errs = append(errs, g.view.Close())
		}
		g.closeTraces()
	})
	return errors.Join(errs...)
}

// closeCache closes the cache, unless the generation that serves has it.
func (g *generation) closeCache(serving *generation) error {
	if serving != nil && serving.cache == g.cache {
		return nil
	}
	return g.cache.Close()
}

// running is how many requests run on the generation.
func (g *generation) running() int64 { return g.leases.Load().count() }

// plan finds the way from the database to the draft. Steps that are refused
// are faults.
func (e *Engine) plan(ctx context.Context, d draft) (plan.Plan, error) {
	have, err := e.shared.store.Inspect(ctx)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("look at the database: %w", err)
	}
	want := plan.FromManifest(d.manifest, d.schema)
	if l := e.options.left; l != nil && l.beside && d.same(&l.draft) {
		want = have // what another program has added stays
	}
	p := plan.Diff(have, want, d.manifest.Removed)
	p.Who, p.Hash = d.who, d.manifest.Hash
	var faults fault.List
	for _, step := range p.Refused() {
		faults = append(faults, stepFault(d.manifest, step))
	}
	faults.Sort()
	return p, faults.Err()
}

// seed fills the tables that the plan has made, as the service role.
func (e *Engine) seed(ctx context.Context, g *generation, p plan.Plan) error {
	made := map[string]bool{}
	for _, step := range p.Steps {
		made[step.Table] = made[step.Table] || step.Kind == plan.CreateTable
	}
	for _, step := range p.Steps {
		table := g.manifest.Table(step.Table)
		if step.Kind != plan.CreateTable || table == nil || table.Seed == "" {
			continue
		}
		rows, err := g.gate.Seed(ctx, table.Name, table.Seed)
		if err != nil {
			return seedFault(g.manifest, table, err)
		}
		e.log.Info("seeded", "table", table.Name, "rows", rows)
	}
	return nil
}
