package javascript

import (
	"context"
	"encoding/binary"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
)

// export is an export of the engine. Those that begin with qjs_ are the build's
// own, and give and take values as pointers to boxes in the guest's memory; those
// that begin with JS_ are QuickJS's interface, which takes values as they are.
type export int

const (
	exportInitialize export = iota
	exportAllocate
	exportFree
	exportContext
	exportMaxStack
	exportMemoryLimit
	exportRejections
	exportModules
	exportCollectThreshold
	exportCollect
	exportEvaluate
	exportCall
	exportRunJob
	exportGlobal
	exportUndefined
	exportObject
	exportError
	exportHostFunction
	exportString
	exportBytes
	exportProperty
	exportSetProperty
	exportIsException
	exportException
	exportThrow
	exportFreeValue
	exportIdentity
	exportToText
	exportFreeText
	exportToBytes
	exportToInteger
	exports
)

var exportNames = [exports]string{
	exportInitialize: "qjs_init", exportAllocate: "wasm_malloc", exportFree: "wasm_free",
	exportContext: "qjs_get_context_ptr", exportMaxStack: "qjs_set_max_stack_size",
	exportMemoryLimit: "qjs_set_memory_limit",
	exportRejections:  "qjs_set_promise_rejection_handler", exportModules: "qjs_set_module_loader",
	exportCollectThreshold: "qjs_set_gc_threshold", exportCollect: "qjs_run_gc",
	exportEvaluate: "qjs_eval", exportCall: "qjs_call", exportRunJob: "qjs_execute_pending_job",
	exportGlobal: "qjs_get_global", exportUndefined: "qjs_get_undefined", exportObject: "qjs_new_object",
	exportError: "qjs_new_error", exportHostFunction: "qjs_new_host_function",
	exportString: "qjs_new_string", exportBytes: "qjs_new_uint8_array",
	exportProperty: "qjs_get_prop_string", exportSetProperty: "qjs_set_prop_string",
	exportIsException: "qjs_is_exception", exportException: "qjs_get_exception", exportThrow: "qjs_throw",
	exportFreeValue: "qjs_free_value", exportIdentity: "qjs_get_value_ptr",
	exportToText: "JS_ToCStringLen2", exportFreeText: "JS_FreeCString",
	exportToBytes: "JS_GetUint8Array", exportToInteger: "JS_ToInt32",
}

// scratchSize is what small strings are handed over in, without an allocation of
// their own. Its first eight bytes take what exports give through pointers.
const (
	scratchSize = 8 << 10
	scratchText = 8
)

// guest is an instance of the engine. Its methods end what runs by a panic where
// the guest cannot go on; enter turns it into an error, and so does wazero where
// they are called by a function of the host.
type guest struct {
	module  api.Module
	memory  api.Memory
	context uint32
	scratch uint32
	// An exported function has one stack: what a host function calls while the
	// guest waits for it must not be what the guest is in.
	outer, inner [exports]api.Function
	nested       bool
	// What calls give and take.
	outerStack, innerStack [8]uint64
	machine                machineStacks
}

// broken is a panic with an error that ends what the guest does.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

func fail(format string, arguments ...any) {
	panic(broken{fmt.Errorf(format, arguments...)})
}

// enter runs what may call guests, and gives what ended it.
func enter(do func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			err = r.error
		default:
			panic(r)
		}
	}()
	do()
	return nil
}

// call calls an export that gives at most one value.
func (g *guest) call(ctx context.Context, e export, arguments ...uint64) uint64 {
	set, stack := &g.outer, g.outerStack[:]
	if g.nested {
		set, stack = &g.inner, g.innerStack[:]
	}
	if set[e] == nil {
		g.find(set, e)
	}
	copy(stack, arguments)
	if err := set[e].CallWithStack(ctx, stack); err != nil {
		panic(broken{err})
	}
	return stack[0]
}

// find gets an export that is called for the first time.
func (g *guest) find(set *[exports]api.Function, e export) {
	f := g.module.ExportedFunction(exportNames[e])
	if f == nil {
		fail("the engine has no export %s", exportNames[e])
	}
	set[e] = f
	switch {
	case g.nested:
	case e == exportCall:
		g.machine.call = stackOf(f)
	case e == exportRunJob:
		g.machine.job = stackOf(f)
	}
}

// pointer calls an export that allocates.
func (g *guest) pointer(ctx context.Context, e export, arguments ...uint64) uint32 {
	p := uint32(g.call(ctx, e, arguments...))
	if p == 0 {
		panic(broken{errMemory})
	}
	return p
}

// word reads the 32 bits at an address.
func (g *guest) word(address uint32) uint32 {
	v, ok := g.memory.ReadUint32Le(address)
	if !ok {
		fail("the engine gave an address outside of its memory")
	}
	return v
}

// view is a range of the guest's memory, valid until it is entered again.
func (g *guest) view(address, size uint32) []byte {
	b, ok := g.memory.Read(address, size)
	if !ok {
		fail("the engine gave an address outside of its memory")
	}
	return b
}

// value is what a box holds.
func (g *guest) value(box uint32) uint64 {
	v, ok := g.memory.ReadUint64Le(box)
	if !ok {
		fail("the engine gave an address outside of its memory")
	}
	return v
}

