package function

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// moduleKey is the hash of code: as it came for what is in memory, as it was
// rewritten for what is on disk.
type moduleKey = [sha256.Size]byte

// module is compiled code, shared by the functions that have the same.
type module struct {
	key      moduleKey
	compiled wazero.CompiledModule
	known    *meter.Module
	globals  []string // exports of the module's own mutable globals
	uses     int      // functions that hold it; under the host's lock
	ready    chan struct{}
	failure  error
	// prelude is of the engine of scripts, nil until there was one; under the host's
	// lock.
	prelude *prelude
}

// mostPages is what the compiled module itself allows: limits are the instance's,
// so that functions with different ones share the code.
const mostPages = 65535

// guestStack is how much of the machine's stack a guest may use, estimated.
// wazero's doubles as it grows, so it may be twice that.
const guestStack = 2 << 20

// open gives the compiled module of some code, and compiles it where nobody has.
// close gives it back.
func (h *Host) open(ctx context.Context, name string, code []byte) (*module, error) {
	began := time.Now()
	key := sha256.Sum256(code)
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, errors.New("the host of functions is closed")
	}
	m := h.modules[key]
	if m != nil {
		m.uses++
		h.mu.Unlock()
		select {
		case <-m.ready:
		case <-ctx.Done():
			h.release(ctx, m)
			return nil, ctx.Err()
		}
		if m.failure != nil {
			h.release(ctx, m)
			return nil, m.failure
		}
		return m, nil
	}
	m = &module{key: key, uses: 1, ready: make(chan struct{})}
	h.modules[key] = m
	h.mu.Unlock()
	var cached bool
	cached, m.failure = h.make(ctx, m, code)
	close(m.ready)
	if m.failure != nil {
		h.release(ctx, m)
		return nil, m.failure
	}
	h.meter.Compiled(name, time.Since(began), cached)
	return m, nil
}

// make rewrites and compiles the code of a module.
func (h *Host) make(ctx context.Context, m *module, code []byte) (cached bool, err error) {
	rewritten, err := meter.Rewrite(code, meter.Options{MemoryPages: mostPages, StackBytes: guestStack})
	if err != nil {
		return false, moduleFault(err)
	}
	m.known, m.globals = rewritten.Module, rewritten.Globals
	m.compiled, cached, err = h.compile(ctx, sha256.Sum256(rewritten.Code), rewritten.Code)
	return cached, err
}

// compile makes machine code, or finds what was made before.
func (h *Host) compile(ctx context.Context, key moduleKey, code []byte) (compiled wazero.CompiledModule, cached bool, err error) {
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	compile := func() (err error) {
		// A module that passed the meter and makes the compiler panic is refused as
		// any other.
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("the compiler gave up: %v", r)
			}
		}()
		compiled, err = h.runtime.CompileModule(ctx, code)
		return err
	}
	if h.store != nil {
		cached, err = h.store.with(key, compile)
	} else {
		err = compile()
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		return nil, false, fault.New(CodeModule, "the module cannot be compiled").WithDetails(firstLine(err.Error())).WithCause(err)
	}
	return compiled, cached, nil
}

// release gives a module back. The last one drops its code.
func (h *Host) release(ctx context.Context, m *module) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.uses--
	if m.uses > 0 {
		return
	}
	delete(h.modules, m.key)
	if m.prelude != nil {
		h.budget.release(m.prelude.from.bytes)
	}
	if m.compiled != nil {
		if err := m.compiled.Close(ctx); err != nil {
			h.log.WarnContext(ctx, "cannot release a compiled function", "cause", err)
		}
	}
}

// moduleFault says what the meter finds wrong with a module.
func moduleFault(err error) *fault.Fault {
	f := fault.New(CodeModule, "the module cannot be loaded").WithCause(err)
	var refused *meter.Error
	if errors.As(err, &refused) {
		f = f.WithDetails(refused.Error()).WithHint(refused.Hint)
	}
	return f
}
