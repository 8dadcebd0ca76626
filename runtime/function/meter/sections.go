package meter

import (
	"bytes"
	"fmt"
)

// The sections, as the binary format numbers them.
const (
	sectionCustom byte = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
)

// order is where a section stands; custom ones stand anywhere.
var order = [...]int{
	sectionType: 1, sectionImport: 2, sectionFunction: 3, sectionTable: 4, sectionMemory: 5, sectionTag: 6, sectionGlobal: 7,
	sectionExport: 8, sectionStart: 9, sectionElement: 10, sectionDataCount: 11, sectionCode: 12, sectionData: 13,
}

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag",
}

// section is a part of the module that is taken over as it is.
type section struct {
	count    int
	from, to int // its content, without the count
}

// module is a module as it was read. Sections in which functions are numbered are
// kept as they will be written.
type module struct {
	Module
	code     []byte
	types    []FunctionType
	imported uint32   // functions
	calls    []uint32 // the types of all functions, the imported ones first
	tables   []table
	memory   bool
	globals  []global
	bodies   []body
	start    int64 // -1 for none
	names    section
	taken    []bool // functions whose address is taken: an indirect call may reach them
	dataSegs int    // announced before the code, -1 where not
	framed   int    // work that went into frames

	typeSection, importSection, functionSection section
	elementSection, dataSection, dataCount      section
	globalSection, exportSection                section
	globalBytes, exportBytes, elementBytes      []byte
	exported                                    map[string]Kind
}

type table struct {
	reference        ValueType
	minimum, maximum uint32
}

type global struct {
	kind    ValueType
	mutable bool
}

// header is what a core module begins with.
const header = "\x00asm\x01\x00\x00\x00"

// read reads a module.
func read(code []byte) (*module, error) {
	if err := checkHeader(code); err != nil {
		return nil, err
	}
	m := &module{code: code, start: -1, dataSegs: -1, exported: map[string]Kind{}}
	m.Reusable = true
	r := &reader{code: code, at: len(header), end: len(code)}
	last := 0
	for r.more() {
		last = m.section(r, last)
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := m.whole(); err != nil {
		return nil, err
	}
	return m, nil
}

func checkHeader(code []byte) error {
	switch {
	case len(code) < len(header) || string(code[:4]) != header[:4]:
		return &Error{Reason: Malformed, Message: "this is no WebAssembly module", Hint: hintForText(code)}
	case string(code[:8]) == header:
		return nil
	case code[6] == 1 && code[7] == 0:
		return &Error{Reason: Component, Offset: 4, Message: "this is a WebAssembly component, a core module is needed", Hint: componentHint}
	}
	return malformed(4, "this is WebAssembly of version %d, only version 1 is known", code[4])
}

const componentHint = "build for WASI preview 1: Rust: --target wasm32-wasip1; TinyGo: -target=wasip1; Go: GOOS=wasip1; C: --target=wasm32-wasi; do not run `wasm-tools component new` or jco, componentize-js and componentize-py"

func hintForText(code []byte) string {
	switch trimmed := bytes.TrimLeft(code, " \t\r\n"); {
	case bytes.HasPrefix(trimmed, []byte("(module")), bytes.HasPrefix(trimmed, []byte(";;")):
		return "this looks like WebAssembly text: translate it, with wat2wasm or wasm-tools parse"
	case bytes.HasPrefix(code, []byte("\x7fELF")), bytes.HasPrefix(code, []byte("MZ")), bytes.HasPrefix(code, []byte("\xcf\xfa\xed\xfe")):
		return "this is a program for a machine: build it for wasm32"
	case bytes.HasPrefix(code, []byte("!<arch>")):
		return "this is an archive of objects: link it"
	}
	return "a module begins with the bytes 00 61 73 6d"
}

// section reads one section, and gives where it stands in the order.
func (m *module) section(r *reader, last int) int {
	at := r.at
	id := r.byte("a section")
	size := r.u32("the size of a section")
	if r.err != nil {
		return last
	}
	if int(id) >= len(sectionNames) {
		r.fail(malformed(at, "section %d is not known", id))
		return last
	}
	part := r.part(int(size), "section "+sectionNames[id])
	if r.err != nil {
		return last
	}
	if id == sectionTag {
		r.fail(unsupported(at, featureExceptions))
		return last
	}
	if id != sectionCustom {
		if order[id] <= last {
			r.fail(malformed(at, "section %s stands where it may not", sectionNames[id]))
			return last
		}
		last = order[id]
	}
	m.content(id, &part)
	if part.err == nil && part.at != part.end {
		part.failf("section %s is longer than what is in it", sectionNames[id])
	}
	if part.err != nil {
		r.fail(part.err)
	}
	return last
}

func (m *module) content(id byte, r *reader) {
	switch id {
	case sectionCustom:
		m.readCustom(r)
	case sectionType:
		m.readTypes(r)
	case sectionImport:
		m.readImports(r)
	case sectionFunction:
		m.readFunctions(r)
	case sectionTable:
		m.readTables(r)
	case sectionMemory:
		m.readMemory(r)
	case sectionGlobal:
		m.readGlobals(r)
	case sectionExport:
		m.readExports(r)
	case sectionStart:
		m.start = int64(r.u32("the start function"))
		m.HasStart = true
	case sectionElement:
		m.readElements(r)
	case sectionDataCount:
		m.dataCount = section{from: r.at, to: r.end, count: 1}
		m.dataSegs = int(r.u32("the number of data segments"))
	case sectionCode:
		m.readCode(r)
	case sectionData:
		m.readData(r)
	}
}

// whole checks what concerns more than one section.
func (m *module) whole() error {
	if len(m.bodies) != len(m.calls)-int(m.imported) {
		return malformed(len(m.code), "%d functions are declared, %d have a body", len(m.calls)-int(m.imported), len(m.bodies))
	}
	if m.dataSegs >= 0 && m.dataSegs != m.dataSection.count {
		return malformed(m.dataCount.from, "%d data segments are announced, there are %d", m.dataSegs, m.dataSection.count)
	}
	if m.start >= int64(len(m.calls)) {
		return malformed(len(m.code), "the start function %d does not exist", m.start)
	}
	for name := range m.exported {
		if len(name) >= len(reserved) && name[:len(reserved)] == reserved {
			return &Error{Reason: Unsupported, Message: fmt.Sprintf("the module exports %q, names that begin with %q are the host's", name, reserved), Hint: "give the export another name"}
		}
	}
	if kind, ok := m.exported[Memory]; ok && kind != KindMemory && m.memory {
		return &Error{Reason: Unsupported, Message: "the module exports a " + kind.String() + " as \"memory\", where its memory must stand", Hint: "give the export another name"}
	}
	for _, g := range m.globals {
		if g.mutable && (g.kind == V128 || g.kind == Funcref || g.kind == Externref) {
			m.keeps("it has a mutable global of type " + g.kind.String())
		}
	}
	return nil
}

// keeps notes why an instance cannot be used for another call.
func (m *module) keeps(why string) {
	if m.Reusable {
		m.Reusable, m.NotReusable = false, why
	}
}

// shifted is the number of a function in the rewritten module, where one more is
// imported.
func (m *module) shifted(function uint32) uint32 {
	if function < m.imported {
		return function
	}
	return function + 1
}

func (m *module) readCustom(r *reader) {
	name := r.name("the name of a section")
	if r.err == nil && name == "name" && m.names.count == 0 {
		m.names = section{count: 1, from: r.at, to: r.end}
	}
	if r.err == nil {
		r.at = r.end
	}
}
