package meter_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

const header = "\x00asm\x01\x00\x00\x00"

// section writes a section of a module.
func section(id byte, content ...byte) string {
	return string(append([]byte{id, byte(len(content))}, content...))
}

// function is a module of one function with this code.
func function(code ...byte) string {
	body := append([]byte{0}, code...)
	return header + section(1, 1, 0x60, 0, 0) + section(3, 1, 0) +
		section(10, append([]byte{1, byte(len(body))}, body...)...)
}

func TestRefusedFeatures(t *testing.T) {
	for name, want := range map[string]struct {
		reason  meter.Reason
		message string
		hint    string
	}{
		"threads":        {meter.Unsupported, "threads", "-pthread"},
		"atomics":        {meter.Unsupported, "threads", "-matomics"},
		"memory64":       {meter.Unsupported, "64-bit", "wasm32"},
		"memories":       {meter.Unsupported, "more than one memory", "one memory"},
		"importedmemory": {meter.Unsupported, `imports its memory, and nothing offers one: "memory" of "env"`, "--import-memory"},
		"importedtable":  {meter.Unsupported, "imports its table", "--import-table"},
		"importedglobal": {meter.Unsupported, `"__stack_pointer" of "env"`, "-shared"},
		"importedtag":    {meter.Unsupported, "tag", "-fno-exceptions"},
		"exceptions":     {meter.Unsupported, "exception handling", "-fno-exceptions"},
		"try":            {meter.Unsupported, "exception handling", "-fno-exceptions"},
		"tailcall":       {meter.Unsupported, "tail calls", "-mno-tail-call"},
		"calledref":      {meter.Unsupported, "typed references", "Rust"},
		"reserved":       {meter.Unsupported, `"edgehive:meter.fuel"`, "another name"},
		"hosts":          {meter.Unsupported, "the host's own", ""},
		"memoryname":     {meter.Unsupported, "where its memory must stand", "another name"},
		"hugememory":     {meter.TooLarge, "5000 pages (320000 KiB), its limit is 4096 pages (256 MiB)", "raise"},
		"hugetable":      {meter.TooLarge, "2000000 elements, the most is 1000000", ""},
	} {
		code, err := os.ReadFile(filepath.Join("testdata", "refused", name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = meter.Rewrite(code, meter.Options{MemoryPages: 4096})
		var refused *meter.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if refused.Reason != want.reason || !strings.Contains(refused.Message, want.message) || !strings.Contains(refused.Hint, want.hint) {
			t.Errorf("%s: reason %d, %s, hint %q", name, refused.Reason, refused.Message, refused.Hint)
		}
	}
}

func TestRefusedModules(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	claim := func(id byte) string { return header + section(id, huge...) }
	for _, test := range []struct {
		name, code string
		reason     meter.Reason
		offset     int
		message    string
	}{
		{"nothing", "", meter.Malformed, 0, "no WebAssembly module"},
		{"text", "(module)", meter.Malformed, 0, "no WebAssembly module"},
		{"program", "\x7fELF\x02\x01\x01\x00", meter.Malformed, 0, "no WebAssembly module"},
		{"component", "\x00asm\x0d\x00\x01\x00", meter.Component, 4, "a WebAssembly component"},
		{"version", "\x00asm\x02\x00\x00\x00", meter.Malformed, 4, "version 2"},
		{"section", header + section(14), meter.Malformed, 8, "section 14 is not known"},
		{"order", header + section(3, 0) + section(1, 0), meter.Malformed, 11, "stands where it may not"},
		{"twice", header + section(1, 0) + section(1, 0), meter.Malformed, 11, "stands where it may not"},
		{"cut", header + "\x01\x05\x01", meter.Malformed, 10, "ends within section type"},
		{"longer", header + section(1, 0, 0), meter.Malformed, 11, "longer than what is in it"},
		{"types", claim(1), meter.Malformed, 10, "4294967295 types are announced"},
		{"imports", claim(2), meter.Malformed, 10, "imports are announced"},
		{"functions", claim(3), meter.Malformed, 10, "functions are announced"},
		{"tables", claim(4), meter.Malformed, 10, "tables are announced"},
		{"memories", claim(5), meter.Malformed, 10, "memories are announced"},
		{"globals", claim(6), meter.Malformed, 10, "globals are announced"},
		{"exports", claim(7), meter.Malformed, 10, "exports are announced"},
		{"elements", claim(9), meter.Malformed, 10, "element segments are announced"},
		{"bodies", claim(10), meter.Malformed, 10, "bodies are announced"},
		{"data", claim(11), meter.Malformed, 10, "data segments are announced"},
		{"items", header + section(9, append([]byte{1, 1, 0}, huge...)...), meter.Malformed, 13, "items of a segment are announced"},
		{"bytes", header + section(11, append([]byte{1, 1}, huge...)...), meter.Malformed, 12, "bytes of data are announced"},
		{"data count", header + section(12, 1), meter.Malformed, 10, "1 data segments are announced, there are 0"},
		{"no body", header + section(1, 1, 0x60, 0, 0) + section(3, 1, 0), meter.Malformed, 18, "1 functions are declared, 0 have a body"},
		{"locals", header + section(1, 1, 0x60, 0, 0) + section(3, 1, 0) + section(10, 1, 10, 2, 0xff, 0xff, 2, 0x7f, 0xff, 0xff, 2, 0x7f, 0x0b), meter.TooLarge, 22, "98302 locals"},
		{"opcode", function(0x01, 0x27, 0x0b), meter.Malformed, 24, "opcode 0x27 is not known"},
		{"opcode 0xff", function(0xff, 0x0b), meter.Malformed, 23, "opcode 0xff is not known"},
		{"miscellaneous", function(0xfc, 18, 0x0b), meter.Malformed, 23, "opcode 0xfc 0x12 is not known"},
		{"vector", function(0xfd, 0x9a, 0x01, 0x0b), meter.Malformed, 23, "opcode 0xfd 0x9a is not known"},
		{"relaxed", function(0xfd, 0x80, 0x02, 0x0b), meter.Unsupported, 23, "relaxed SIMD"},
		// A runtime that reads one byte of these sees other instructions.
		{"longer vector", function(0xfd, 0x8c, 0x00, 0x0b), meter.Malformed, 23, "is not known"},
		{"longer miscellaneous", function(0xfc, 0x80, 0x00, 0x0b), meter.Malformed, 23, "is not known"},
		{"label", function(0x0c, 0x01, 0x0b), meter.Malformed, 23, "label 1 is beyond the function"},
		{"else", function(0x05, 0x0b), meter.Malformed, 23, "an else without its if"},
		{"no end", function(0x02, 0x40, 0x0b), meter.Malformed, 26, "ends within an instruction"},
		{"two ends", function(0x0b, 0x0b), meter.Malformed, 24, "goes on after its end"},
		{"call", function(0x10, 0x01, 0x0b), meter.Malformed, 23, "function 1 does not exist"},
		{"memory", function(0x3f, 0x01, 0x0b), meter.Unsupported, 23, "more than one memory"},
		{"page size", header + section(5, 1, 8, 1, 0), meter.Unsupported, 11, "page size"},
		{"tag", header + section(13, 0), meter.Unsupported, 8, "exception handling"},
		{"start", header + section(8, 0), meter.Malformed, 11, "start function 0 does not exist"},
		{"names", header + section(1, 1, 0x60, 0, 0) + section(2, 1, 1, 0xff, 0, 0, 0), meter.Malformed, -1, "not UTF-8"},
		{"exports twice", header + section(6, 1, 0x7f, 0, 0x41, 0, 0x0b) + section(7, 2, 1, 'a', 3, 0, 1, 'a', 3, 0), meter.Malformed, -1, `two exports are named "a"`},
		{"nesting", header + section(1, 1, 0x60, 0, 0) + section(3, 1, 0) + "\x0a\xa6\x9c\x01\x01\xa2\x9c\x01\x00" + strings.Repeat("\x02\x40", 10_000) + "\x0b", meter.TooLarge, -1, "nested more than 10000 deep"},
	} {
		_, err := meter.Parse([]byte(test.code))
		var refused *meter.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if refused.Reason != test.reason || !strings.Contains(refused.Message, test.message) || test.offset >= 0 && refused.Offset != test.offset {
			t.Errorf("%s: reason %d, %v", test.name, refused.Reason, refused)
		}
		if refused.Reason == meter.Component && !strings.Contains(refused.Hint, "wasm32-wasip1") {
			t.Errorf("a component's hint is %q", refused.Hint)
		}
	}
}

// TestRefusedWork refuses what is short and takes long to compile.
func TestRefusedWork(t *testing.T) {
	woven := func(locals, loops int) []byte {
		body := append(appendNumber([]byte{1}, locals), 0x7e)
		body = append(body, bytes.Repeat([]byte{3, 0x40}, loops)...)
		return append(body, bytes.Repeat([]byte{0x0b}, loops+1)...)
	}
	for _, test := range []struct {
		name    string
		code    []byte
		message string
	}{
		{"a function", sized(0, woven(2000, 200)), "2000 locals, 200 loops, and blocks 201 deep"},
		{"functions", sized(0, slices.Repeat([][]byte{woven(1000, 200)}, 30)...), "too many locals and loops"},
		{"locals", sized(0, slices.Repeat([][]byte{woven(49_000, 0)}, 90)...), "more than 4000000 locals"},
		{"parameters", sized(1001, woven(0, 0)), "more than 1000000 parameters"},
	} {
		if _, err := meter.Parse(test.code); err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, good := range [][]byte{sized(0, woven(100, 100)), sized(900, woven(0, 0))} {
		if _, err := meter.Parse(good); err != nil {
			t.Error(err)
		}
	}
}

// sized is a module of functions with these bodies, and so many types of a
// thousand parameters.
func sized(types int, bodies ...[]byte) (code []byte) {
	add := func(id byte, content []byte) {
		code = append(appendNumber(append(code, id), len(content)), content...)
	}
	code = append(code, header...)
	list := append(appendNumber(nil, types+1), 0x60, 0, 0)
	for range types {
		list = append(list, 0x60)
		list = append(appendNumber(list, 1000), slices.Repeat([]byte{0x7f}, 1000)...)
		list = append(list, 0)
	}
	add(1, list)
	add(3, append(appendNumber(nil, len(bodies)), make([]byte, len(bodies))...))
	content := appendNumber(nil, len(bodies))
	for _, b := range bodies {
		content = append(appendNumber(content, len(b)), b...)
	}
	add(10, content)
	return code
}

// TestEveryCut reads all beginnings of modules: each is refused, none breaks
// anything.
func TestEveryCut(t *testing.T) {
	for name, code := range guests(t) {
		for n := range len(code) {
			if _, err := meter.Parse(code[:n]); err == nil && n > len(header) && !wholeSections(code[:n]) {
				t.Errorf("%s: %d of %d bytes are taken for a module", name, n, len(code))
			}
		}
	}
}

// wholeSections reports whether code ends where a section does.
func wholeSections(code []byte) bool {
	at := len(header)
	for at < len(code) {
		size, shift := 0, 0
		for at++; at < len(code); at++ {
			size |= int(code[at]&0x7f) << shift
			shift += 7
			if code[at] < 0x80 {
				at++
				break
			}
		}
		at += size
	}
	return at == len(code)
}

// TestOptions refuses bounds that bound nothing.
func TestOptions(t *testing.T) {
	for _, o := range []meter.Options{{}, {MemoryPages: 65536}, {MemoryPages: 1, StackBytes: -1}} {
		if _, err := meter.Rewrite([]byte(header), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	r, err := meter.Rewrite([]byte(header), meter.Options{MemoryPages: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := compiles(r.Code); err != nil || !bytes.HasPrefix(r.Code, []byte(header)) {
		t.Error(err)
	}
}

// guests are the modules of testdata by name.
func guests(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "guests", "*.wasm"))
	if err != nil || len(files) == 0 {
		tb.Fatal("there are no guests", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".wasm")] = code
	}
	return all
}
