package function_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// fine is the outcome of a call that succeeds.
const fine = ""

// hostileCalls says how each export of the hostile modules ends, by what its name
// begins with; the longest that fits counts.
var hostileCalls = map[string]string{
	"loop": function.CodeTimeout, "sleep": function.CodeTimeout,
	"recurse": function.CodeFailed, "recurse_slowly": function.CodeTimeout,
	"grow": function.CodeMemory, "grow_to_limit_and_answer": fine,
	"store": function.CodeFailed, "load": function.CodeFailed, "fill": function.CodeFailed, "copy_wraps": function.CodeFailed, "init": function.CodeFailed,
	"write": function.CodeFailed, "read": function.CodeFailed, "head": function.CodeFailed, "operation": function.CodeFailed,
	"result": function.CodeFailed, "log": function.CodeFailed, "fail": function.CodeFailed, "random": function.CodeFailed, "wasi": function.CodeFailed,
	"odd": fine, "answer": function.CodeAnswer, "trap": function.CodeFailed, "exit": function.CodeFailed,

	"extism": function.CodeTimeout, "extism_alloc": function.CodeMemory, "extism_store": function.CodeFailed,
	"extism_var": function.CodeMemory, "extism_input_copies": function.CodeMemory, "extism_output": function.CodeAnswer,
	"extism_fetch": function.CodeFailed, "extism_fail": function.CodeFailed,
	"copy": fine, "variable": fine, "block": fine, "setting": fine, "fetch": function.CodeFailed,
}

func hostileOutcome(name string) (code string) {
	longest := -1
	for prefix, c := range hostileCalls {
		if strings.HasPrefix(name, prefix) && len(prefix) > longest {
			code, longest = c, len(prefix)
		}
	}
	return code
}

