package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

//go:embed guest/empty.wasm
var emptyGuest []byte

//go:embed guest/total.wasm
var totalGuest []byte

//go:embed guest/count.wasm
var countGuest []byte

// serveBareFunctions serves the functions of the bench as routes in plain Go, and
// as modules that the bare library calls: one instance after another, with whatever
// the calls before left in it, without limits of any kind.
func serveBareFunctions(addressAndNothing string, _ io.Writer) error {
	address := strings.TrimSpace(addressAndNothing)
	ctx := context.Background()
	engine := wazero.NewRuntime(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, engine)
	if err := linkBare(ctx, engine); err != nil {
		return err
	}
	empty, err := newBareModule(ctx, engine, emptyGuest)
	if err != nil {
		return err
	}
	total, err := newBareModule(ctx, engine, totalGuest)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /go/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /go/total", goTotal)
	mux.HandleFunc("POST /wazero/empty", empty.serve)
	mux.HandleFunc("POST /wazero/total", total.serve)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

const maxBareBody = 1 << 20

func goTotal(w http.ResponseWriter, r *http.Request) {
	var basket []struct {
		Price    float64 `json:"price"`
		Quantity int64   `json:"quantity"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBareBody)).Decode(&basket); err != nil {
		http.Error(w, "a basket is an array", http.StatusBadRequest)
		return
	}
	var sum struct {
		Items int64   `json:"items"`
		Total float64 `json:"total"`
	}
	for _, line := range basket {
		sum.Items += line.Quantity
		sum.Total += line.Price * float64(line.Quantity)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(sum) // a client that is gone is noticed by net/http
}

// bareModule is a module with instances of it.
type bareModule struct{ idle chan *bareInstance }

type bareInstance struct {
	module api.Module
	handle api.Function
}

// bareCall is what the imports find of the call.
type bareCall struct{ event, body, out []byte }

type bareCallKey struct{}

func newBareModule(ctx context.Context, engine wazero.Runtime, code []byte) (*bareModule, error) {
	compiled, err := engine.CompileModule(ctx, code)
	if err != nil {
		return nil, err
	}
	m := &bareModule{idle: make(chan *bareInstance, 2*runtime.GOMAXPROCS(0))}
	for range cap(m.idle) {
		module, err := engine.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
		if err != nil {
			return nil, err
		}
		m.idle <- &bareInstance{module, module.ExportedFunction("edgehive_handle")}
	}
	return m, nil
}

func (m *bareModule) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBareBody))
	if err != nil {
		http.Error(w, "no body", http.StatusBadRequest)
		return
	}
	call := &bareCall{event: []byte(`{"kind":"request"}`), body: body}
	in := <-m.idle
	_, err = in.handle.Call(context.WithValue(r.Context(), bareCallKey{}, call))
	m.idle <- in
	if err != nil {
		http.Error(w, "failed", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(call.out) // a client that is gone is noticed by net/http
}

// linkBare gives guests as much of the host as these need.
func linkBare(ctx context.Context, engine wazero.Runtime) error {
	i32 := func(n int) []api.ValueType {
		types := make([]api.ValueType, n)
		for i := range types {
			types[i] = api.ValueTypeI32
		}
		return types
	}
	part := func(ctx context.Context, part uint64) []byte {
		call := ctx.Value(bareCallKey{}).(*bareCall)
		if uint32(part) == 0 {
			return call.event
		}
		return call.body
	}
	host := engine.NewHostModuleBuilder("edgehive:host")
	export := func(name string, parameters, results int, do api.GoModuleFunc) {
		host.NewFunctionBuilder().WithGoModuleFunction(do, i32(parameters), i32(results)).Export(name)
	}
	export("input_size", 1, 1, func(ctx context.Context, _ api.Module, stack []uint64) { stack[0] = uint64(len(part(ctx, stack[0]))) })
	export("input_read", 4, 1, func(ctx context.Context, m api.Module, stack []uint64) {
		from := part(ctx, stack[0])[uint32(stack[1]):]
		n := min(len(from), int(uint32(stack[3])))
		m.Memory().Write(uint32(stack[2]), from[:n])
		stack[0] = uint64(n)
	})
	export("output_write", 2, 1, func(ctx context.Context, m api.Module, stack []uint64) {
		call := ctx.Value(bareCallKey{}).(*bareCall)
		bytes, _ := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
		call.out = append(call.out, bytes...)
		stack[0] = 0
	})
	nothing := func(_ context.Context, _ api.Module, stack []uint64) {
		if len(stack) > 0 {
			stack[0] = 0
		}
	}
	export("output_head", 2, 1, nothing)
	export("result_size", 1, 1, nothing)
	export("result_read", 4, 1, nothing)
	export("fail", 2, 0, nothing)
	_, err := host.Instantiate(ctx)
	return errors.Join(err)
}
