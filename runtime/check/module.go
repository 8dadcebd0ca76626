package check

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// mostModule is how large a module may be, in bytes.
const mostModule = 20 << 20

// module is the code of functions: what was read of a file, or why it could not
// be.
type module struct {
	code    []byte
	problem *fault.Fault
}

// module checks the code of a function, and keeps it.
func (c *checker) module(f *manifest.Function, read map[string]module) {
	path := f.Path + ".module"
	if !c.written(path) {
		path = f.Path + ".source"
	}
	if f.Source != "" {
		if info, err := os.Stat(f.Source); err != nil || !info.IsDir() {
			c.report(f.Path+".source", fault.Newf(codeModule, "there is no folder %q", c.relative(f.Source)).
				WithHint("make it with edge-hive function new "+f.Name+" --lang rust (or go, ts, js, c), or correct the path"))
			return
		}
	}
	m, known := read[f.Module]
	if !known {
		m = c.readModule(f)
		read[f.Module] = m
	}
	if m.problem != nil {
		c.report(path, m.problem)
		return
	}
	if problems := inspect(f, m.code); len(problems) > 0 {
		for _, problem := range problems {
			c.report(path, problem)
		}
		return
	}
	if c.modules == nil {
		c.modules = map[string][]byte{}
	}
	c.modules[f.Name] = m.code
}

// readModule reads a file of code.
func (c *checker) readModule(f *manifest.Function) module {
	shown := c.relative(f.Module)
	bad := func(hint, format string, args ...any) module {
		return module{problem: fault.Newf(codeModule, format, args...).WithHint(hint)}
	}
	switch filepath.Ext(f.Module) {
	case ".wasm", ".js":
	default:
		if info, err := os.Stat(f.Module); err == nil && info.IsDir() {
			return bad("write it as source: the folder that the module is built from", "%q is a folder, and a module is a file", shown)
		}
		return bad("build it: a module is a .wasm file, or JavaScript in a .js file", "%q is no module", shown)
	}
	file, err := os.Open(f.Module)
	switch {
	case errors.Is(err, os.ErrNotExist) && f.Source != "":
		return bad("edge-hive function build "+f.Name, "the module %q is not built", shown)
	case errors.Is(err, os.ErrNotExist):
		return bad("correct the path, which starts at the manifest's folder; or name the folder that it is built from: source, and edge-hive function build "+f.Name, "there is no module %q", shown)
	case err != nil:
		return bad("check who may read it", "the module %q cannot be read", shown)
	}
	defer func() { _ = file.Close() }() // only read
	code, err := io.ReadAll(io.LimitReader(file, mostModule+1))
	switch {
	case err != nil:
		return bad("name a file", "the module %q cannot be read", shown)
	case len(code) == 0:
		return bad("build it again", "the module %q is empty", shown)
	case len(code) > mostModule:
		return bad("strip it of debug information, and build it for size", "the module %q is larger than %s", shown, size(mostModule))
	}
	return module{code: code}
}

// The first bytes of a module, and of a component.
var (
	coreHeader      = []byte("\x00asm\x01\x00\x00\x00")
	componentHeader = []byte("\x00asm\x0d\x00\x01\x00")
)

// inspect tells why a function's code cannot be run, nothing where it can.
func inspect(f *manifest.Function, code []byte) fault.List {
	if problem := header(f, code); problem != nil {
		return fault.List{problem}
	}
	_, found := function.Inspect(code, f.Module, f.Entry, f.Limits.Memory)
	problems := make(fault.List, len(found))
	for i, problem := range found {
		if problem.Hint == "" {
			problem = problem.WithHint("what a module may be stands in docs/functions-abi.md")
		}
		placed := *problem
		placed.Code = codeModule
		problems[i] = &placed
	}
	return problems
}

// header tells what a file is that is no module.
func header(f *manifest.Function, code []byte) *fault.Fault {
	if filepath.Ext(f.Module) == ".js" {
		switch {
		case f.Entry != "":
			return fault.New(codeModule, "entry names an export of a WebAssembly module, and this one is JavaScript").
				WithHint("leave entry out: the default export is called")
		case !utf8.Valid(code):
			return fault.Newf(codeModule, "the module %q is not UTF-8", filepath.Base(f.Module)).WithHint("save it as UTF-8")
		}
		return nil
	}
	name := filepath.Base(f.Module)
	switch {
	case bytes.HasPrefix(code, componentHeader):
		return fault.Newf(codeModule, "%q is a WebAssembly component, and what is run here are core modules", name).
			WithHint("build for wasm32-wasip1 instead of wasm32-wasip2; with other tools leave out the step that makes a component")
	case !bytes.HasPrefix(code, coreHeader):
		return fault.Newf(codeModule, "%q is no WebAssembly module", name).WithHint("build it again; a module begins with the bytes 00 61 73 6d 01")
	}
	return nil
}
