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
	run := func(name, entry, body string) {
		b.Run(name, func(b *testing.B) {
			h, _ := newHost(b, quiet)
			f := load(b, h, "f", "kit", entry)
			e := request(body)
			ctx := context.Background()
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := f.Call(ctx, e, nowhere{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("host", "", "")
	run("echo", "echo", "the body")
	run("body=1KB", "body", string(make([]byte, 1<<10)))
	run("body=100KB", "body", string(make([]byte, 100<<10)))
}

func quiet(o *function.Options) { o.Log = nil }
