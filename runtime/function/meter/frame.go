package meter

// What a call takes of the stack is what the compiler spills: every value that is
// kept over a call, or that finds no register, has a place of its own in the frame
// for as long as the function runs, whether another has died meanwhile or not. So a
// frame has at most a place for each value that a local ever has: those that are
// set, and those that come together where ways meet; and for each operand that a
// call finds beneath its arguments, or that lies deeper than there are registers.
const (
	frameBase = 64 // return address, frame pointer, saved registers
	slot      = 8
	// inRegisters is how many operands are taken to find registers.
	inRegisters = 6
	// frameWork bounds the time that counting takes. A function that would take more
	// is taken to have all the values that it could.
	frameWork    = 4_000_000
	allFrameWork = 400_000_000 // of all functions
)

// frame estimates how many bytes of stack a call of a function takes. It is too
// much rather than too little, for the guest chooses what is compiled.
func (m *module) frame(f int, again []loop) uint32 {
	b := &m.bodies[f]
	c := &frameCounter{m: m, again: again, locals: int(b.numbered)}
	c.collect(b)
	values := uint64(b.numbered) + c.sets
	if m.framed > allFrameWork {
		c.work = frameWork + 1
	}
	if c.work <= frameWork {
		c.follow(b)
		values += c.joins
	}
	m.framed += c.work
	if c.work > frameWork {
		values += (c.loops + c.branches) * uint64(b.numbered)
	}
	values += c.operands + uint64(c.arguments)
	for _, v := range m.types[m.calls[int(m.imported)+f]].Params {
		c.wide = c.wide || v == V128
	}
	if c.wide {
		values *= 2
	}
	return uint32(min(frameBase+slot*values, 1<<30))
}

type frameCounter struct {
	m      *module
	again  []loop // the function's loops
	locals int
	in     instruction

	sets, joins, operands, loops, branches uint64
	arguments                              int // of the largest call
	wide                                   bool
	work                                   int

	written [][]uint64 // by loop: the locals that are set within
	current []int32    // the value of each local, by number
	next    int32
	open    []meeting
	reached bool
	height  int // of the operands
	counted int // of them
}

// meeting is a construct, at whose end ways meet.
type meeting struct {
	op     opcode
	number int32   // of the values that come together there
	values []int32 // what came there so far, nil for nothing
	before []int32 // of opIf, what the other way begins with
	was    bool
	base   int // operands beneath
	params int
	gives  int
}

// collect counts what is set, and finds which locals each loop sets.
func (c *frameCounter) collect(b *body) {
	var open []int // constructs: the loop, or -1
	words := (c.locals + 63) / 64
	c.written = make([][]uint64, 0, len(c.again))
	r := &reader{code: c.m.code, at: b.from, end: b.to}
	inner := -1
	var outer []int
	for r.more() {
		r.next(&c.in)
		c.wide = c.wide || c.in.op >= vector
		switch c.in.op {
		case opBlock, opIf:
			open = append(open, -1)
		case opLoop:
			c.loops++
			c.work += words
			if c.work > frameWork {
				c.written = append(c.written, nil)
			} else {
				c.written = append(c.written, make([]uint64, words))
			}
			open = append(open, len(c.written)-1)
			outer = append(outer, inner)
			inner = len(c.written) - 1
		case opEnd:
			if len(open) == 0 {
				break
			}
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if at >= 0 {
				inner = outer[at]
				c.merge(inner, at)
			}
		case opLocalSet, opLocalTee:
			c.sets++
			if inner >= 0 && c.written[inner] != nil && int(c.in.first) < c.locals {
				c.written[inner][c.in.first/64] |= 1 << (c.in.first % 64)
			}
		case opBr, opBrIf:
			c.branches++
		case opBrTable:
			c.branches += uint64(len(c.in.targets))
		}
	}
}

func (c *frameCounter) merge(into, from int) {
	if into < 0 || c.written[into] == nil || c.written[from] == nil {
		return
	}
	c.work += len(c.written[from])
	for i, bits := range c.written[from] {
		c.written[into][i] |= bits
	}
}

