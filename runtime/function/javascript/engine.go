package javascript

import _ "embed"

// Engine is QuickJS-NG as a WebAssembly module, a WASI reactor; engine/README.md
// says where it comes from. It is to be metered and compiled as any other
// module, once for all scripts, and linked with Import and WASI.
//
//go:embed engine/quickjs.wasm
var engine []byte

// Engine is the module that runs scripts. It must not be changed.
func Engine() []byte {
	return engine
}

// LeastMemory is what a script needs, in bytes: half of it is the engine's.
const LeastMemory = 4 << 20
