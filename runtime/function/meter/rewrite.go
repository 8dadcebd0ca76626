package meter

import (
	"fmt"
	"strconv"
)

// rewrite writes a module anew that was read.
func rewrite(m *module, o Options) (*Rewritten, error) {
	if o.MemoryPages == 0 || o.MemoryPages >= maxPages {
		return nil, fmt.Errorf("rewrite a module: a memory of %d pages cannot be bounded", o.MemoryPages)
	}
	if o.StackBytes < 0 {
		return nil, fmt.Errorf("rewrite a module: a stack of %d bytes", o.StackBytes)
	}
	if o.StackBytes == 0 {
		o.StackBytes = DefaultStack
	}
	if m.memory && m.Memory.Minimum > o.MemoryPages {
		return nil, &Error{
			Reason: TooLarge,
			Message: fmt.Sprintf("the module begins with a memory of %d pages (%s), its limit is %d pages (%s)",
				m.Memory.Minimum, size(m.Memory.Minimum), o.MemoryPages, size(o.MemoryPages)),
			Hint: "raise the function's limit of memory, or let the module begin with less (C: -Wl,--initial-memory, -Wl,-z,stack-size; AssemblyScript: --initialMemory)",
		}
	}
	w := &writer{
		m: m, options: o, plans: m.plan(),
		tick: m.imported,
		fuel: uint32(len(m.globals)), depth: uint32(len(m.globals)) + 1,
		results: map[string]uint32{},
	}
	return w.module(), nil
}

func size(pages uint32) string {
	bytes := int64(pages) * PageSize
	if bytes%(1<<20) == 0 {
		return strconv.FormatInt(bytes>>20, 10) + " MiB"
	}
	return strconv.FormatInt(bytes>>10, 10) + " KiB"
}

// writer writes a module.
type writer struct {
	m       *module
	options Options
	plans   []plan
	out     []byte

	tick        uint32 // the imported function
	fuel, depth uint32 // the globals

	types   []byte            // those that are added
	added   uint32            // how many
	results map[string]uint32 // the added type by what it gives
	result  Rewritten
}

// module writes the whole. Code comes first: it finds which types are needed.
func (w *writer) module() *Rewritten {
	m := w.m
	tickType := w.blockResult(nil)
	code := w.code()

	w.out = make([]byte, 0, len(header)+len(m.code)+len(code)/8+1024)
	w.out = append(w.out, header...)
	w.write(sectionType, w.joined(m.typeSection, int(w.added), w.types))
	tick := appendName(appendName(nil, HostModule), Tick)
	tick = append(tick, byte(KindFunction))
	w.write(sectionImport, w.joined(m.importSection, 1, appendU32(tick, tickType)))
	w.copy(sectionFunction, m.functionSection)
	w.tables()
	w.memory()
	w.globals()
	w.exports()
	if m.start >= 0 {
		w.write(sectionStart, appendU32(nil, m.shifted(uint32(m.start))))
	}
	if m.elementSection.count > 0 {
		w.write(sectionElement, append(appendU32(nil, uint32(m.elementSection.count)), m.elementBytes...))
	}
	if m.dataCount.count > 0 {
		w.write(sectionDataCount, m.code[m.dataCount.from:m.dataCount.to])
	}
	if len(m.bodies) > 0 {
		w.write(sectionCode, code)
	}
	w.copy(sectionData, m.dataSection)
	if names := m.renamed(); names != nil {
		w.write(sectionCustom, names)
	}
	w.result.Code = w.out
	w.result.Module = &m.Module
	return &w.result
}

func (w *writer) write(id byte, content []byte) {
	w.out = append(w.out, id)
	w.out = appendU32(w.out, uint32(len(content)))
	w.out = append(w.out, content...)
}

// joined is a section with more behind what it has.
func (w *writer) joined(s section, more int, content []byte) []byte {
	b := appendU32(make([]byte, 0, 8+s.to-s.from+len(content)), uint32(s.count+more))
	b = append(b, w.m.code[s.from:s.to]...)
	return append(b, content...)
}

func (w *writer) copy(id byte, s section) {
	if s.count > 0 {
		w.write(id, w.joined(s, 0, nil))
	}
}

// blockResult gives the type of a function or block that takes nothing and gives
// results.
func (w *writer) blockResult(results []ValueType) uint32 {
	key := FunctionType{Results: results}.key()
	if t, ok := w.results[key]; ok {
		return t
	}
	t := uint32(len(w.m.types)) + w.added
	w.results[key] = t
	w.added++
	w.types = append(w.types, 0x60, 0)
	w.types = appendU32(w.types, uint32(len(results)))
	for _, v := range results {
		w.types = append(w.types, byte(v))
	}
	return t
}

// tables caps what they may grow to: by themselves they could grow to 32 GB.
func (w *writer) tables() {
	if len(w.m.tables) == 0 {
		return
	}
	b := appendU32(nil, uint32(len(w.m.tables)))
	for _, t := range w.m.tables {
		b = append(b, byte(t.reference), 1)
		b = appendU32(b, t.minimum)
		b = appendU32(b, min(t.maximum, max(t.minimum, maxGrown)))
	}
	w.write(sectionTable, b)
}

func (w *writer) memory() {
	if !w.m.memory {
		return
	}
	b := appendU32([]byte{1, 1}, w.m.Memory.Minimum)
	w.write(sectionMemory, appendU32(b, w.maximum()))
}

// maximum is what the memory may grow to. A module that says itself that it wants
// no more than its limit gets no more.
func (w *writer) maximum() uint32 { return min(w.m.Memory.Maximum, w.options.MemoryPages+1) }

func (w *writer) globals() {
	b := appendU32(nil, uint32(len(w.m.globals))+2)
	b = append(b, w.m.globalBytes...)
	b = append(b, byte(I32), 1, byte(opI32Const), 0, byte(opEnd))
	b = append(b, byte(I32), 1, byte(opI32Const))
	b = append(appendI32(b, w.options.StackBytes), byte(opEnd))
	w.write(sectionGlobal, b)
}

func (w *writer) exports() {
	m := w.m
	b := m.exportBytes
	n := m.exportSection.count
	add := func(name string, kind Kind, i uint32) {
		b = appendU32(append(appendName(b, name), byte(kind)), i)
		n++
	}
	if _, there := m.exported[Memory]; m.memory && !there {
		add(Memory, KindMemory, 0)
	}
	for i, g := range m.globals {
		if g.mutable {
			name := globalPrefix + strconv.Itoa(i)
			add(name, KindGlobal, uint32(i))
			w.result.Globals = append(w.result.Globals, name)
		}
	}
	add(Fuel, KindGlobal, w.fuel)
	add(Depth, KindGlobal, w.depth)
	w.write(sectionExport, append(appendU32(nil, uint32(n)), b...))
}
