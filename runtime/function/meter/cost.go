package meter

// plan is what a function pays, and where.
type plan struct {
	// entry is what it pays when it is entered, 0 for nothing.
	entry uint32
	// loops are what a turn of each loop pays, in the order in which they begin,
	// 0 for nothing.
	loops []uint32
	// free is what whoever calls it pays for it, where it pays nothing itself.
	free uint32
	// stack is what it takes of the stack, 0 where it need not be counted.
	stack uint32
}

const (
	// freeMost is the most that a function may cost that leaves paying to its
	// callers.
	freeMost = 200
	// hostCall is what a call of the host costs beside what the host takes for it.
	hostCall = 40
	// mergeMost and mergeFactor bound how much more a turn of a loop may pay so that
	// the function it begins with need not pay too.
	mergeMost   = 250
	mergeFactor = 8
)

// A function is a graph without cycles, once the jumps back to its loops' heads are
// left out. What a function pays at its entry is the longest way through that
// graph, and what a turn of a loop pays is the longest way from the loop's head on:
// each way that is really gone is covered by what was paid at its beginning, for
// it ends where the next payment is due. No branch has to pay for itself.
type costs struct {
	m     *module
	plans []plan
	open  []construct
	loops []loop
	in    instruction

	cost     uint32 // of the longest way to here
	reached  bool
	longest  uint32 // of all ways
	straight bool   // nothing was decided yet
	merged   int    // the loop that everything runs into, -1 for none
}

type construct struct {
	op     opcode
	loop   int    // of opLoop
	label  uint32 // the longest way to its end by a branch
	joined bool   // there is such a way
	before uint32 // of opIf, the way to it
	was    bool   // of opIf, whether it is reached
}

type loop struct {
	head    uint32 // the way to it
	longest uint32 // of all ways within it
	again   bool   // something jumps to its head
	outer   int    // -1 for none
}

// plan finds what every function pays.
func (m *module) plan() []plan {
	recursive, sorted := m.cycles()
	c := &costs{m: m, plans: make([]plan, len(m.bodies))}
	for _, f := range sorted {
		c.function(int(f), recursive[f])
	}
	return c.plans
}

func (c *costs) function(f int, recursive bool) {
	b := &c.m.bodies[f]
	c.open = append(c.open[:0], construct{op: opBlock})
	c.loops = c.loops[:0]
	c.cost, c.reached, c.longest, c.straight, c.merged = 2, true, 2, true, -1
	inner := -1
	r := &reader{code: c.m.code, at: b.from, end: b.to}
	for r.more() {
		r.next(&c.in)
		inner = c.instruction(inner)
	}
	p := &c.plans[f]
	metered := false
	if len(c.loops) > 0 {
		p.loops = make([]uint32, len(c.loops))
		for i, l := range c.loops {
			if l.again {
				p.loops[i] = max(l.longest-l.head, 1)
				metered = true
			}
		}
	}
	switch {
	case !metered && !recursive && !b.bulk && c.longest <= freeMost:
		p.free = c.longest
	case c.merged >= 0 && p.loops[c.merged] > 0 && c.longest <= max(mergeMost, mergeFactor*p.loops[c.merged]):
		p.loops[c.merged] = c.longest
	default:
		p.entry = c.longest
	}
	if recursive {
		p.stack = c.m.frame(f, c.loops)
	}
}

// peak notes that a way ends or is left here.
func (c *costs) peak(inner int) {
	if !c.reached {
		return
	}
	c.longest = max(c.longest, c.cost)
	if inner >= 0 {
		c.loops[inner].longest = max(c.loops[inner].longest, c.cost)
	}
}

// instruction adds one, within the loop inner, and gives the loop that the next is
// within.
func (c *costs) instruction(inner int) int {
	in := &c.in
	c.cost += uint32(kinds[in.op].weight)
	switch in.op {
	case opBlock:
		c.open = append(c.open, construct{op: opBlock})
	case opIf:
		c.straight = false
		c.open = append(c.open, construct{op: opIf, before: c.cost, was: c.reached})
	case opLoop:
		at := len(c.loops)
		if c.straight && c.merged < 0 {
			c.merged = at
		}
		c.straight = false
		c.loops = append(c.loops, loop{head: c.cost, longest: c.cost, outer: inner})
		c.open = append(c.open, construct{op: opLoop, loop: at})
		return at
	case opElse:
		c.peak(inner)
		top := &c.open[len(c.open)-1]
		c.join(top)
		top.op = opElse
		c.cost, c.reached = top.before, top.was
	case opEnd:
		return c.end(inner)
	case opBr:
		c.branch(inner, in.first)
		c.reached = false
	case opBrIf:
		c.branch(inner, in.first)
	case opBrTable:
		for _, label := range in.targets {
			c.branch(inner, label)
		}
		c.reached = false
	case opReturn, opUnreachable:
		c.straight = false
		c.peak(inner)
		c.reached = false
	case opCall:
		c.call(in.first)
	case opCallIndirect:
		c.straight = false
		c.cost += freeMost
	}
	return inner
}

func (c *costs) call(f uint32) {
	if f < c.m.imported {
		c.straight = false
		c.cost += hostCall
		return
	}
	c.cost += c.plans[f-c.m.imported].free
	c.straight = c.straight && c.plans[f-c.m.imported].free > 0
}

func (c *costs) join(to *construct) {
	if c.reached {
		to.label = max(to.label, c.cost)
		to.joined = true
	}
}

func (c *costs) branch(inner int, label uint32) {
	c.straight = false
	c.peak(inner)
	to := &c.open[len(c.open)-1-int(label)]
	if to.op != opLoop {
		c.join(to)
		return
	}
	if c.reached {
		c.loops[to.loop].again = true
	}
}

func (c *costs) end(inner int) int {
	c.peak(inner)
	top := c.open[len(c.open)-1]
	c.open = c.open[:len(c.open)-1]
	if top.op == opIf && top.was { // without an else it may be passed by
		top.label, top.joined = max(top.label, top.before), true
	}
	if top.joined {
		if !c.reached {
			c.cost = 0
		}
		c.cost, c.reached = max(c.cost, top.label), true
	}
	if top.op != opLoop {
		return inner
	}
	l := c.loops[top.loop]
	if l.outer >= 0 {
		c.loops[l.outer].longest = max(c.loops[l.outer].longest, l.longest)
	}
	return l.outer
}