// exportsOf lists what a module of the tests can be called with.
func exportsOf(t testing.TB, module string) (names []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + module + ".wat")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\(export "(\w+)"\) \(result i32\)`).FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// slowOperations has one which waits for as long as it may.
func slowOperations(d *function.Definition) {
	d.Operations = map[string]function.Operation{
		"fine": {Do: func(context.Context, *function.Call, []byte, []byte) (function.Reply, error) {
			return function.Reply{Body: make([]byte, 1000)}, nil
		}},
		"slow": {Do: func(ctx context.Context, _ *function.Call, _, _ []byte) (function.Reply, error) {
			<-ctx.Done()
			return function.Reply{}, ctx.Err()
		}},
	}
}

func hostileLimits(d *function.Definition) {
	d.Limits.Timeout = 25 * time.Millisecond
	d.Limits.Instances = 1
}

// TestHostileGuests calls each of them twice: it ends as it should, and its neighbour answers as ever.
func TestHostileGuests(t *testing.T) {
	h, written := newHost(t)
	neighbour := load(t, h, "neighbour", "kit", "body")
	call(t, neighbour, request(""))
	goroutines, memory := runtime.NumGoroutine(), h.Usage().Memory
	count := 0
	for _, module := range []string{"hostile", "extism"} {
		for _, name := range exportsOf(t, module) {
			count++
			t.Run(name, func(t *testing.T) {
				f := load(t, h, name, module, name, hostileLimits, slowOperations, func(d *function.Definition) {
					if hostileOutcome(name) != function.CodeTimeout {
						d.Limits.Timeout = time.Minute // it ends by another limit
					}
				})
				defer func() { _ = f.Close(context.Background()) }()
				for range 2 {
					e := request(strings.Repeat("x", 10_000))
					answer := &recorder{}
					err := f.Call(context.Background(), e, answer)
					want := hostileOutcome(name)
					if code := codeOf(err); code != want {
						t.Fatalf("got %v, want %q", err, want)
					}
					if err != nil && len(answer.pieces) == 0 && (answer.status != 0 || answer.body.Len() > 0) {
						t.Errorf("it failed, and answered %d and %d bytes", answer.status, answer.body.Len())
					}
				}
				if got := call(t, neighbour, request("still here")); got.body.String() != "still here" {
					t.Errorf("the neighbour answers %q", got.body.String())
				}
				if err := f.Close(context.Background()); err != nil {
					t.Error(err)
				}
				if now := h.Usage().Memory; now != memory {
					t.Errorf("%d bytes are used after it, %d before", now, memory)
				}
			})
		}
	}
	if count < 100 {
		t.Errorf("there are %d", count)
	}
	if size := len(written.String()); size > 8<<20 {
		t.Errorf("they logged %d bytes", size)
	}
	waitFor(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
}

func codeOf(err error) string {
	var f *fault.Fault
	switch {
	case err == nil:
		return fine
	case errors.As(err, &f):
		return f.Code
	}
	return err.Error()
}

func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// TestHostileModules loads modules that do harm before they are called, and in
// ways that keep them from being loaded at all.
func TestHostileModules(t *testing.T) {
	function.ShortenInitialTime(t, 200*time.Millisecond)
	h, _ := newHost(t)
	for _, c := range []struct {
		module, entry string
		load, call    string // codes
	}{
		{"start_loop", "", fine, function.CodeTimeout},
		{"start_trap", "", fine, function.CodeFailed},
		{"start_recurse", "", fine, function.CodeFailed},
		{"init_loop", "", fine, function.CodeTimeout},
		{"init_grow", "", fine, function.CodeMemory},
		{"init_exit", "", fine, function.CodeFailed},
		{"data_outside", "", fine, function.CodeFailed},
		{"elem_outside", "", fine, fine}, // nothing is put into the table
		{"memory_huge", "", function.CodeModule, fine},
		{"memory_none", "", fine, function.CodeFailed},
		{"table_huge", "", function.CodeModule, fine},
		{"tables", "grow", fine, function.CodeTimeout},
		{"tables", "grow_most", fine, fine},
		{"tables", "fill", fine, function.CodeTimeout},
		{"tables", "fill_outside", fine, function.CodeFailed},
		{"tables", "set_outside", fine, function.CodeFailed},
		{"forged_meter", "", function.CodeModule, fine},
		{"foreign", "", function.CodeModule, fine},
		{"nothing", "", function.CodeModule, fine},
	} {
		t.Run(c.module+" "+c.entry, func(t *testing.T) {
			f, err := h.Load(context.Background(), function.Definition{
				Name: "f", Code: wasm(t, c.module), Path: c.module + ".wasm", Entry: c.entry, Limits: initialLimits(),
			})
			if code := codeOf(err); code != c.load {
				t.Fatalf("loading gave %v, want %q", err, c.load)
			}
			if err != nil {
				return
			}
			for range 2 {
				if err := f.Call(context.Background(), request(""), &recorder{}); codeOf(err) != c.call {
					t.Errorf("got %v, want %q", err, c.call)
				}
			}
			if err := f.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if left := h.Usage().Memory; left != 0 {
				t.Errorf("%d bytes were not given back", left)
			}
		})
	}
}

func initialLimits() function.Limits {
	l := defaultLimits()
	l.Timeout = 100 * time.Millisecond
	return l
}

// TestStartMayCallTheHost: there is no answer yet, but nothing breaks.
func TestStartMayCallTheHost(t *testing.T) {
	h, written := newHost(t)
	f := load(t, h, "f", "start_calls", "")
	_, err := callFails(t, f, request(""), function.CodeFailed)
	if !strings.Contains(err.Error(), "it gave 4") { // pages: what it grew by is there
		t.Errorf("got %v", err)
	}
	if !strings.Contains(written.String(), "msg=begun") {
		t.Errorf("log: %s", written)
	}
}

// TestNothingIsLeftBehind calls guests that leave a secret where memory and
// globals are not all there is.
func TestNothingIsLeftBehind(t *testing.T) {
	h, _ := newHost(t)
	for _, c := range []struct{ module, entry string }{
		{"tables", ""}, {"segments", ""}, {"vectors", ""}, {"references", ""}, {"extism", "variable"}, {"extism", "block"},
	} {
		f := load(t, h, c.module+c.entry, c.module, c.entry, one)
		for i := range 300 {
			if err := f.Call(context.Background(), request(""), &recorder{}); err != nil {
				t.Fatalf("%s: call %d: %v", c.module, i, err)
			}
		}
	}
}

// TestMutatedModules loads modules of which bytes were changed, and calls what
// loads: nothing but the call comes to harm.
func TestMutatedModules(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	h, _ := newHost(t, quiet)
	random := rand.New(rand.NewPCG(1, 2))
	loaded, called := 0, 0
	for _, name := range []string{"kit", "hostile", "extism", "command", "tables"} {
		whole := wasm(t, name)
		for range 120 {
			code := bytes.Clone(whole)
			switch random.IntN(4) {
			case 0:
				code = code[:random.IntN(len(code))]
			default:
				for range 1 + random.IntN(3) {
					code[random.IntN(len(code))] = byte(random.Uint32())
				}
			}
			l := defaultLimits()
			l.Timeout, l.Instances = 2*time.Millisecond, 1
			if called == 0 { // however slow the machine
				l.Timeout = time.Second
			}
			d := function.Definition{Name: "f", Code: code, Path: "f.wasm", Limits: l}
			if name == "hostile" || name == "extism" || name == "tables" {
				names := exportsOf(t, name)
				d.Entry = names[random.IntN(len(names))]
			}
			f, err := h.Load(context.Background(), d)
			if err != nil {
				if !fault.Is(err, function.CodeModule) {
					t.Fatalf("got %v", err)
				}
				continue
			}
			loaded++
			if f.Call(context.Background(), request("body"), &recorder{}) == nil {
				called++
			}
			if err := f.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if loaded < 20 || called == 0 {
		t.Errorf("%d loaded, %d came to their end: the test tries nothing", loaded, called)
	}
}

// TestLoopsLeaveTheirNeighboursAlone: while loops run on every core, and more of
// them, calls of a neighbour come to their end, and the garbage collector too.
func TestLoopsLeaveTheirNeighboursAlone(t *testing.T) {
	h, _ := newHost(t, quiet)
	neighbour := load(t, h, "neighbour", "kit", "body")
	call(t, neighbour, request(""))
	alone := p99(t, neighbour, 300)
	var running sync.WaitGroup
	var ended atomic.Int32
	ctx, end := context.WithCancel(context.Background())
	defer end()
	for _, name := range []string{"loop", "loop_nested", "loop_call", "loop_indirect", "loop_float", "loop_fill", "loop_br_table", "loop_log"} {
		f := load(t, h, name, "hostile", name, func(d *function.Definition) { d.Limits.Timeout = 5 * time.Minute })
		running.Go(func() {
			if err := f.Call(ctx, request(""), &recorder{}); !fault.Is(err, function.CodeTimeout) {
				t.Errorf("%s: %v", name, err)
			}
			ended.Add(1)
		})
	}
	waitFor(t, "they run", func() bool { return h.Usage().Running == 8 })
	beside := p99(t, neighbour, 300)
	runtime.GC()
	if n := ended.Load(); n > 0 {
		t.Errorf("%d loops ended while the neighbour was called", n)
	}
	end()
	running.Wait()
	t.Logf("p99 of the neighbour alone %s, beside 8 loops on %d cores %s", alone, runtime.GOMAXPROCS(0), beside)
}

// p99 calls a function, and gives how long all but a hundredth took at most.
func p99(t *testing.T, f *function.Function, calls int) time.Duration {
	took := make([]time.Duration, calls)
	for i := range took {
		began := time.Now()
		call(t, f, request("x"))
		took[i] = time.Since(began)
	}
	worst := took[0]
	rest := calls / 100
	for range rest + 1 {
		at := 0
		for i, d := range took {
			if d > took[at] {
				at = i
			}
		}
		worst, took[at] = took[at], 0
	}
	return worst
}
