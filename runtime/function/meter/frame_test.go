package meter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// frameGuest writes a module whose one function does something before it calls
// itself, asks the host where it is, and does something after.
type frameGuest struct {
	locals  []byte // types, each the number of times that count says
	count   int
	results int // what the function many gives and the function none takes
	before  []byte
	after   []byte
}

const (
	probeFunction = 0 // (i64), imported
	manyFunction  = 1
	noneFunction  = 2
	selfFunction  = 3
)

func (g frameGuest) module() []byte {
	many := slices.Repeat([]byte{0x7e}, max(g.results, 1))
	list := append(appendNumber(nil, len(many)), many...)
	var code []byte
	add := func(id byte, content []byte) {
		code = append(appendNumber(append(code, id), len(content)), content...)
	}
	code = append(code, header...)
	add(1, slices.Concat([]byte{4, 0x60, 0, 0, 0x60, 1, 0x7e, 0, 0x60, 0}, list, []byte{0x60}, list, []byte{0}))
	add(2, append([]byte{1, 3, 'e', 'n', 'v', 5}, "probe\x00\x01"...))
	add(3, []byte{3, 2, 3, 0})
	add(5, []byte{1, 0, 1})
	add(7, []byte{1, 4, 's', 'e', 'l', 'f', 0, selfFunction})
	var bodies []byte
	body := func(b []byte) { bodies = append(appendNumber(bodies, len(b)), b...) }
	constants := []byte{0}
	for range many {
		constants = append(constants, 0x42, 1)
	}
	body(append(constants, 0x0b))
	body([]byte{0, 0x0b})
	self := appendNumber(nil, len(g.locals))
	for _, kind := range g.locals {
		self = append(appendNumber(self, g.count), kind)
	}
	self = append(self, g.before...)
	self = append(self, 0x42, 0, 0x10, probeFunction, 0x10, selfFunction)
	self = append(self, g.after...)
	body(append(self, 0x0b))
	add(10, append([]byte{3}, bodies...))
	return code
}

// load and store move a local of 8 or 16 bytes from and to memory.
func load(local, at int, wide bool) []byte {
	b := []byte{0x41, 0, 0x29, 0}
	if wide {
		b = []byte{0x41, 0, 0xfd, 0, 0}
	}
	return appendNumber(append(appendNumber(b, at%8000), 0x21), local)
}

func store(local, at int, wide bool) []byte {
	b := appendNumber([]byte{0x41, 0, 0x20}, local)
	if wide {
		return appendNumber(append(b, 0xfd, 11, 0), at%8000)
	}
	return appendNumber(append(b, 0x37, 0), at%8000)
}

func repeated(n int, f func(i int) []byte) (b []byte) {
	for i := range n {
		b = append(b, f(i)...)
	}
	return b
}

