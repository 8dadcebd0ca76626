package meter

import "strings"

// What a rewritten module imports: a function without parameters or results. It is
// called where the fuel or the stack is used up. The host looks at the two
// exported globals: is Depth below zero, the guest recurses too deep, and the host
// must not return but panic; else it sets Fuel anew, or panics to stop the guest.
const (
	HostModule = "edgehive:meter"
	Tick       = "tick"
)

// What a rewritten module exports beside its own.
const (
	// Fuel is an i32 that is counted down by about one an instruction. It is zero
	// at first, so that the host is asked before anything else runs.
	Fuel = reserved + "fuel"
	// Depth is an i32, the bytes of stack that are left. It is what it was after
	// each call that returned; the host resets it with the other globals.
	Depth = reserved + "depth"
	// Memory is the name of the guest's memory, where it has one.
	Memory = "memory"

	reserved     = "edgehive:meter."
	globalPrefix = reserved + "global."
)

// PageSize is the size of a page of memory.
const PageSize = 65536

// Kind is what an import or export is.
type Kind byte

// The kinds, as the binary format has them.
const (
	KindFunction Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

func (k Kind) String() string {
	switch k {
	case KindFunction:
		return "function"
	case KindTable:
		return "table"
	case KindMemory:
		return "memory"
	case KindGlobal:
		return "global"
	}
	return "unknown"
}

// ValueType is a type of values, as the binary format has it.
type ValueType byte

// The value types.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	Funcref   ValueType = 0x70
	Externref ValueType = 0x6f
)

func (v ValueType) String() string {
	switch v {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case Funcref:
		return "funcref"
	case Externref:
		return "externref"
	}
	return "unknown"
}

// FunctionType is what a function takes and gives.
type FunctionType struct {
	Params  []ValueType
	Results []ValueType
}

// String writes it as (i32, i64) -> i32.
func (t FunctionType) String() string {
	var b strings.Builder
	list := func(types []ValueType) {
		b.WriteByte('(')
		for i, v := range types {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.String())
		}
		b.WriteByte(')')
	}
	list(t.Params)
	b.WriteString(" -> ")
	if len(t.Results) == 1 {
		b.WriteString(t.Results[0].String())
	} else {
		list(t.Results)
	}
	return b.String()
}

// Import is what a module wants of its host.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         FunctionType // of KindFunction
}

// Export is what a module gives its host.
type Export struct {
	Name string
	Kind Kind
	Type FunctionType // of KindFunction
}

// MemoryType is what a module says of its memory.
type MemoryType struct {
	Declared bool
	Exported string // under which name, "" for none
	Minimum  uint32 // pages
	Maximum  uint32 // pages; 65536 where the module says none
}

// Module is what is known of a module without running it. It holds nothing of the
// bytes that it was read from.
type Module struct {
	Imports   []Import
	Exports   []Export
	Functions int // of its own, with a body
	HasStart  bool
	Memory    MemoryType
	// Reusable says that memory and mutable globals are all the state there is: one
	// that is set back to what they were is as good as new. Otherwise NotReusable
	// says why.
	Reusable    bool
	NotReusable string
}

// Export finds an export by name; nil when there is none.
func (m *Module) Export(name string) *Export {
	for i := range m.Exports {
		if m.Exports[i].Name == name {
			return &m.Exports[i]
		}
	}
	return nil
}

// Function gives the type of an exported function.
func (m *Module) Function(name string) (FunctionType, bool) {
	e := m.Export(name)
	if e == nil || e.Kind != KindFunction {
		return FunctionType{}, false
	}
	return e.Type, true
}

// Imported reports whether the module wants anything of a host's module.
func (m *Module) Imported(module string) bool {
	for i := range m.Imports {
		if m.Imports[i].Module == module {
			return true
		}
	}
	return false
}

// Options bound a rewritten module.
type Options struct {
	// MemoryPages is the most that the guest may have. The rewritten module's
	// maximum is one page more: the host refuses the last one, and learns so that
	// the guest asked for more than its limit.
	MemoryPages uint32
	// StackBytes is what calls may use of the stack, estimated. 0 is DefaultStack.
	StackBytes int32
}

// DefaultStack is the stack that a guest has where nothing else is said. wazero
// doubles a stack that is too small and copies it: with this much the two have less
// than 64 MiB together.
const DefaultStack = 38 << 20

// Rewritten is a module that can be stopped.
type Rewritten struct {
	Code   []byte
	Module *Module
	// Globals are the names under which the module's own mutable globals are
	// exported, by index.
	Globals []string
	// Metered is how many loops and functions pay, Counted how many functions pay
	// for stack.
	Metered, Counted int
}

// Parse reads a module. What it refuses is an *Error.
func Parse(code []byte) (*Module, error) {
	m, err := read(code)
	if err != nil {
		return nil, err
	}
	return &m.Module, nil
}

// Rewrite reads a module and rewrites it. What it refuses is an *Error.
func Rewrite(code []byte, o Options) (*Rewritten, error) {
	m, err := read(code)
	if err != nil {
		return nil, err
	}
	return rewrite(m, o)
}
