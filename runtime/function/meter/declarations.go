package meter

import "fmt"

func (m *module) readTypes(r *reader) {
	n := r.count(3, maxTypes, "types")
	m.typeSection = section{count: n, from: r.at, to: r.end}
	m.types = make([]FunctionType, 0, n)
	values := 0
	for range n {
		at := r.at
		switch form := r.byte("a type"); form {
		case 0x60:
		case 0x5f, 0x5e, 0x50, 0x4f, 0x4e:
			r.fail(unsupported(at, featureGC))
		default:
			r.fail(malformed(at, "%#x is no type of a function", form))
		}
		t := FunctionType{Params: r.valueTypes("parameters"), Results: r.valueTypes("results")}
		if r.err != nil {
			return
		}
		if values += len(t.Params) + len(t.Results); values > maxAllParams {
			r.fail(tooLarge(at, "the types have more than %d parameters and results", maxAllParams))
			return
		}
		m.types = append(m.types, t)
	}
}

func (r *reader) valueTypes(what string) []ValueType {
	n := r.count(1, maxParams, what)
	if n == 0 {
		return nil
	}
	types := make([]ValueType, n)
	for i := range types {
		types[i] = r.valueType("a function")
	}
	return types
}

func (m *module) readImports(r *reader) {
	n := r.count(4, maxImports, "imports")
	m.importSection = section{count: n, from: r.at, to: r.end}
	for range n {
		m.readImport(r)
		if r.err != nil {
			return
		}
	}
}

func (m *module) readImport(r *reader) {
	at := r.at
	i := Import{Module: r.name("the module of an import"), Name: r.name("the name of an import")}
	kind := r.byte("an import")
	if r.err != nil {
		return
	}
	switch kind {
	case 0:
		t := r.u32("the type of an import")
		if int64(t) >= int64(len(m.types)) {
			r.fail(malformed(at, "type %d does not exist", t))
			return
		}
		i.Type = m.types[t]
		m.calls = append(m.calls, t)
		m.imported++
	case 1:
		r.fail(unsupported(at, featureImportedTable).naming(i))
	case 2:
		r.fail(unsupported(at, featureImportedMemory).naming(i))
	case 3:
		r.fail(unsupported(at, featureImportedGlobal).naming(i))
	case 4:
		r.fail(unsupported(at, featureImportedTag).naming(i))
	default:
		r.fail(malformed(at, "%d is no kind of an import", kind))
	}
	if i.Module == HostModule {
		r.fail(&Error{Reason: Unsupported, Offset: at, Message: fmt.Sprintf("the module imports %q, which is the host's own", HostModule)})
	}
	m.Imports = append(m.Imports, i)
}

// naming says which import is meant.
func (e *Error) naming(i Import) *Error {
	e.Message += fmt.Sprintf(": %q of %q", i.Name, i.Module)
	return e
}

func (m *module) readFunctions(r *reader) {
	n := r.count(1, maxFunctions, "functions")
	m.functionSection = section{count: n, from: r.at, to: r.end}
	m.Functions = n
	for range n {
		at := r.at
		t := r.u32("the type of a function")
		if int64(t) >= int64(len(m.types)) {
			r.fail(malformed(at, "type %d does not exist", t))
		}
		if r.err != nil {
			return
		}
		m.calls = append(m.calls, t)
	}
}

func (m *module) readTables(r *reader) {
	n := r.count(3, maxTables, "tables")
	total := uint64(0)
	for range n {
		at := r.at
		if r.more() && r.code[r.at] == 0x40 {
			r.fail(unsupported(at, featureGC))
		}
		t := table{reference: r.referenceType("a table")}
		t.minimum, t.maximum = r.limits(^uint32(0))
		if r.err != nil {
			return
		}
		total += uint64(t.minimum)
		if total > maxTable {
			r.fail(tooLarge(at, "the tables begin with %d elements, the most is %d", total, maxTable))
			return
		}
		if t.maximum < t.minimum {
			r.fail(malformed(at, "a table has at least %d and at most %d elements", t.minimum, t.maximum))
			return
		}
		m.tables = append(m.tables, t)
	}
}