// text lends a string to do, in the guest's memory, with a zero after it.
func (g *guest) text(ctx context.Context, s []byte, do func(address, size uint64)) {
	address := g.scratch + scratchText
	if g.scratch == 0 || len(s) >= scratchSize-scratchText {
		address = g.pointer(ctx, exportAllocate, uint64(len(s)+1))
		defer func() { g.call(ctx, exportFree, uint64(address)) }()
	}
	to := g.view(address, uint32(len(s)+1))
	copy(to, s)
	to[len(s)] = 0
	do(uint64(address), uint64(len(s)))
}

// newString and newBytes make values, and give their boxes.
func (g *guest) newString(ctx context.Context, s []byte) (box uint32) {
	g.text(ctx, s, func(address, size uint64) { box = g.pointer(ctx, exportString, address, size) })
	return box
}

// newText makes a string of what may be no UTF-8: what is none is U+FFFD.
func (g *guest) newText(ctx context.Context, s []byte) (box uint32) {
	if !utf8.Valid(s) {
		s = []byte(string([]rune(string(s))))
	}
	return g.newString(ctx, s)
}

func (g *guest) newBytes(ctx context.Context, s []byte) (box uint32) {
	g.text(ctx, s, func(address, size uint64) { box = g.pointer(ctx, exportBytes, address, size) })
	return box
}

// readText lends the text of a value to do. ok is false where it has none: an
// exception is pending then.
func (g *guest) readText(ctx context.Context, box uint32, do func(text []byte)) (ok bool) {
	address := uint32(g.call(ctx, exportToText, uint64(g.context), uint64(g.scratch), g.value(box), 0))
	if address == 0 {
		return false
	}
	do(g.view(address, g.word(g.scratch)))
	g.call(ctx, exportFreeText, uint64(g.context), uint64(address))
	return true
}

// string gives the text of a value, "" where it has none.
func (g *guest) string(ctx context.Context, box uint32) (s string) {
	g.readText(ctx, box, func(text []byte) { s = string(text) })
	return s
}

// readBytes gives the bytes of a Uint8Array, valid until the guest is entered
// again. ok is false where it is none: an exception is pending then.
func (g *guest) readBytes(ctx context.Context, box uint32) (b []byte, ok bool) {
	address := uint32(g.call(ctx, exportToBytes, uint64(g.context), uint64(g.scratch), g.value(box)))
	size := g.word(g.scratch)
	if address == 0 {
		return nil, false
	}
	return g.view(address, size), true
}

// integer reads a number; ok is false where an exception is pending.
func (g *guest) integer(ctx context.Context, box uint32) (n int32, ok bool) {
	if int32(g.call(ctx, exportToInteger, uint64(g.context), uint64(g.scratch), g.value(box))) != 0 {
		return 0, false
	}
	return int32(binary.LittleEndian.Uint32(g.view(g.scratch, 4))), true
}

// property gives the box of a member.
func (g *guest) property(ctx context.Context, object uint32, name string) (box uint32) {
	g.text(ctx, []byte(name), func(address, _ uint64) {
		box = g.pointer(ctx, exportProperty, uint64(object), address)
	})
	return box
}

func (g *guest) setProperty(ctx context.Context, object uint32, name string, value uint32) {
	g.text(ctx, []byte(name), func(address, _ uint64) {
		g.call(ctx, exportSetProperty, uint64(object), address, uint64(value))
	})
}

func (g *guest) free(ctx context.Context, box uint32) {
	g.call(ctx, exportFreeValue, uint64(box))
}

// throw makes an error the pending exception.
func (g *guest) throw(ctx context.Context, message string) {
	e := g.pointer(ctx, exportError)
	text := g.newString(ctx, []byte(message))
	g.setProperty(ctx, e, "message", text)
	g.call(ctx, exportThrow, uint64(e))
	g.free(ctx, text)
	g.free(ctx, e)
}

// apply calls a function of the guest's with at most one argument. ok is false
// where it threw: result is the exception then. The result is the caller's to free.
func (g *guest) apply(ctx context.Context, function uint32, argument ...uint32) (result uint32, ok bool) {
	var list uint32
	if len(argument) > 0 {
		list = g.pointer(ctx, exportAllocate, uint64(4*len(argument)))
		defer func() { g.call(ctx, exportFree, uint64(list)) }()
		for i, box := range argument {
			binary.LittleEndian.PutUint32(g.view(list+uint32(4*i), 4), box)
		}
	}
	this := g.pointer(ctx, exportUndefined)
	result = g.pointer(ctx, exportCall, uint64(function), uint64(this), uint64(len(argument)), uint64(list))
	g.free(ctx, this)
	if g.call(ctx, exportIsException, uint64(result)) == 0 {
		return result, true
	}
	g.free(ctx, result)
	return g.pointer(ctx, exportException), false
}

// machineStacks are wazero's stacks of what scripts run in. It keeps them as large
// as a call has made them, which with a deep recursion is 16 MiB.
type machineStacks struct {
	call, job reflect.Value
}

func stackOf(f api.Function) reflect.Value {
	v := reflect.ValueOf(f)
	if f == nil || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	if s := v.Elem().FieldByName("stack"); s.IsValid() && s.Kind() == reflect.Slice {
		return s
	}
	return reflect.Value{}
}

func (m *machineStacks) size() (n int) {
	for _, s := range []reflect.Value{m.call, m.job} {
		if s.IsValid() {
			n += s.Len()
		}
	}
	return n
}
