package meter

// instruction is one that was read: where it stands, and what follows its opcode.
type instruction struct {
	op     opcode
	at     int    // of its first byte
	first  uint32 // index, label, function, type of a block
	second uint32 // the table of a call_indirect
	// block is the type of a block: below zero a value type or none, else the
	// index of a type.
	block   int64
	targets []uint32 // of a br_table, the default last; valid until the next is read
}

// noResult is the type of a block that gives nothing.
const noResult = -64

// next reads one instruction. An opcode that is not known is refused, and so is
// whatever a runtime could read in another way than this.
func (r *reader) next(in *instruction) {
	in.at = r.at
	in.op = opcode(r.byte("an instruction"))
	switch in.op {
	case 0xfc:
		r.prefixed(in, miscellaneous)
	case 0xfd:
		r.prefixed(in, vector)
	}
	if r.err != nil {
		return
	}
	switch s := kinds[in.op].shape; s {
	case plain:
	case index, functionRef:
		in.first = r.u32("an index")
	case memarg, memargLane:
		if align := r.u32("an alignment"); align >= 32 && r.err == nil {
			r.fail(unsupported(in.at, featureMultiMemory))
		}
		r.u32("an offset")
		if s == memargLane {
			r.byte("a lane")
		}
	case number32:
		r.skipNumber(5, "a constant")
	case number64:
		r.skipNumber(10, "a constant")
	case bytes4:
		r.bytes(4, "a constant")
	case bytes8:
		r.bytes(8, "a constant")
	case bytes16:
		r.bytes(16, "a constant")
	case blockType:
		r.blockType(in)
	case targets:
		r.targets(in)
	default:
		r.rare(in, s)
	}
}

// prefixed reads the second part of an opcode. Only its shortest form is taken:
// some runtimes read one byte and go on, and would see other instructions.
func (r *reader) prefixed(in *instruction, prefix opcode) {
	n := r.u32("an opcode")
	if r.err != nil {
		return
	}
	shortest := r.at-in.at == 2 || (n >= 0x80 && r.at-in.at == 3)
	switch {
	case prefix == vector && n >= 0x100 && n < 0x130:
		r.fail(unsupported(in.at, featureRelaxedSIMD))
	case !shortest || n > 0xff:
		r.fail(malformed(in.at, "opcode %#x %#x is not known", r.code[in.at], n))
	default:
		in.op = prefix + opcode(n)
	}
}

func (r *reader) rare(in *instruction, s shape) {
	switch s {
	case twoIndices:
		in.first = r.u32("an index")
		in.second = r.u32("an index")
	case zeroByte:
		r.memoryZero(in)
	case twoZeroBytes:
		r.memoryZero(in)
		r.memoryZero(in)
	case indexZeroByte:
		in.first = r.u32("an index")
		r.memoryZero(in)
	case oneType:
		if n := r.byte("types of a select"); n != 1 {
			r.fail(malformed(in.at, "a select has %d types", n))
		}
		r.valueType("a select")
	case heapType:
		r.referenceType("ref.null")
	case lane:
		r.byte("a lane")
	case refusedExceptions:
		r.fail(unsupported(in.at, featureExceptions))
	case refusedTailCalls:
		r.fail(unsupported(in.at, featureTailCalls))
	case refusedGC:
		r.fail(unsupported(in.at, featureGC))
	case refusedThreads:
		r.fail(unsupported(in.at, featureThreads))
	default:
		if in.op < miscellaneous {
			r.fail(malformed(in.at, "opcode %#x is not known", int(in.op)))
			return
		}
		r.fail(malformed(in.at, "opcode %#x %#x is not known", r.code[in.at], int(in.op&0xff)))
	}
}

// memoryZero reads which memory is meant: there is one.
func (r *reader) memoryZero(in *instruction) {
	if b := r.byte("a memory's index"); b != 0 {
		r.fail(unsupported(in.at, featureMultiMemory))
	}
}

func (r *reader) blockType(in *instruction) {
	v, n := signed33(r.code[r.at:r.end])
	if n == 0 {
		r.failf("the type of a block cannot be read")
		return
	}
	in.block = v
	if v < 0 && v != noResult {
		if n != 1 {
			r.failf("the type of a block is not written in its shortest form")
			return
		}
		r.valueType("a block")
		return
	}
	r.at += n
}

func (r *reader) targets(in *instruction) {
	n := r.count(1, maxTargets, "targets of a br_table")
	in.targets = in.targets[:0]
	for range n + 1 {
		in.targets = append(in.targets, r.u32("a target"))
		if r.err != nil {
			return
		}
	}
}

func (r *reader) valueType(what string) ValueType {
	at := r.at
	switch v := ValueType(r.byte("a type")); v {
	case I32, I64, F32, F64, V128, Funcref, Externref:
		return v
	case 0x69, 0x74:
		r.fail(unsupported(at, featureExceptions))
	case 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73:
		r.fail(unsupported(at, featureGC))
	default:
		r.fail(malformed(at, "%#x is no type for %s", byte(v), what))
	}
	return 0
}

func (r *reader) referenceType(what string) ValueType {
	at := r.at
	v := r.valueType(what)
	if v != Funcref && v != Externref && r.err == nil {
		r.fail(malformed(at, "%s has a type that is no reference", what))
	}
	return v
}
