package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// The parts of modules, as bytes.
const (
	wasmHeader = "\x00asm\x01\x00\x00\x00"
	// One type () -> i32, one function of it, and its code: 0.
	wasmType     = "\x01\x05\x01\x60\x00\x01\x7f"
	wasmFunction = "\x03\x02\x01\x00"
	wasmMemory   = "\x05\x03\x01\x00\x01"
	wasmCode     = "\x0a\x06\x01\x04\x00\x41\x00\x0b"
)

// exporting is the section of exports: the memory, and function 0 under a name.
func exporting(name string) string {
	entries := "\x02\x06memory\x02\x00" + string(rune(len(name))) + name + "\x00\x00"
	return "\x07" + string(rune(len(entries))) + entries
}

// importing is the section of one import of type 0.
func importing(module, name string) string {
	entry := "\x01" + string(rune(len(module))) + module + string(rune(len(name))) + name + "\x00\x00"
	return "\x02" + string(rune(len(entry))) + entry
}

// TestModules holds files that are modules, or nearly, against what must be said
// of them.
func TestModules(t *testing.T) {
	kit := wasmHeader + wasmType + wasmFunction + wasmMemory + exporting("edgehive_handle") + wasmCode
	for _, c := range []struct {
		name, code, more string
		want             []string // of the message, details and hint; none is fine
	}{
		{name: "a kit's", code: kit},
		{name: "no entry", code: wasmHeader + wasmType + wasmFunction + wasmMemory + exporting("run") + wasmCode, want: []string{"exports nothing that could be called", "edgehive_handle"}},
		{name: "an entry", code: wasmHeader + wasmType + wasmFunction + wasmMemory + exporting("run") + wasmCode, more: `, entry: "run"`},
		{name: "another entry", code: kit, more: `, entry: "walk"`, want: []string{`exports no function "walk"`, "edgehive_handle"}},
		{name: "a component", code: "\x00asm\x0d\x00\x01\x00", want: []string{"WebAssembly component", "wasm32-wasip1"}},
		{name: "text", code: "(module)", want: []string{"is no WebAssembly module"}},
		{name: "half a module", code: kit[:len(kit)-3], want: []string{"cannot be loaded", "at byte"}},
		{name: "an unknown import", code: wasmHeader + wasmType + importing("env", "emscripten") + wasmFunction + wasmMemory + exporting("edgehive_handle") + wasmCode, want: []string{`"emscripten" from "env"`, "undefined symbols"}},
		{name: "a browser's", code: wasmHeader + wasmType + importing("wbg", "x") + wasmFunction + wasmMemory + exporting("edgehive_handle") + wasmCode, want: []string{`from "wbg"`, "built for a browser"}},
		{name: "memory", code: strings.Replace(kit, wasmMemory, "\x05\x04\x01\x00\x80\x08", 1), more: `, limits: memory: "1MiB"`, want: []string{"begins with 65536 KiB of memory", "limits.memory"}},
		{name: "too large", code: kit + strings.Repeat("\x00\x02\x01x", 6<<20), want: []string{"larger than 20MiB"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "edgehive.cue"), []byte("manifest: 1\nfunctions: f: {module: \"f.wasm\", access: call: true"+c.more+"}\n"))
			write(t, filepath.Join(dir, "f.wasm"), []byte(c.code))
			m, err := load.Load(t.Context(), load.Options{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			checked, faults := check.Check(m)
			if len(c.want) == 0 {
				if len(faults) > 0 || string(checked.Modules["f"]) != c.code {
					t.Errorf("faults %v, or other code", faults)
				}
				return
			}
			if len(faults) != 1 {
				t.Fatalf("%d faults: %v", len(faults), faults)
			}
			f := faults[0]
			for _, want := range c.want {
				if !strings.Contains(f.Message+" "+f.Details+" "+f.Hint, want) {
					t.Errorf("%q, %q, hint %q: no %q", f.Message, f.Details, f.Hint, want)
				}
			}
			if f.Code != "bad-module" || f.Hint == "" || f.Path != "functions.f.module" || !f.Positions[0].Known() {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestOneFileOfTwoFunctions reads it once, and says of each what is wrong.
func TestOneFileOfTwoFunctions(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "edgehive.cue"), []byte("manifest: 1\nfunctions: {a: module: \"f.wasm\", b: module: \"f.wasm\"}\n"))
	m, err := load.Load(t.Context(), load.Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, faults := check.Check(m); len(faults) != 2 || faults[0].Path == faults[1].Path {
		t.Errorf("a missing file: %v", faults)
	}
	if err := os.WriteFile(filepath.Join(dir, "f.wasm"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, faults := check.Check(m); len(faults) != 2 {
		t.Errorf("an empty file: %v", faults)
	}
}
