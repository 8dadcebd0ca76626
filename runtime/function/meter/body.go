package meter

// code writes the code section's content.
func (w *writer) code() []byte {
	m := w.m
	total := 0
	for i := range m.bodies {
		total += m.bodies[i].to - m.bodies[i].locals.from
	}
	out := appendU32(make([]byte, 0, total+total/8+64), uint32(len(m.bodies)))
	var b bodyWriter
	for i := range m.bodies {
		b = bodyWriter{w: w, m: m, body: &m.bodies[i], plan: &w.plans[i], out: b.out[:0], in: b.in}
		b.write(m.types[m.calls[int(m.imported)+i]].Results)
		out = appendU32(out, uint32(len(b.out)))
		out = append(out, b.out...)
	}
	return out
}

// bodyWriter writes the body of one function.
type bodyWriter struct {
	w    *writer
	m    *module
	body *body
	plan *plan
	out  []byte
	in   instruction

	copied  int    // up to here the body is written
	scratch uint32 // a local for what is left of the fuel
	beneath uint32 // another one, for what is left of the stack, and for sizes
	nesting uint32
	loop    int
}

func (b *bodyWriter) write(results []ValueType) {
	metered := b.plan.entry > 0
	for _, cost := range b.plan.loops {
		if cost > 0 {
			metered = true
			b.w.result.Metered++
		}
	}
	counted := b.plan.stack > 0
	if b.plan.entry > 0 {
		b.w.result.Metered++
	}
	if counted {
		b.w.result.Counted++
	}
	b.locals(metered, counted)
	b.enter()
	if counted {
		b.op(opBlock)
		b.blockType(results)
	}
	b.copied = b.body.from
	r := &reader{code: b.m.code, at: b.body.from, end: b.body.to}
	for r.more() {
		r.next(&b.in)
		b.instruction(r, counted)
	}
	b.upTo(b.body.to)
	if counted {
		b.global(opGlobalGet, b.w.depth)
		b.constant(int32(b.plan.stack))
		b.op(opI32Add)
		b.global(opGlobalSet, b.w.depth)
		b.op(opEnd)
	}
}

// locals adds those that the metering needs.
func (b *bodyWriter) locals(metered, counted bool) {
	l := b.body.locals
	own := 0
	if metered || counted || b.body.bulk {
		own = 1
		b.scratch = b.body.numbered
	}
	if counted || b.body.bulk {
		own = 2
		b.beneath = b.body.numbered + 1
	}
	n := l.count
	if own > 0 {
		n++
	}
	b.out = appendU32(b.out, uint32(n))
	b.out = append(b.out, b.m.code[l.from:l.to]...)
	if own > 0 {
		b.out = append(b.out, byte(own), byte(I32))
	}
}

func (b *bodyWriter) blockType(results []ValueType) {
	switch len(results) {
	case 0:
		b.out = append(b.out, 0x40)
	case 1:
		b.out = append(b.out, byte(results[0]))
	default:
		b.out = appendI33(b.out, int64(b.w.blockResult(results)))
	}
}

func (b *bodyWriter) upTo(at int) {
	b.out = append(b.out, b.m.code[b.copied:at]...)
	b.copied = at
}

// instruction writes what has to change. The rest is copied between.
func (b *bodyWriter) instruction(r *reader, counted bool) {
	in := &b.in
	switch in.op {
	case opBlock, opIf:
		b.nesting++
	case opLoop:
		b.nesting++
		if cost := b.plan.loops[b.loop]; cost > 0 {
			b.upTo(r.at)
			b.pay(cost)
		}
		b.loop++
	case opEnd:
		b.nesting--
	case opReturn:
		if counted { // the stack is given back behind the block that is the body
			b.upTo(in.at)
			b.op(opBr)
			b.out = appendU32(b.out, b.nesting)
			b.copied = r.at
		}
	case opCall, opRefFunc:
		b.upTo(in.at)
		b.op(in.op)
		b.out = appendU32(b.out, b.m.shifted(in.first))
		b.copied = r.at
	case opMemoryInit, opMemoryCopy, opMemoryFill:
		b.upTo(in.at)
		b.payFor(bytesAUnit)
	case opTableInit, opTableCopy, opTableFill, opTableGrow:
		b.upTo(in.at)
		b.payFor(itemsAUnit)
	}
}

// What one unit of fuel moves, as powers of two: bytes, and items of a table.
const (
	bytesAUnit = 5
	itemsAUnit = 2
)

func (b *bodyWriter) op(op opcode) { b.out = append(b.out, byte(op)) }

func (b *bodyWriter) global(op opcode, i uint32) {
	b.op(op)
	b.out = appendU32(b.out, i)
}

func (b *bodyWriter) local(op opcode, i uint32) { b.global(op, i) }

func (b *bodyWriter) constant(v int32) {
	b.op(opI32Const)
	b.out = appendI32(b.out, v)
}

// enter pays for a call, with fuel and with stack.
func (b *bodyWriter) enter() {
	cost, stack := b.plan.entry, b.plan.stack
	if stack == 0 {
		if cost > 0 {
			b.pay(cost)
		}
		return
	}
	b.global(opGlobalGet, b.w.depth)
	b.constant(int32(stack))
	b.op(opI32Sub)
	b.local(opLocalTee, b.beneath)
	b.global(opGlobalSet, b.w.depth)
	if cost == 0 {
		b.tickBelowZero(b.beneath)
		return
	}
	b.spend(func() { b.constant(int32(cost)) })
	b.local(opLocalGet, b.scratch)
	b.local(opLocalGet, b.beneath)
	b.op(opI32Or)
	b.local(opLocalSet, b.scratch)
	b.tickBelowZero(b.scratch)
}

func (b *bodyWriter) pay(cost uint32) {
	b.spend(func() { b.constant(int32(cost)) })
	b.tickBelowZero(b.scratch)
}

// payFor pays for a size that lies on top of the operands, and stays there.
func (b *bodyWriter) payFor(shift int32) {
	b.local(opLocalTee, b.beneath)
	b.spend(func() {
		b.local(opLocalGet, b.beneath)
		b.constant(shift)
		b.op(opI32ShrU)
	})
	b.tickBelowZero(b.scratch)
}

func (b *bodyWriter) spend(amount func()) {
	b.global(opGlobalGet, b.w.fuel)
	amount()
	b.op(opI32Sub)
	b.local(opLocalTee, b.scratch)
	b.global(opGlobalSet, b.w.fuel)
}

// tickBelowZero asks the host where nothing is left. The call stands on the other
// side of an else: so wazero lets the way without it keep its registers, which is
// worth a third of a tight loop's time.
func (b *bodyWriter) tickBelowZero(local uint32) {
	b.local(opLocalGet, local)
	b.constant(0)
	b.op(opI32GeS)
	b.op(opIf)
	b.out = append(b.out, 0x40)
	b.op(opElse)
	b.op(opCall)
	b.out = appendU32(b.out, b.w.tick)
	b.op(opEnd)
}

// appendI33 writes the index of a type as blocks have it.
func appendI33(b []byte, v int64) []byte {
	for v >= 0x40 {
		b = append(b, byte(v&0x7f)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}