// limits reads how large a memory or table is at least and at most.
func (r *reader) limits(most uint32) (minimum, maximum uint32) {
	at := r.at
	flags := r.byte("limits")
	switch {
	case r.err != nil:
		return 0, 0
	case flags >= 0x10:
		r.fail(malformed(at, "limits cannot begin with %#x", flags))
	case flags&8 != 0:
		r.fail(unsupported(at, featurePageSize))
	case flags&4 != 0:
		r.fail(unsupported(at, featureMemory64))
	case flags&2 != 0:
		r.fail(unsupported(at, featureThreads))
	}
	minimum, maximum = r.u32("a minimum"), most
	if flags&1 != 0 {
		maximum = r.u32("a maximum")
	}
	return minimum, maximum
}

func (m *module) readMemory(r *reader) {
	at := r.at
	n := r.count(2, maxTables, "memories")
	if n > 1 {
		r.fail(unsupported(at, featureMultiMemory))
		return
	}
	if n == 0 {
		return
	}
	minimum, maximum := r.limits(maxPages)
	switch {
	case r.err != nil:
		return
	case minimum > maxPages || maximum > maxPages:
		r.fail(malformed(at, "a memory has at most %d pages", maxPages))
	case maximum < minimum:
		r.fail(malformed(at, "the memory has at least %d and at most %d pages", minimum, maximum))
	}
	m.memory = true
	m.Memory.Declared, m.Memory.Minimum, m.Memory.Maximum = true, minimum, maximum
}

func (m *module) readGlobals(r *reader) {
	n := r.count(4, maxGlobals, "globals")
	m.globalSection = section{count: n, from: r.at, to: r.end}
	m.globalBytes = make([]byte, 0, r.end-r.at+n)
	for range n {
		from := r.at
		g := global{kind: r.valueType("a global")}
		mutable := r.byte("a global")
		if mutable > 1 {
			r.fail(malformed(from, "a global is mutable or not, %d is neither", mutable))
		}
		if r.err != nil {
			return
		}
		g.mutable = mutable == 1
		m.globals = append(m.globals, g)
		m.globalBytes = append(m.globalBytes, r.code[from:r.at]...)
		m.globalBytes = m.constant(r, m.globalBytes, m.take)
	}
}

func (m *module) readExports(r *reader) {
	n := r.count(3, maxExports, "exports")
	m.exportSection = section{count: n, from: r.at, to: r.end}
	m.exportBytes = make([]byte, 0, r.end-r.at+n)
	for range n {
		m.readExport(r)
		if r.err != nil {
			return
		}
	}
}

func (m *module) readExport(r *reader) {
	at := r.at
	e := Export{Name: r.name("the name of an export")}
	kind := r.byte("an export")
	if kind == 4 {
		r.fail(unsupported(at, featureExceptions))
	}
	e.Kind = Kind(kind)
	i := r.u32("the index of an export")
	if r.err != nil {
		return
	}
	if _, twice := m.exported[e.Name]; twice {
		r.fail(malformed(at, "two exports are named %q", e.Name))
		return
	}
	known := 0
	switch e.Kind {
	case KindFunction:
		known = len(m.calls)
	case KindTable:
		known = len(m.tables)
	case KindGlobal:
		known = len(m.globals)
	case KindMemory:
		if m.memory {
			known = 1
		}
	}
	if int64(i) >= int64(known) {
		r.fail(malformed(at, "the export %q is of a %s that does not exist", e.Name, e.Kind))
		return
	}
	written := i
	switch e.Kind {
	case KindFunction:
		e.Type = m.types[m.calls[i]]
		written = m.shifted(i)
	case KindMemory:
		if m.Memory.Exported == "" || e.Name == Memory {
			m.Memory.Exported = e.Name
		}
	}
	m.exported[e.Name] = e.Kind
	m.Exports = append(m.Exports, e)
	m.exportBytes = appendU32(append(appendName(m.exportBytes, e.Name), kind), written)
}
