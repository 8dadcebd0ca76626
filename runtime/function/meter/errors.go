package meter

import "fmt"

// Reason says what is wrong with a module.
type Reason int

// The reasons.
const (
	Malformed   Reason = iota // no module at all, or a broken one
	Component                 // a component, not a core module
	Unsupported               // it uses a feature that is not offered
	TooLarge                  // it is beyond a limit
)

// Error says why a module is refused. Its text may be shown to whoever sent it.
type Error struct {
	Reason  Reason
	Offset  int // in the module, in bytes
	Message string
	Hint    string // how to mend it, "" where nothing is known
}

func (e *Error) Error() string {
	return fmt.Sprintf("at byte %d: %s", e.Offset, e.Message)
}

func malformed(offset int, format string, args ...any) *Error {
	return &Error{Reason: Malformed, Offset: offset, Message: fmt.Sprintf(format, args...)}
}

func tooLarge(offset int, format string, args ...any) *Error {
	return &Error{Reason: TooLarge, Offset: offset, Message: fmt.Sprintf(format, args...)}
}

// feature is something that toolchains may use and that is not offered.
type feature int

const (
	featureExceptions feature = iota
	featureTailCalls
	featureGC
	featureThreads
	featureMemory64
	featureMultiMemory
	featureRelaxedSIMD
	featureImportedMemory
	featureImportedTable
	featureImportedGlobal
	featureImportedTag
	featurePageSize
)

var features = [...]struct{ message, hint string }{
	featureExceptions: {
		"the module uses exception handling, which is not offered",
		"C and C++: leave out -fwasm-exceptions, or add -fno-exceptions; Rust: build for wasm32-wasip1 with panic = \"abort\"; AssemblyScript has none",
	},
	featureTailCalls: {
		"the module uses tail calls, which are not offered",
		"C and C++: add -mno-tail-call; Rust: -C target-feature=-tail-call; TinyGo and Zig: turn off the feature tail_call",
	},
	featureGC: {
		"the module uses garbage-collected or typed references, which are not offered",
		"Kotlin, Dart, Java and other languages on WebAssembly's own collector cannot be built for this; choose one that brings its own memory, as Rust, Go, C, Zig or AssemblyScript",
	},
	featureThreads: {
		"the module uses threads (shared memory or atomics), which are not offered",
		"C and C++: leave out -pthread and -matomics; Rust: build for wasm32-wasip1, not wasm32-wasip1-threads; AssemblyScript: leave out --enable threads",
	},
	featureMemory64: {
		"the module uses 64-bit memory or tables, which are not offered",
		"build for wasm32 instead of wasm64; C and C++: leave out -mwasm64 and --target=wasm64",
	},
	featureMultiMemory: {
		"the module uses more than one memory, which is not offered",
		"build with one memory; binaryen's tools: --multi-memory-lowering",
	},
	featureRelaxedSIMD: {
		"the module uses relaxed SIMD, which is not offered",
		"C and C++: add -mno-relaxed-simd; Rust: -C target-feature=-relaxed-simd; AssemblyScript: leave out --enable relaxed-simd",
	},
	featureImportedMemory: {
		"the module imports its memory, and nothing offers one",
		"let it define and export its memory; C and C++: leave out -Wl,--import-memory; Rust: -C link-arg=--import-memory; AssemblyScript: --importMemory",
	},
	featureImportedTable: {
		"the module imports its table, and nothing offers one",
		"let it define its table; C and C++: leave out -Wl,--import-table; AssemblyScript: leave out --importTable",
	},
	featureImportedGlobal: {
		"the module imports a global, and nothing offers one",
		"link it as a module of its own, not as a shared library or a side module (-shared, -fPIC, SIDE_MODULE)",
	},
	featureImportedTag: {
		"the module imports an exception's tag, and nothing offers one",
		"C and C++: leave out -fwasm-exceptions, or add -fno-exceptions",
	},
	featurePageSize: {
		"the module uses a page size of its own, which is not offered",
		"build with pages of 64 KiB, which is the default",
	},
}

func unsupported(offset int, f feature) *Error {
	return &Error{Reason: Unsupported, Offset: offset, Message: features[f].message, Hint: features[f].hint}
}
