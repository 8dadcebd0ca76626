package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

// Options are what a host is made with.
type Options struct {
	// CacheDir is a folder for compiled code, "" for none. Nothing that is found in
	// it is run unless this host's key has sealed it.
	CacheDir string
	// Memory is what all instances together may use, in bytes; 0 is 1 GiB.
	Memory int64
	// Log takes what guests say and why calls failed; nil is nowhere.
	Log *slog.Logger
	// Meter is told of calls; nil is nobody.
	Meter Meter
}

// Meter is told what functions do. Its methods are called on the way of each call:
// they must be quick, and safe for several goroutines.
type Meter interface {
	// Called tells of a call that ended: outcome is "ok" or a fault's code. waited
	// is the part of took that passed before an instance was ready. memory is what
	// the instance used, 0 where there was none.
	Called(function, outcome string, took, waited time.Duration, memory int64)
	// Compiled tells that a module was made ready to run; cached says that its code
	// was found and not compiled.
	Compiled(function string, took time.Duration, cached bool)
}

// Usage is what a host holds at a moment.
type Usage struct {
	Memory    int64 // bytes of instances, live and idle, and of their snapshots
	Limit     int64
	Functions int
	Modules   int // that are compiled, each once
	Idle      int // instances that wait for a call
	Running   int // calls that have an instance
	Waiting   int // calls that wait for one
}

const (
	defaultMemory = 1 << 30
	// maxModule bounds the code of one function.
	maxModule = 20 << 20
)

// Host compiles and runs functions. It lives as long as the process; functions
// come and go with reloads.
type Host struct {
	runtime  wazero.Runtime
	compiled wazero.CompilationCache
	store    *codeStore // nil for none
	log      *slog.Logger
	meter    Meter
	budget   budget

	mu        sync.Mutex
	functions map[*Function]struct{}
	modules   map[moduleKey]*module
	closed    bool
}

// NewHost makes a host. Close releases it.
func NewHost(ctx context.Context, o Options) (*Host, error) {
	h := &Host{
		log: o.Log, meter: o.Meter,
		functions: map[*Function]struct{}{}, modules: map[moduleKey]*module{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.meter == nil {
		h.meter = nobody{}
	}
	h.budget.limit = o.Memory
	if o.Memory <= 0 {
		h.budget.limit = defaultMemory
	}
	h.budget.evict = h.evict
	// Deadlines are the meter's doing: wazero's own way costs a call at each turn
	// of a loop. Its debug information would be off by what the meter puts in.
	config := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false)
	if o.CacheDir != "" {
		store, err := openCodeStore(o.CacheDir, h.log)
		if err != nil {
			return nil, err
		}
		cache, err := store.cache()
		if err != nil {
			return nil, errors.Join(err, store.close())
		}
		h.store, h.compiled = store, cache
		config = config.WithCompilationCache(cache)
	}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := h.link(ctx); err != nil {
		return nil, errors.Join(err, h.Close(ctx))
	}
	return h, nil
}

// link gives the runtime the modules that guests import from.
func (h *Host) link(ctx context.Context) error {
	for _, m := range hostModules() {
		b := h.runtime.NewHostModuleBuilder(m.name)
		for _, f := range m.functions {
			if f.within != nil {
				b = b.NewFunctionBuilder().WithGoModuleFunction(f.within, f.parameters, f.results).Export(f.name)
				continue
			}
			b = b.NewFunctionBuilder().WithGoFunction(f.do, f.parameters, f.results).Export(f.name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("make the host's module %s: %w", m.name, err)
		}
	}
	return javascript.Link(ctx, h.runtime)
}

// Close ends what is loaded, and releases the host. Calls that run are waited
// for, until ctx ends.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	left := make([]*Function, 0, len(h.functions))
	for f := range h.functions {
		left = append(left, f)
	}
	h.mu.Unlock()
	var errs []error
	for _, f := range left {
		errs = append(errs, f.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err // a guest runs in memory that must stay where it is
	}
	errs = append(errs, h.runtime.Close(ctx))
	if h.compiled != nil {
		errs = append(errs, h.compiled.Close(ctx))
	}
	if h.store != nil {
		errs = append(errs, h.store.close())
	}
	return errors.Join(errs...)
}

// Usage tells what the host holds.
func (h *Host) Usage() Usage {
	u := Usage{Memory: h.budget.used.Load(), Limit: h.budget.limit}
	h.mu.Lock()
	defer h.mu.Unlock()
	u.Functions, u.Modules = len(h.functions), len(h.modules)
	for f := range h.functions {
		f.pool.mu.Lock()
		u.Idle += len(f.pool.idle)
		u.Running += f.pool.working
		u.Waiting += len(f.pool.waiting)
		f.pool.mu.Unlock()
	}
	return u
}

// evict drops the instance that was idle longest, of any function; where there is
// none, what a function without instances would begin with. It reports whether
// there was anything.
func (h *Host) evict() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	var oldest *Function
	since := int64(-1)
	for f := range h.functions {
		if at, ok := f.pool.oldest(); ok && (since < 0 || at < since) {
			oldest, since = f, at
		}
	}
	if oldest != nil && oldest.dropOldest() {
		return true
	}
	for f := range h.functions {
		if f.pool.unused() && f.forget() {
			return true
		}
	}
	return false
}

type nobody struct{}

func (nobody) Called(string, string, time.Duration, time.Duration, int64) {}
func (nobody) Compiled(string, time.Duration, bool)                       {}

// hostModule is a module that guests import from.
type hostModule struct {
	name      string
	functions []hostFunction
}

// hostFunction is a function of it. It finds its call in the context.
type hostFunction struct {
	name                string
	parameters, results []api.ValueType
	do                  api.GoFunc
	within              api.GoModuleFunc // instead of do, where the guest's module is wanted
}

func hostModules() []hostModule {
	return []hostModule{meterModule(), kitModule(), extismModule(), wasiModule()}
}

// declare makes a host function of one that wants its call. Types are written as
// letters: i is i32, l is i64, f is f32, d is f64.
func declare(name, parameters, results string, do func(r *running, stack []uint64)) hostFunction {
	return hostFunction{name: name, parameters: types(parameters), results: types(results), do: func(ctx context.Context, stack []uint64) {
		do(runningOf(ctx), stack)
	}}
}

func types(letters string) []api.ValueType {
	list := make([]api.ValueType, len(letters))
	for i, letter := range []byte(letters) {
		switch letter {
		case 'l':
			list[i] = api.ValueTypeI64
		case 'f':
			list[i] = api.ValueTypeF32
		case 'd':
			list[i] = api.ValueTypeF64
		default:
			list[i] = api.ValueTypeI32
		}
	}
	return list
}