// TestFramesAreNotUnderestimated lets functions recurse whose frames are as large
// as can be had for little code, until their stack is used up, and sees that they
// did not have more than they should: what the host sees of the stack's pointer
// says how large a frame really is.
func TestFramesAreNotUnderestimated(t *testing.T) {
	shapes := map[string]frameGuest{"nothing": {}}
	for _, n := range []int{10, 300} {
		shapes[fmt.Sprintf("%d locals", n)] = frameGuest{
			locals: []byte{0x7e}, count: n,
			before: repeated(n, func(i int) []byte { return load(i, i, false) }),
			after:  repeated(n, func(i int) []byte { return store(i, i, false) }),
		}
		shapes[fmt.Sprintf("%d vectors", n)] = frameGuest{
			locals: []byte{0x7b}, count: n,
			before: repeated(n, func(i int) []byte { return load(i, i, true) }),
			after:  repeated(n, func(i int) []byte { return store(i, i, true) }),
		}
		shapes[fmt.Sprintf("%d operands", n)] = frameGuest{
			before: repeated(n, func(i int) []byte { return appendNumber([]byte{0x41, 0, 0x29, 0}, i) }),
			after:  append(slices.Repeat([]byte{0x7c}, n-1), 0x42, 1, 0x84, 0x10, probeFunction), // added, so that they live
		}
		shapes[fmt.Sprintf("%d operands of vectors", n)] = frameGuest{
			before: repeated(n, func(i int) []byte { return appendNumber([]byte{0x41, 0, 0xfd, 0, 0}, i) }),
			after: append(slices.Repeat([]byte{0xfd, 0xce, 1}, n-1),
				0xfd, 0x1d, 0, 0x42, 1, 0x84, 0x10, probeFunction),
		}
		for _, times := range []int{1, 20} {
			results := min(n, 1000)
			shapes[fmt.Sprintf("%d results kept %d times", results, times)] = frameGuest{
				results: results,
				before:  slices.Repeat([]byte{0x10, manyFunction}, times),
				after:   slices.Repeat([]byte{0x10, noneFunction}, times),
			}
			shapes[fmt.Sprintf("%d results %d times", results, times)] = frameGuest{
				results: results,
				before:  slices.Repeat([]byte{0x10, manyFunction, 0x10, noneFunction}, times),
			}
		}
		// Each loop gives each local a new value, which is kept over a call.
		turn := repeated(n, func(i int) []byte {
			return appendNumber(append(appendNumber([]byte{0x20}, i), 0x42, 3, 0x7c, 0x21), i)
		})
		turn = slices.Concat([]byte{0x03, 0x40}, turn, []byte{0x42, 1, 0x10, probeFunction, 0x41, 0, 0x0d, 0, 0x0b})
		shapes[fmt.Sprintf("%d locals in 10 loops", n)] = frameGuest{
			locals: []byte{0x7e}, count: n,
			before: slices.Repeat(turn, 10),
			after:  repeated(n, func(i int) []byte { return store(i, i, false) }),
		}
		// Each of these ways leaves each local with another value.
		choice := repeated(n, func(i int) []byte { return load(i, i, false) })
		choice = slices.Concat([]byte{0x41, 0, 0x28, 0, 0, 0x04, 0x40}, choice, []byte{0x0b, 0x42, 1, 0x10, probeFunction})
		shapes[fmt.Sprintf("%d locals in 10 choices", n)] = frameGuest{
			locals: []byte{0x7e}, count: n,
			before: slices.Repeat(choice, 10),
			after:  repeated(n, func(i int) []byte { return store(i, i, false) }),
		}
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			used := deepest(t, shape.module())
			t.Logf("%d bytes of %d", used, frameBudget)
			if used > frameBudget {
				t.Errorf("it had %d bytes of stack, %d is the most", used, frameBudget)
			}
			if used < frameBudget/10 {
				t.Errorf("it had %d bytes of stack, of %d", used, frameBudget)
			}
		})
	}
}

const frameBudget = 4 << 20

// deepest lets a guest recurse until it is stopped, and gives the bytes of stack
// that it had: its deepest level times its frame.
func deepest(t *testing.T, code []byte) int {
	t.Helper()
	r, err := meter.Rewrite(code, meter.Options{MemoryPages: 10, StackBytes: frameBudget})
	if err != nil {
		t.Fatal(err)
	}
	rt := machine(t, &host{})
	levels := 0
	frame, last := uintptr(1<<40), uintptr(0)
	_, err = rt.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		if stack[0] != 0 {
			return
		}
		at := uintptr(unsafe.Pointer(&stack[0]))
		if levels++; levels > 1 && at < last { // a stack that moved says nothing
			frame = min(frame, last-at)
		}
		last = at
	}), []api.ValueType{api.ValueTypeI64}, nil).Export("probe").Instantiate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call(instance(t, rt, r.Code), "self"); !errors.Is(err, errDeep) {
		t.Fatalf("it ended with %v", err)
	}
	return levels * int(frame)
}
