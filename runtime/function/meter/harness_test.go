package meter_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

var (
	errStopped = errors.New("stopped")
	errDeep    = errors.New("too deep")
)

// refill is what a guest gets of fuel at a time.
const refill = 1_000_000

// host answers ticks as a host should: it stops the guest at a deadline and where
// its stack is used up.
type host struct {
	until time.Time   // zero for none
	most  int         // ticks, 0 for no bound
	least int         // ticks, before it may be told to stop
	stop  atomic.Bool // as soon as there were as many
	ticks int
}

func (h *host) tick(_ context.Context, m api.Module, _ []uint64) {
	h.ticks++
	if int32(m.ExportedGlobal(meter.Depth).Get()) < 0 {
		panic(errDeep)
	}
	if h.most > 0 && h.ticks > h.most || h.stop.Load() && h.ticks >= h.least || !h.until.IsZero() && time.Now().After(h.until) {
		panic(errStopped)
	}
	m.ExportedGlobal(meter.Fuel).(api.MutableGlobal).Set(refill)
}

// machine is a runtime in which rewritten modules run, and others.
func machine(tb testing.TB, h *host) wazero.Runtime {
	tb.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	tb.Cleanup(func() { _ = rt.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	_, err := rt.NewHostModuleBuilder(meter.HostModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(h.tick), nil, nil).Export(meter.Tick).Instantiate(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return rt
}

// offer gives a module every function that it imports and nobody offers: each
// answers with zeros.
func offer(tb testing.TB, rt wazero.Runtime, code []byte) {
	tb.Helper()
	m, err := meter.Parse(code)
	if err != nil {
		tb.Fatal(err)
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, i := range m.Imports {
		if rt.Module(i.Module) != nil {
			continue
		}
		if builders[i.Module] == nil {
			builders[i.Module] = rt.NewHostModuleBuilder(i.Module)
		}
		builders[i.Module].NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			clear(stack)
		}), types(i.Type.Params), types(i.Type.Results)).Export(i.Name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(context.Background()); err != nil {
			tb.Fatalf("offer %s: %v", name, err)
		}
	}
}

func types(list []meter.ValueType) []api.ValueType {
	out := make([]api.ValueType, len(list))
	for i, v := range list {
		out[i] = api.ValueType(v)
	}
	return out
}

func rewritten(tb testing.TB, code []byte) *meter.Rewritten {
	tb.Helper()
	r, err := meter.Rewrite(code, meter.Options{MemoryPages: 4096})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func instance(tb testing.TB, rt wazero.Runtime, code []byte) api.Module {
	tb.Helper()
	m, err := rt.InstantiateWithConfig(context.Background(), code, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// call calls an export; a panic of the host comes back as its error.
func call(m api.Module, name string, params ...uint64) ([]uint64, error) {
	f := m.ExportedFunction(name)
	if f == nil {
		return nil, fmt.Errorf("there is no export %s", name)
	}
	return f.Call(context.Background(), params...)
}
