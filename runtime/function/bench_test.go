package function_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/function"
)

// nowhere is an answer that nobody reads.
type nowhere struct{}

func (nowhere) Head(int, http.Header) error { return nil }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Flush() error                { return nil }

// BenchmarkCallEmpty calls a function that does nothing: bare is wazero with the
// same module as it came, called in one instance and never reset.
func BenchmarkCallEmpty(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		ctx := context.Background()
		r := wazero.NewRuntime(ctx)
		defer r.Close(ctx)
		env := r.NewHostModuleBuilder("edgehive:host")
		i32, i64 := api.ValueTypeI32, api.ValueTypeI64
		for name, t := range map[string][2][]api.ValueType{
			"input_size": {{i32}, {i32}}, "input_read": {{i32, i32, i32, i32}, {i32}}, "output_head": {{i32, i32}, {i32}},
			"output_write": {{i32, i32}, {i32}}, "output_flush": {nil, {i32}}, "call": {{i32, i32, i32, i32, i32, i32}, {i32}},
			"result_size": {{i32}, {i32}}, "result_read": {{i32, i32, i32, i32}, {i32}}, "log": {{i32, i32, i32}, nil},
			"fail": {{i32, i32}, nil}, "time": {nil, {i64}}, "random": {{i32, i32}, nil},
		} {
			env = env.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) {}), t[0], t[1]).Export(name)
		}
		if _, err := env.Instantiate(ctx); err != nil {
			b.Fatal(err)
		}
		m, err := r.Instantiate(ctx, wasm(b, "kit"))
		if err != nil {
			b.Fatal(err)
		}
		f := m.ExportedFunction("edgehive_handle")
		stack := make([]uint64, 1)
		b.ReportAllocs()
		for b.Loop() {
			if err := f.CallWithStack(ctx, stack); err != nil {
				b.Fatal(err)
			}
		}
	})
	benchmarkCall(b, "host", "kit", "", 0)
}

// BenchmarkCall calls functions that do something: echo reads the event and sets a
// head, body copies the body.
func BenchmarkCall(b *testing.B) {
	benchmarkCall(b, "echo", "kit", "echo", 8)
	benchmarkCall(b, "body=1KB", "kit", "body", 1<<10)
	benchmarkCall(b, "body=100KB", "kit", "body", 100<<10)
	// As Extism's own guests do it: eight bytes a call of the host.
	benchmarkCall(b, "extism=1KB", "extism", "copy", 1<<10)
	benchmarkCall(b, "extism=100KB", "extism", "copy", 100<<10)
	benchmarkCall(b, "command", "command", "", 1<<10)
}

func benchmarkCall(b *testing.B, name, module, entry string, size int) {
	b.Run(name, func(b *testing.B) {
		h, _ := newHost(b, quiet)
		f := load(b, h, "f", module, entry)
		e := request(string(make([]byte, size)))
		ctx := context.Background()
		b.ReportAllocs()
		b.SetBytes(int64(size))
		for b.Loop() {
			if err := f.Call(ctx, e, nowhere{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFirstCall is the first call after a reload: of a module whose code is
// in the store, with a host that runs.
func BenchmarkFirstCall(b *testing.B) {
	h, _ := newHost(b, quiet, func(o *function.Options) { o.CacheDir = b.TempDir() })
	ctx := context.Background()
	for b.Loop() {
		f := load(b, h, "f", "kit", "")
		if err := f.Call(ctx, request(""), nowhere{}); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func quiet(o *function.Options) { o.Log = nil }
