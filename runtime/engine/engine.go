// Package engine brings a manifest to life: it loads and checks it, opens the
// store, migrates it, builds a Generation and serves it, and swaps in the next
// one at a reload, whole or not at all. The command starts it. It is the one
// package that knows every part; it holds no part's work itself.
//
// # What lives how long
//
// shared outlives reloads: the store, the hub, the cache's contents, listeners,
// connections, rate counters and metrics. A generation is everything that one
// manifest decided; it is immutable, and released when the last request that
// began on it has ended.
//
// # Order
//
// Start: store, migration, generation, hub, listeners, watch. Stop: the exact
// reverse, after the requests that run have been answered.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/autotls"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/handover"
	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
	"github.com/edge-hive/edge-hive/runtime/engine/watch"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/observe"
)

// drainTime is how long requests that run may take to end at a stop.
const drainTime = 20 * time.Second

// Options is what an engine is made of.
type Options struct {
	// Path is the manifest: a file, or a folder with edgehive.cue.
	Path string
	Tags []string
	// Dev binds loopback, allows every origin, and logs for people, whatever
	// the manifest says.
	Dev bool
	// Watch reloads when a file of the manifest is saved, or a module of its
	// functions is built.
	Watch bool
	// Build makes the module of a function from its source, and tells its user how
	// it went; nil builds nothing. With Watch it is called whenever a source is
	// saved. It must not call the engine.
	Build func(ctx context.Context, f *manifest.Function)
	// Unseeded leaves the tables that a migration makes without the rows of
	// their seeds.
	Unseeded bool
	// Version stands in the status.
	Version string
	// Log is where the log goes; nil discards it.
	Log io.Writer
	// Sockets are those that were given to the process; nil: everything is bound
	// here, and can be handed to no other process.
	Sockets *sockets.Set
	// Linger is for how long a stop waits for the next request on a connection that
	// had one, to say in its answer that it is the last; 0 does not wait.
	Linger time.Duration
	// Drain is for how long a stop serves on while it says that it is not ready.
	Drain time.Duration
	// Program and Arguments start the process that an upgrade puts in the place of
	// this one; without them there is no upgrade.
	Program   string
	Arguments []string
	// Before is the process that this one follows, nil for none.
	Before *handover.Before
	// Pace is how fast certificates are tried for; it is for tests.
	Pace autotls.Pace
	// UpgradeTimes are for tests.
	UpgradeTimes UpgradeTimes
	// OnReload is told of each reload that was tried; nil tells nobody. It must
	// not call the engine.
	OnReload func(Outcome)

	// left is what the engine has left that this one follows in its own process,
	// after an upgrade that failed.
	left *left
}

// errBroken says why the process ends; the log has the cause.
var errBroken = errors.New("the database cannot be written any more; start again to recover it, and see the log for the cause")

// Engine is a running backend. Its methods may be called concurrently.
type Engine struct {
	options Options
	started time.Time
	log     *observe.Log
	metrics *observe.Metrics
	// statements counts those of the database; nil without metrics.
	statements *observe.StatementMeter
	shared     *shared

	current atomic.Pointer[generation]
	pause   atomic.Pointer[pause]

	turn   chan struct{} // held by the one reload that runs
	drains sync.WaitGroup

	builds builds
	awaits atomic.Bool // what a refused manifest names is watched, too

	probe probe
	moved atomic.Bool // another node has changed the tables that this one serves

	lastMu   sync.Mutex
	last     *admin.Reload
	draining []draining // the oldest first

	// requests is what those of clients live in; cut ends them.
	requests    context.Context
	cut         context.CancelFunc
	connections connections
	accepting   sync.WaitGroup // of the listeners
	// halting ends with Close: an upgrade that runs is given up.
	halting   context.Context
	halt      context.CancelFunc
	upgrades  sync.WaitGroup
	upgrading atomic.Bool
	handing   atomic.Bool // the listeners are closed because others have them
	away      atomic.Pointer[away]
	gone      chan struct{} // closed when nothing is left to do here
	heir      *Engine       // of an upgrade that failed; set before gone is closed
	forebear  *Engine       // that this one is the heir of
	next      atomic.Pointer[successor]
	owed      atomic.Bool // a reload, after the upgrade
	asked     *leases     // requests of the operator
	long      *leases     // requests that need no generation, and the store

	insideOnce sync.Once
	insideErr  error

	stopping atomic.Bool
	offline  bool            // nothing is served, and no function called
	life     context.Context // ends at Close; what the engine started ends with it
	end      context.CancelFunc
	tasks    sync.WaitGroup
	failed   chan error // the first listener that died by itself
	closed   sync.Once
	closeErr error
}

// Start brings the manifest to life and returns when it answers. The context
// bounds the start alone; Close ends what was started. What is wrong with the
// manifest is a fault.List.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	e := newEngine(ctx, o)
	var err error
	if e.log, err = observe.NewLog(o.Log, "info", "json"); err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// newEngine is one that does nothing yet; its context is not that of its start.
func newEngine(ctx context.Context, o Options) *Engine {
	e := &Engine{
		options: o, started: time.Now(), turn: make(chan struct{}, 1), failed: make(chan error, 1), gone: make(chan struct{}),
		asked: newLeases(), long: newLeases(),
	}
	ctx = context.WithoutCancel(ctx)
	e.life, e.end = context.WithCancel(ctx)
	e.requests, e.cut = context.WithCancel(ctx)
	e.halting, e.halt = context.WithCancel(ctx)
	return e
}

