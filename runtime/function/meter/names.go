package meter

// The subsections of names that are kept. The others name what runtimes do not
// show, some by functions.
const (
	namesModule    = 0
	namesFunctions = 1
	namesLocals    = 2
)

// maxNamed is how many locals may have names.
const maxNamed = 1_000_000

// renamed gives the custom section of names with functions renumbered, nil where
// there is none, or none that can be read: names are not worth a refusal.
func (m *module) renamed() []byte {
	if m.names.count == 0 {
		return nil
	}
	r := &reader{code: m.code, at: m.names.from, end: m.names.to}
	out := appendName(make([]byte, 0, m.names.to-m.names.from+64), "name")
	for last := -1; r.more(); {
		id := r.byte("names")
		part := r.part(int(r.u32("the size of names")), "names")
		if part.err != nil || int(id) <= last {
			return nil
		}
		last = int(id)
		content, kept := m.subsection(id, &part)
		if part.err != nil {
			return nil
		}
		if kept {
			out = append(appendU32(append(out, id), uint32(len(content))), content...)
		}
	}
	if r.err != nil {
		return nil
	}
	return out
}

func (m *module) subsection(id byte, r *reader) (content []byte, kept bool) {
	content = make([]byte, 0, r.end-r.at+16)
	switch id {
	case namesModule:
		content = appendName(content, r.name("the module's name"))
	case namesFunctions:
		content = m.functionNames(r, content)
	case namesLocals:
		content = m.localNames(r, content)
	default:
		return nil, false
	}
	if r.at != r.end {
		r.failf("names are longer than what is in them")
	}
	return content, true
}

func (m *module) functionNames(r *reader, out []byte) []byte {
	n := r.count(2, len(m.calls), "names")
	out = appendU32(out, uint32(n))
	for range n {
		out = m.named(r, out)
		out = appendName(out, r.name("a function's name"))
	}
	return out
}

func (m *module) localNames(r *reader, out []byte) []byte {
	n := r.count(2, len(m.calls), "functions")
	out = appendU32(out, uint32(n))
	named := 0
	for range n {
		out = m.named(r, out)
		locals := r.count(2, maxNamed-named, "locals")
		named += locals
		out = appendU32(out, uint32(locals))
		for range locals {
			out = appendU32(out, r.u32("a local"))
			out = appendName(out, r.name("a local's name"))
		}
	}
	return out
}

// named writes the function that a name is for.
func (m *module) named(r *reader, out []byte) []byte {
	f := r.u32("a function")
	if int64(f) >= int64(len(m.calls)) {
		r.failf("function %d does not exist", f)
	}
	return appendU32(out, m.shifted(f))
}
