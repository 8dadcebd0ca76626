package meter

// take notes that a function's address is taken.
func (m *module) take(function uint32) {
	if m.taken == nil {
		m.taken = make([]bool, len(m.calls))
	}
	if int64(function) < int64(len(m.taken)) {
		m.taken[function] = true
	}
}

// What the flags of a segment say.
const (
	flagPassive  = 1 // or declared, of elements, where flagExplicit is set too
	flagExplicit = 2 // a table or memory is named, or a type
	flagItems    = 4 // items are expressions
)

func (m *module) readElements(r *reader) {
	n := r.count(2, maxElements, "element segments")
	m.elementSection = section{count: n, from: r.at, to: r.end}
	m.elementBytes = make([]byte, 0, r.end-r.at)
	items := 0
	for range n {
		items += m.readElement(r)
		if items > maxItems {
			r.fail(tooLarge(r.at, "the element segments have more than %d items", maxItems))
		}
		if r.err != nil {
			return
		}
	}
}

// readElement reads a segment, writes it anew, and gives how many items it has.
func (m *module) readElement(r *reader) int {
	from := r.at
	flags := r.u32("the flags of a segment")
	if flags > 7 {
		r.fail(malformed(from, "an element segment cannot have flags %#x", flags))
	}
	if flags&flagPassive == 0 {
		if flags&flagExplicit != 0 {
			r.u32("a table's index")
		}
		m.elementBytes = append(m.elementBytes, r.code[from:r.at]...)
		m.elementBytes = m.constant(r, m.elementBytes, m.take)
		from = r.at
	}
	if flags&(flagPassive|flagExplicit) != 0 {
		if flags&flagItems != 0 {
			r.referenceType("an element segment")
		} else if kind := r.byte("the kind of a segment"); kind != 0 {
			r.failf("an element segment cannot be of kind %d", kind)
		}
	}
	n := r.count(1, maxItems, "items of a segment")
	if r.err != nil {
		return 0
	}
	m.elementBytes = append(m.elementBytes, r.code[from:r.at]...)
	for range n {
		if flags&flagItems != 0 {
			m.elementBytes = m.constant(r, m.elementBytes, m.take)
		} else {
			function := r.u32("a function")
			m.take(function)
			m.elementBytes = appendU32(m.elementBytes, m.shifted(function))
		}
		if r.err != nil {
			return 0
		}
	}
	return n
}

func (m *module) readData(r *reader) {
	n := r.count(2, maxData, "data segments")
	m.dataSection = section{count: n, from: r.at, to: r.end}
	for range n {
		at := r.at
		flags := r.u32("the flags of a segment")
		if flags > 2 {
			r.fail(malformed(at, "a data segment cannot have flags %#x", flags))
		}
		if flags == 2 {
			if memory := r.u32("a memory's index"); memory != 0 {
				r.fail(unsupported(at, featureMultiMemory))
			}
		}
		if flags != flagPassive {
			m.constant(r, nil, func(uint32) {})
		}
		r.bytes(r.count(1, len(r.code), "bytes of data"), "data")
		if r.err != nil {
			return
		}
	}
}