func (e *Engine) start(ctx context.Context) error {
	d, err := e.begin(ctx)
	if err != nil {
		return err
	}
	d.who = By("serve")
	m := d.manifest
	if err := e.setLog(m); err != nil {
		return err
	}
	e.shared = newShared()
	if isShared(m) {
		e.probe.timeout = serverProbeTimeout
	}
	if m.Observe.MetricsListen != "" {
		e.metrics = observe.NewMetrics(e.options.Version)
		if e.statements, err = e.metrics.Statements(); err != nil {
			return err
		}
	}
	if err := e.takeOver(ctx, d); err != nil {
		return err
	}
	if err := e.openProxies(); err != nil {
		return err
	}
	drift, err := e.shared.store.Drift(ctx) // as the store found it on opening
	if err != nil {
		return fmt.Errorf("compare the database with its schema: %w", err)
	}
	g, did, err := e.build(ctx, d, 1)
	if err != nil {
		return err
	}
	if len(drift) > 0 {
		if err := e.sayDrift(ctx); err != nil {
			return errors.Join(err, g.close(), g.closeCache(nil))
		}
	}
	e.current.Store(g)
	if err := e.shared.openHub(ctx, g, e.log.Logger); err != nil {
		return err
	}
	if err := e.startTriggers(ctx, g); err != nil {
		return err
	}
	if err := e.measure(); err != nil {
		return err
	}
	if err := e.listen(ctx, m); err != nil {
		return err
	}
	if err := e.succeed(ctx, m); err != nil {
		return err
	}
	e.goes("watch of the database", e.watchStore)
	e.goes("end of old rows", e.sweep)
	if isShared(m) {
		e.goes("look at the tables", e.followTables)
	}
	e.goes("first instances of functions", func() { e.warm(g) })
	if e.options.Watch {
		if err := e.watch(); err != nil {
			return err
		}
	}
	e.log.Info("started", "name", m.Name, "manifest", g.hash(), "database", m.Database.Engine+" "+m.Database.Address(), "http", e.Addr().String(), "tables", len(m.Tables),
		"migrated", len(did.steps), "took", time.Since(e.started).Round(time.Millisecond).String())
	return nil
}

// Wait returns when the context ends, when an upgrade has put another process, or
// the engine that Heir gives, in the place of this one, or with the error of a listener that
// failed or of a database that cannot be written any more: a new start recovers
// it. The engine still has to be closed.
func (e *Engine) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-e.failed:
		return err
	case <-e.gone:
		return nil
	}
}

// ServeHTTP answers a request on the generation that is current as it comes.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g, from, err := e.admit(r.Context())
	if errors.Is(err, errAway) {
		e.away.Load().serve(w, r)
		return
	}
	if err != nil {
		refuse(w, r)
		return
	}
	outliving := outlives(r.URL.Path)
	if !outliving && !g.handler.Proxies(r) {
		defer from.give()
		g.handler.ServeHTTP(w, r)
		return
	}
	if outliving { // what passes through to other servers needs no store
		e.long.take() // nobody is told to end while requests begin
		defer e.long.give()
	}
	l := &lease{from: from}
	defer l.release()
	g.handler.ServeHTTP(w, r.WithContext(withLease(r.Context(), l)))
}

// ready is nil while the process may be sent requests.
func (e *Engine) ready(ctx context.Context) error {
	if e.stopping.Load() {
		return fault.New("stopping", "the server is stopping")
	}
	if e.moved.Load() {
		return errMoved
	}
	return e.probe.health(ctx, e.shared.store.Health)
}

// watchStore ends Wait when the database is broken.
func (e *Engine) watchStore() {
	select {
	case <-e.life.Done():
	case <-e.shared.store.Broken():
		e.fail(errBroken)
	}
}

// watch reloads after the manifest's files were saved.
func (e *Engine) watch() error {
	e.turn <- struct{}{} // a reload that was asked for already may change the files
	w, err := watch.New(e.current.Load().files())
	e.shared.watcher = w
	<-e.turn
	if err != nil {
		return err
	}
	if err := e.watchSources(); err != nil {
		return err
	}
	e.goes("watch", func() {
		e.ReloadSoon(e.life) // what was saved since the start read it
		for {
			select {
			case <-e.life.Done():
				return
			case <-w.Changed():
				e.ReloadSoon(e.life)
			}
		}
	})
	return nil
}

// goes runs a task that Close waits for.
func (e *Engine) goes(name string, task func()) {
	e.tasks.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				e.log.Error("a task panicked", "task", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				e.fail(fmt.Errorf("%s panicked: %v", name, p))
			}
		}()
		task()
	})
}

// fail ends Wait with the first error.
func (e *Engine) fail(err error) {
	select {
	case e.failed <- err:
	default:
	}
}

// setLog takes level and format from a manifest; dev logs for people.
func (e *Engine) setLog(m *manifest.Manifest) error {
	format := m.Observe.LogFormat
	if e.options.Dev {
		format = "text"
	}
	return e.log.Set(m.Observe.LogLevel, format)
}