// follow goes through the function once and counts where different values of a
// local come together.
func (c *frameCounter) follow(b *body) {
	c.current = make([]int32, c.locals)
	for i := range c.current {
		c.current[i] = int32(i)
	}
	c.next = int32(c.locals)
	c.open = append(c.open[:0], meeting{op: opBlock, number: c.number()})
	c.reached = true
	at := 0
	r := &reader{code: c.m.code, at: b.from, end: b.to}
	for r.more() && c.work <= frameWork {
		r.next(&c.in)
		c.stack()
		switch in := &c.in; in.op {
		case opBlock:
			c.begin(meeting{op: opBlock})
		case opIf:
			c.begin(meeting{op: opIf, before: c.copy(c.current), was: c.reached})
		case opLoop:
			c.begin(meeting{op: opLoop})
			if c.again[at].again {
				c.head(c.written[at])
			}
			at++
		case opElse:
			top := &c.open[len(c.open)-1]
			c.meet(top)
			top.op = opElse
			c.current, c.reached = top.before, top.was
			c.height = top.base + top.params
			c.counted = min(c.counted, c.height)
		case opEnd:
			c.end()
		case opBr, opBrIf:
			c.branch(in.first)
		case opBrTable:
			for _, label := range in.targets {
				c.branch(label)
			}
		case opLocalSet, opLocalTee:
			if int(in.first) < c.locals {
				c.current[in.first] = c.number()
			}
		}
		switch c.in.op {
		case opBr, opBrTable, opReturn, opUnreachable:
			c.reached = false
		}
	}
}

func (c *frameCounter) number() int32 { c.next++; return c.next }

func (c *frameCounter) copy(values []int32) []int32 {
	c.work += len(values)
	return append([]int32(nil), values...)
}

func (c *frameCounter) begin(m meeting) {
	m.number = c.number()
	m.params, m.gives = c.m.blockArity(c.in.block)
	m.base = max(c.height-m.params, 0)
	c.open = append(c.open, m)
	c.joins += uint64(m.gives)
	if m.op == opLoop {
		c.joins += uint64(m.params)
	}
}

// head gives new values to what a loop sets: each turn may come with another.
func (c *frameCounter) head(written []uint64) {
	c.work += c.locals
	for i := range c.current {
		if written[i/64]&(1<<(i%64)) != 0 {
			c.current[i] = c.number()
			c.joins++
		}
	}
}

func (c *frameCounter) branch(label uint32) {
	if to := &c.open[len(c.open)-1-int(label)]; to.op != opLoop {
		c.meet(to)
	}
}

func (c *frameCounter) meet(to *meeting) {
	if !c.reached {
		return
	}
	c.join(to, c.current)
}

func (c *frameCounter) join(to *meeting, values []int32) {
	if to.values == nil {
		to.values = c.copy(values)
		return
	}
	c.work += len(values)
	for i, v := range to.values {
		if v != values[i] && v != to.number {
			to.values[i] = to.number
			c.joins++
		}
	}
}

func (c *frameCounter) end() {
	top := &c.open[len(c.open)-1]
	if top.op != opLoop {
		c.meet(top)
		if top.op == opIf && top.was {
			c.join(top, top.before)
		}
		if top.values != nil {
			c.current, c.reached = top.values, true
		}
	}
	c.height = top.base + top.gives
	c.counted = min(c.counted, c.height)
	c.open = c.open[:len(c.open)-1]
}

// blockArity is how many operands a block takes and gives.
func (m *module) blockArity(block int64) (takes, gives int) {
	switch {
	case block == noResult:
		return 0, 0
	case block < 0:
		return 0, 1
	}
	t := m.types[block]
	return len(t.Params), len(t.Results)
}

// stack follows the operands. What a call finds beneath its arguments is spilled.
func (c *frameCounter) stack() {
	pops, pushes := int(kinds[c.in.op].pops), int(kinds[c.in.op].pushes)
	call := false
	var t uint32
	switch c.in.op {
	case opCall:
		t, call = c.m.calls[c.in.first], true
	case opCallIndirect:
		t, call = c.in.first, true
	case opMemoryGrow, opTableGrow, opMemoryCopy, opMemoryFill, opMemoryInit:
		c.spill(c.height - pops)
	}
	if call {
		params, results := len(c.m.types[t].Params), len(c.m.types[t].Results)
		c.arguments = max(c.arguments, params+results)
		pops += params
		pushes += results
		c.spill(c.height - pops)
		if results > 1 { // they come on the stack
			c.operands += uint64(results)
		}
	}
	base := 0
	if len(c.open) > 0 {
		base = c.open[len(c.open)-1].base
	}
	c.height = max(c.height-pops, base)
	c.counted = min(c.counted, c.height)
	c.height += pushes
	c.spill(c.height - inRegisters)
}

func (c *frameCounter) spill(beneath int) {
	if beneath > c.counted {
		c.operands += uint64(beneath - c.counted)
		c.counted = beneath
	}
}
