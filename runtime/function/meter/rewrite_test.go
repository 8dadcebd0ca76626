package meter_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// TestSame runs guests as they are and rewritten, and sees no difference.
func TestSame(t *testing.T) {
	for name, code := range guests(t) {
		if name == "endless" || name == "start" || name == "greedy" {
			continue // they do not run to their end, or not to the same
		}
		t.Run(name, func(t *testing.T) {
			wrong, ended := compared(code, enough)
			if wrong != "" {
				t.Error(wrong)
			} else if ended != ran && name != "recursive" {
				t.Errorf("it did not run to its end: %s", ended)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "generated", "*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatal("there are no generated modules", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			mustCompare(t, code)
		})
	}
}

// TestStops stops loops and recursion that call nothing, when they are to end, and
// the collector runs meanwhile: it waits for every goroutine to be where it can be
// stopped, and a loop that never asks its host would hold it up for ever.
func TestStops(t *testing.T) {
	code := guests(t)["endless"]
	r := rewritten(t, code)
	for _, e := range r.Module.Exports {
		t.Run(e.Name, func(t *testing.T) {
			if e.Kind != meter.KindFunction {
				return
			}
			h := &host{least: 3}
			m := instance(t, machine(t, h), r.Code)
			done := make(chan error, 1)
			go func() {
				_, err := call(m, e.Name)
				done <- err
			}()
			runtime.GC()
			if e.Name == "ends" {
				if err := <-done; err != nil {
					t.Error(err)
				}
				return
			}
			h.stop.Store(true)
			err := <-done
			if !errors.Is(err, errStopped) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// TestSizesArePaidFor charges for what one instruction moves: else a few of them
// would take as long as a million others.
func TestSizesArePaidFor(t *testing.T) {
	r := rewritten(t, guests(t)["endless"])
	for _, name := range []string{"fill", "copy"} {
		const ticks, least = 3, 1_200_000 // bytes at a time
		m := instance(t, machine(t, &host{most: ticks}), r.Code)
		if _, err := call(m, name); !errors.Is(err, errStopped) {
			t.Errorf("%s ended with %v", name, err)
		}
		if moved := m.ExportedGlobal("moved").Get(); moved == 0 || moved*least > (ticks+1)*refill*40 {
			t.Errorf("%s moved %d times with fuel for %d", name, moved, ticks*refill)
		}
	}
}

// TestStart stops a loop that runs before anything is called.
func TestStart(t *testing.T) {
	r := rewritten(t, guests(t)["start"])
	if !r.Module.HasStart {
		t.Error("its start is not seen")
	}
	rt := machine(t, &host{most: 10})
	if _, err := rt.Instantiate(context.Background(), r.Code); !errors.Is(err, errStopped) {
		t.Errorf("it ended with %v", err)
	}
}

// TestCollectorIsNotHeldUp runs the collector many times while a guest loops.
func TestCollectorIsNotHeldUp(t *testing.T) {
	r := rewritten(t, guests(t)["endless"])
	h := &host{}
	m := instance(t, machine(t, h), r.Code)
	done := make(chan error, 1)
	go func() {
		_, err := call(m, "count")
		done <- err
	}()
	const collections = 20
	for collected := range collections {
		select {
		case err := <-done:
			t.Fatalf("collected %d times, then %v", collected, err)
		default:
			runtime.GC()
		}
	}
}

// TestRecursion ends recursion where the stack is used up, and gives back what was
// used, in whatever way a function is left.
func TestRecursion(t *testing.T) {
	r := rewritten(t, guests(t)["recursive"])
	if r.Counted != 9 {
		t.Errorf("%d functions pay for stack", r.Counted)
	}
	rt := machine(t, &host{})
	for _, name := range []string{"direct", "mutual", "indirect", "looping"} {
		if _, err := call(instance(t, rt, r.Code), name); !errors.Is(err, errDeep) {
			t.Errorf("%s ended with %v", name, err)
		}
	}
	m := instance(t, rt, r.Code)
	depth := m.ExportedGlobal(meter.Depth)
	for _, test := range []struct {
		name string
		give uint64
		want []uint64
	}{
		{"given", 0, []uint64{1, 2, 3}},
		{"given", 9, []uint64{1, 2, 3}},
		{"factorial", 10, []uint64{3628800}},
		{"fibonacci", 15, []uint64{610}},
		{"leaf", 1, []uint64{2}},
	} {
		got, err := call(m, test.name, test.give)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s gave %v, %v", test.name, got, err)
		}
		if depth.Get() != meter.DefaultStack {
			t.Errorf("%s left %d bytes of stack", test.name, depth.Get())
		}
	}
}

// TestState exports what a host needs to set an instance back.
func TestState(t *testing.T) {
	code := guests(t)["state"]
	r := rewritten(t, code)
	if !r.Module.Reusable || r.Module.Memory.Exported != "mem" || r.Module.Memory.Minimum != 1 || r.Module.Memory.Maximum != 3 {
		t.Errorf("it is seen as %+v", r.Module)
	}
	if len(r.Globals) != 3 {
		t.Fatalf("globals %v", r.Globals)
	}
	m := instance(t, machine(t, &host{}), r.Code)
	memory := m.ExportedMemory(meter.Memory)
	if memory == nil || m.ExportedMemory("mem") == nil {
		t.Fatal("its memory is not exported")
	}
	var before []uint64
	for _, name := range r.Globals {
		before = append(before, m.ExportedGlobal(name).Get())
	}
	snapshot, _ := memory.Read(0, memory.Size())
	snapshot = slices.Clone(snapshot)
	for range 3 {
		if got, err := call(m, "touch"); err != nil || got[0] != 16 {
			t.Fatal(got, err)
		}
		changed, _ := memory.Read(0, memory.Size())
		if slices.Equal(changed, snapshot) {
			t.Error("nothing was written")
		}
		memory.Write(0, snapshot)
		for i, name := range r.Globals {
			m.ExportedGlobal(name).(api.MutableGlobal).Set(before[i])
		}
	}
}

// TestBounds caps memory and tables.
func TestBounds(t *testing.T) {
	code := guests(t)["state"]
	for _, test := range []struct{ limit, most uint32 }{{1, 2}, {2, 3}, {3, 3}, {100, 3}} {
		r, err := meter.Rewrite(code, meter.Options{MemoryPages: test.limit})
		if err != nil {
			t.Fatal(err)
		}
		rt := machine(t, &host{})
		compiled, err := rt.CompileModule(context.Background(), r.Code)
		if err != nil {
			t.Fatal(err)
		}
		if most, ok := compiled.ExportedMemories()[meter.Memory].Max(); !ok || most != test.most {
			t.Errorf("a limit of %d pages gives a maximum of %d", test.limit, most)
		}
	}
	m := instance(t, machine(t, &host{}), rewritten(t, guests(t)["greedy"]).Code)
	if got, err := call(m, "far"); err != nil || int32(got[0]) != -1 {
		t.Errorf("a table grows by 2000000: %v, %v", got, err)
	}
}

// TestReusable says which modules keep more than memory and globals.
func TestReusable(t *testing.T) {
	for name, why := range map[string]string{"state": "", "recursive": "", "endless": "", "segments": "writes to a table"} {
		m, err := meter.Parse(guests(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		if m.Reusable != (why == "") || !strings.Contains(m.NotReusable, why) {
			t.Errorf("%s: %v, %q", name, m.Reusable, m.NotReusable)
		}
	}
}

// TestNames tells a guest's stack by its names after all functions were
// renumbered.
func TestNames(t *testing.T) {
	code := guests(t)["named"]
	r := rewritten(t, code)
	rt := machine(t, &host{})
	offer(t, rt, code)
	_, err := call(instance(t, rt, r.Code), "first", 1)
	if err == nil {
		t.Fatal("it did not trap")
	}
	for _, name := range []string{"guest.third()", "guest.second()", "guest.first(i32)"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the stack does not tell of %s: %v", name, err)
		}
	}
	// Names that cannot be read are left out.
	broken := append(slices.Clone(code), section(0, 4, 'n', 'a', 'm', 'e', 1, 9, 9)...)
	if _, err := rt.CompileModule(context.Background(), rewritten(t, broken).Code); err != nil {
		t.Error(err)
	}
	bad := []byte(function(0x0b) + section(0, 4, 'n', 'a', 'm', 'e', 1, 9, 9))
	if _, err := rt.CompileModule(context.Background(), rewritten(t, bad).Code); err != nil {
		t.Error(err)
	}
}

// TestParse says what a module wants and gives.
func TestParse(t *testing.T) {
	m, err := meter.Parse(guests(t)["named"])
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Imports) != 2 || m.Imports[0].Module != "env" || m.Imports[0].Name != "one" || m.Imports[0].Type.String() != "(i32) -> ()" {
		t.Errorf("imports %+v", m.Imports)
	}
	if f, ok := m.Function("first"); !ok || f.String() != "(i32) -> ()" {
		t.Errorf("exports %+v", m.Exports)
	}
	if _, ok := m.Function("second"); ok || m.Export("second") != nil || m.Imported("wasi") || !m.Imported("env") || m.Functions != 3 {
		t.Errorf("it is seen as %+v", m)
	}
}

// TestLongChain looks at calls as deep as a module may have functions.
func TestLongChain(t *testing.T) {
	const n = 5_000
	code := []byte(header + section(1, 1, 0x60, 0, 0))
	var functions, bodies []byte
	for i := range n {
		functions = append(functions, 0)
		next := uint32((i + 1) % n)
		bodies = append(bodies, 6, 0, 0x10, byte(next)|0x80, byte(next>>7)|0x80, byte(next>>14), 0x0b)
	}
	add := func(id byte, content []byte) {
		code = append(code, id)
		code = appendNumber(code, len(content))
		code = append(code, content...)
	}
	add(3, append(appendNumber(nil, n), functions...))
	add(7, []byte{1, 1, 'f', 0, 0})
	add(10, append(appendNumber(nil, n), bodies...))
	r := rewritten(t, code)
	if r.Counted != n {
		t.Errorf("%d of %d functions pay for stack", r.Counted, n)
	}
	if _, err := call(instance(t, machine(t, &host{}), r.Code), "f"); !errors.Is(err, errDeep) {
		t.Errorf("it ended with %v", err)
	}
}

func appendNumber(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// FuzzRewrite changes modules: what the runtime takes is taken, and stays what it
// was; nothing breaks the rewriter.
func FuzzRewrite(f *testing.F) {
	for name, code := range guests(f) {
		if name != "greedy" { // it does not grow as far as it would
			f.Add(code)
		}
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		if len(code) > 1<<16 {
			return
		}
		r, err := meter.Rewrite(code, meter.Options{MemoryPages: 299, StackBytes: 1 << 20})
		var refused *meter.Error
		if errors.As(err, &refused) {
			// Whether wazero would take it cannot be asked: it believes every number that
			// it is told, and a module of 400 bytes had it ask for 29 GB. That good modules
			// are taken is what TestSame is for.
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		bare, metered := compiles(withoutNames(code)), compiles(r.Code)
		if bare == nil && metered != nil {
			t.Fatalf("rewritten it is refused: %v", metered)
		}
		if bare != nil && metered == nil {
			t.Fatalf("wazero takes it only rewritten: %v", bare)
		}
		if bare == nil {
			runBoth(t, withoutNames(code), r)
		}
	})
}

// withoutNames leaves out a module's custom sections.
func withoutNames(code []byte) []byte {
	at := min(len(header), len(code))
	out := slices.Clone(code[:at])
	for at < len(code) {
		from := at
		size, shift := 0, 0
		for at++; at < len(code) && shift < 35; at++ {
			size |= int(code[at]&0x7f) << shift
			shift += 7
			if code[at] < 0x80 {
				at++
				break
			}
		}
		at = min(at+size, len(code))
		if code[from] != 0 {
			out = append(out, code[from:at]...)
		}
	}
	return out
}

// runBoth runs a module, where it ends soon, and compares.
func runBoth(t *testing.T, code []byte, r *meter.Rewritten) {
	after, err := observe(r.Code, r.Module, true, 200*time.Millisecond)
	if err != nil || after.endless {
		return
	}
	before, err := observe(code, r.Module, false, 2*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if b, a := strings.Join(before.lines, "\n"), strings.Join(after.lines, "\n"); a != b {
		t.Fatalf("before:\n%s\nafter:\n%s", b, a)
	}
}
