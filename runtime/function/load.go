package function

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function/javascript"
	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// Convention is how a module is called.
type Convention string

// The conventions, as docs/functions-abi.md has them, and that of scripts.
const (
	Kit        Convention = "kit"
	Extism     Convention = "extism"
	Command    Convention = "command"
	JavaScript Convention = "javascript"
)

// Load makes a function ready to be called: its module is compiled, unless it is
// already, and it is looked whether it can be called. No instance is made. Close
// releases it.
func (h *Host) Load(ctx context.Context, d Definition) (*Function, error) {
	if len(d.Code) > maxModule {
		return nil, errModuleSize
	}
	f := &Function{host: h, definition: d, making: make(chan struct{}, 1)}
	code := d.Code
	if isScript(d.Path) {
		f.convention = JavaScript
		f.newScript()
		code = javascript.Engine()
	}
	m, err := h.open(ctx, d.Name, code)
	if err != nil {
		return nil, err
	}
	f.module = m
	if err := f.bind(); err != nil {
		h.release(ctx, m)
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.functions[f] = struct{}{}
	return f, nil
}

// bind finds how the module is called, and what it may have.
func (f *Function) bind() error {
	known := f.module.known
	if f.convention == JavaScript {
		f.initializer = "_initialize"
	} else {
		convention, entry, faults := judge(known, f.definition.Entry)
		if len(faults) > 0 {
			return faults[0]
		}
		f.convention, f.entry = convention, entry
		f.initializer = initializer(known, convention)
	}
	if failure := fits(known, f.definition.Limits.Memory); failure != nil {
		return failure
	}
	f.memoryLimit = uint64(min(f.definition.Limits.Memory/pageSize, int64(known.Memory.Maximum))) * pageSize
	if !known.Memory.Declared {
		f.memoryLimit = 0
	}
	return nil
}

// Inspect says what is known of code without running it: how it is called, and
// all that would keep it from being loaded. The path tells JavaScript from
// modules. limit is the memory that it may have, 0 to leave that out.
func Inspect(code []byte, file, entry string, limit int64) (Convention, []*fault.Fault) {
	if isScript(file) {
		if len(code) > maxModule {
			return JavaScript, []*fault.Fault{errModuleSize}
		}
		if limit > 0 && limit < javascript.LeastMemory {
			return JavaScript, []*fault.Fault{errScriptMemory}
		}
		return JavaScript, nil
	}
	if len(code) > maxModule {
		return "", []*fault.Fault{errModuleSize}
	}
	known, err := meter.Parse(code)
	if err != nil {
		return "", []*fault.Fault{moduleFault(err)}
	}
	convention, _, faults := judge(known, entry)
	if limit > 0 {
		if failure := fits(known, limit); failure != nil {
			faults = append(faults, failure)
		}
	}
	return convention, faults
}

var errScriptMemory = fault.Newf(CodeModule, "JavaScript takes at least %d MiB of memory", javascript.LeastMemory>>20).
	WithHint("raise limits.memory")

var errModuleSize = fault.Newf(CodeModule, "a module has at most %d MiB", maxModule>>20)

func isScript(file string) bool {
	switch path.Ext(file) {
	case ".js", ".mjs":
		return true
	}
	return false
}

// fits reports a module whose memory begins larger than it may become.
func fits(known *meter.Module, limit int64) *fault.Fault {
	if least := int64(known.Memory.Minimum) * pageSize; least > limit {
		return fault.Newf(CodeModule, "the module begins with %d KiB of memory, and its limit is %d KiB", least>>10, limit>>10).
			WithHint("raise limits.memory, or build it with a smaller initial memory")
	}
	return nil
}

// judge finds how a module is called, and what of it cannot be.
func judge(known *meter.Module, wanted string) (convention Convention, entry string, faults []*fault.Fault) {
	faults = unknownImports(known)
	_, handles := known.Function(kitEntry)
	_, starts := known.Function("_start")
	switch {
	case handles:
		convention, entry = Kit, kitEntry
	case known.Imported(extismHost):
		convention, entry = Extism, "handle"
		if _, ok := known.Function(entry); !ok {
			entry = onlyEntry(known)
		}
	case wanted != "":
		convention = Kit
	case starts:
		convention, entry = Command, "_start"
	default:
		return "", "", append(faults, errNoConvention)
	}
	if wanted != "" && convention != Command {
		entry = wanted
	}
	if entry == "" {
		return convention, "", append(faults, fault.New(CodeModule, "the module has no export handle, and several that could be called").
			WithHint("say which in entry"))
	}
	t, ok := known.Function(entry)
	switch {
	case !ok:
		faults = append(faults, fault.Newf(CodeModule, "the module exports no function %.63q", entry).WithHint(exportsHint(known)))
	case convention == Command && len(t.Params)+len(t.Results) > 0:
		faults = append(faults, fault.Newf(CodeModule, "the module's %s has the type %s; it must take nothing and give nothing", entry, t))
	case convention != Command && (len(t.Params) > 0 || len(t.Results) != 1 || t.Results[0] != meter.I32):
		faults = append(faults, fault.Newf(CodeModule, "the module's %.63s has the type %s; it must be () -> i32", entry, t))
	}
	return convention, entry, faults
}

var errNoConvention = fault.New(CodeModule, "the module exports nothing that could be called").
	WithHint("export " + kitEntry + "() -> i32 with one of the kits, write it with an Extism PDK, or build a WASI program, which exports _start")

// callable are exports of type () -> i32.
func callable(known *meter.Module) (names []string) {
	for _, e := range known.Exports {
		if e.Kind == meter.KindFunction && len(e.Type.Params) == 0 && len(e.Type.Results) == 1 && e.Type.Results[0] == meter.I32 {
			names = append(names, e.Name)
		}
	}
	return names
}

func onlyEntry(known *meter.Module) string {
	if names := callable(known); len(names) == 1 {
		return names[0]
	}
	return ""
}

func exportsHint(known *meter.Module) string {
	names := callable(known)
	if len(names) == 0 {
		return "no export of it has the type () -> i32"
	}
	return "it could be one of " + strings.Join(names[:min(len(names), 8)], ", ")
}

// initializer is the export that is run once, when the first instance is made.
func initializer(known *meter.Module, convention Convention) string {
	names := []string{"_initialize"}
	switch convention {
	case Kit:
		names = append(names, "_start")
	case Extism:
		names = append(names, "__wasm_call_ctors", "_start")
	case Command:
		return ""
	}
	for _, name := range names {
		if t, ok := known.Function(name); ok && len(t.Params)+len(t.Results) == 0 {
			return name
		}
	}
	return ""
}

// unknownImports are faults for what a module wants and no host has.
func unknownImports(known *meter.Module) (faults []*fault.Fault) {
	const most = 8
	offers := offered()
	for _, i := range known.Imports {
		if offer, ok := offers[i.Module+"."+i.Name]; ok {
			if i.Kind != meter.KindFunction || !slices.Equal(i.Type.Params, offer.Params) || !slices.Equal(i.Type.Results, offer.Results) {
				faults = append(faults, fault.Newf(CodeModule, "the module imports %.63q from %.63q as %s; it is %s", i.Name, i.Module, i.Type, offer))
			}
			continue
		}
		if len(faults) >= most {
			break
		}
		f := fault.Newf(CodeModule, "the module imports %.63q from %.63q, which there is not", i.Name, i.Module)
		faults = append(faults, f.WithHint(importHint(i.Module)))
	}
	return faults
}

func importHint(module string) string {
	switch {
	case strings.HasPrefix(module, "wasi:") || strings.HasPrefix(module, "wasi_unstable"):
		return "build for WASI preview 1 (wasm32-wasip1)"
	case strings.HasPrefix(module, "wbg") || strings.HasPrefix(module, "__wbindgen") || module == "gojs" || module == "go":
		return "it was built for a browser; build for wasm32-wasip1"
	case module == "env":
		return "link without undefined symbols; what a module may import stands in docs/functions-abi.md"
	}
	return "what a module may import stands in docs/functions-abi.md"
}

// offered are the types of what guests may import, by module and name.
var offered = sync.OnceValue(func() map[string]meter.FunctionType {
	all := map[string]meter.FunctionType{}
	for _, m := range hostModules() {
		if m.name == meter.HostModule {
			continue
		}
		for _, f := range m.functions {
			var t meter.FunctionType
			for _, p := range f.parameters {
				t.Params = append(t.Params, meter.ValueType(p))
			}
			for _, p := range f.results {
				t.Results = append(t.Results, meter.ValueType(p))
			}
			all[m.name+"."+f.name] = t
		}
	}
	return all
})
