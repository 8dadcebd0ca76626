package meter

// opcode is an instruction. Those behind a prefix stand above the plain ones.
type opcode uint16

const (
	miscellaneous opcode = 0x100 // behind 0xfc
	vector        opcode = 0x200 // behind 0xfd
	opcodes              = 0x300
)

const (
	opUnreachable  opcode = 0x00
	opBlock        opcode = 0x02
	opLoop         opcode = 0x03
	opIf           opcode = 0x04
	opElse         opcode = 0x05
	opEnd          opcode = 0x0b
	opBr           opcode = 0x0c
	opBrIf         opcode = 0x0d
	opBrTable      opcode = 0x0e
	opReturn       opcode = 0x0f
	opCall         opcode = 0x10
	opCallIndirect opcode = 0x11
	opLocalGet     opcode = 0x20
	opLocalSet     opcode = 0x21
	opLocalTee     opcode = 0x22
	opGlobalGet    opcode = 0x23
	opGlobalSet    opcode = 0x24
	opTableSet     opcode = 0x26
	opMemoryGrow   opcode = 0x40
	opI32Const     opcode = 0x41
	opI64Const     opcode = 0x42
	opF32Const     opcode = 0x43
	opF64Const     opcode = 0x44
	opI32GeS       opcode = 0x4e
	opI32Sub       opcode = 0x6b
	opI32Add       opcode = 0x6a
	opI32Mul       opcode = 0x6c
	opI32Or        opcode = 0x72
	opI32ShrU      opcode = 0x76
	opI64Add       opcode = 0x7c
	opI64Sub       opcode = 0x7d
	opI64Mul       opcode = 0x7e
	opRefNull      opcode = 0xd0
	opRefFunc      opcode = 0xd2

	opMemoryInit = miscellaneous + 8
	opDataDrop   = miscellaneous + 9
	opMemoryCopy = miscellaneous + 10
	opMemoryFill = miscellaneous + 11
	opTableInit  = miscellaneous + 12
	opElemDrop   = miscellaneous + 13
	opTableCopy  = miscellaneous + 14
	opTableGrow  = miscellaneous + 15
	opTableFill  = miscellaneous + 17
	opV128Const  = vector + 12
)

// shape is what follows an opcode.
type shape uint8

const (
	unknown shape = iota
	plain
	blockType
	index       // of anything but a function, or a label
	twoIndices  // of a type and a table, of two tables
	functionRef // call, ref.func
	targets     // br_table
	memarg
	memargLane
	zeroByte      // the one memory
	twoZeroBytes  // memory.copy
	indexZeroByte // memory.init
	number32
	number64
	bytes4
	bytes8
	bytes16
	oneType  // select
	heapType // ref.null
	lane
	refusedExceptions
	refusedTailCalls
	refusedGC
	refusedThreads
)

// instructionKind is what is known of an opcode.
type instructionKind struct {
	shape  shape
	pops   uint8 // operands, where that does not hang on a type
	pushes uint8
	weight uint8 // what it costs, about
}

// kinds are all opcodes that are known.
var kinds = makeKinds()

func makeKinds() *[opcodes]instructionKind {
	var k [opcodes]instructionKind
	set := func(from, to opcode, s shape, pops, pushes, weight uint8) {
		for op := from; op <= to; op++ {
			k[op] = instructionKind{s, pops, pushes, weight}
		}
	}
	setPlain(set)
	setMiscellaneous(set)
	setVector(set)
	return &k
}

type setKind func(from, to opcode, s shape, pops, pushes, weight uint8)

func setPlain(set setKind) {
	set(0x00, 0x01, plain, 0, 0, 1) // unreachable, nop
	set(0x02, 0x03, blockType, 0, 0, 1)
	set(0x04, 0x04, blockType, 1, 0, 1)
	set(0x05, 0x05, plain, 0, 0, 1)
	set(0x06, 0x0a, refusedExceptions, 0, 0, 0)
	set(0x0b, 0x0b, plain, 0, 0, 0)
	set(0x0c, 0x0c, index, 0, 0, 1)
	set(0x0d, 0x0d, index, 1, 0, 1)
	set(0x0e, 0x0e, targets, 1, 0, 4)
	set(0x0f, 0x0f, plain, 0, 0, 1)
	set(0x10, 0x10, functionRef, 0, 0, 4)
	set(0x11, 0x11, twoIndices, 1, 0, 8)
	set(0x12, 0x13, refusedTailCalls, 0, 0, 0)
	set(0x14, 0x15, refusedGC, 0, 0, 0)
	set(0x18, 0x19, refusedExceptions, 0, 0, 0)
	set(0x1a, 0x1a, plain, 1, 0, 0) // drop
	set(0x1b, 0x1b, plain, 3, 1, 1)
	set(0x1c, 0x1c, oneType, 3, 1, 1)
	set(0x1f, 0x1f, refusedExceptions, 0, 0, 0)
	set(0x20, 0x20, index, 0, 1, 0) // local.get
	set(0x21, 0x21, index, 1, 0, 1)
	set(0x22, 0x22, index, 1, 1, 1)
	set(0x23, 0x23, index, 0, 1, 1) // global.get
	set(0x24, 0x24, index, 1, 0, 1)
	set(0x25, 0x25, index, 1, 1, 2) // table.get
	set(0x26, 0x26, index, 2, 0, 2)
	set(0x28, 0x35, memarg, 1, 1, 1) // loads
	set(0x36, 0x3e, memarg, 2, 0, 1) // stores
	set(0x3f, 0x3f, zeroByte, 0, 1, 1)
	set(0x40, 0x40, zeroByte, 1, 1, 200)
	set(0x41, 0x41, number32, 0, 1, 0)
	set(0x42, 0x42, number64, 0, 1, 0)
	set(0x43, 0x43, bytes4, 0, 1, 1)
	set(0x44, 0x44, bytes8, 0, 1, 1)
	set(0xd0, 0xd0, heapType, 0, 1, 1)
	set(0xd1, 0xd1, plain, 1, 1, 1)
	set(0xd2, 0xd2, functionRef, 0, 1, 20)
	set(0xd3, 0xd6, refusedGC, 0, 0, 0)
	set(0xfb, 0xfb, refusedGC, 0, 0, 0)
	set(0xfe, 0xfe, refusedThreads, 0, 0, 0)
	setNumeric(set)
}

func setNumeric(set setKind) {
	set(0x45, 0x45, plain, 1, 1, 1) // i32.eqz
	set(0x46, 0x4f, plain, 2, 1, 1)
	set(0x50, 0x50, plain, 1, 1, 1) // i64.eqz
	set(0x51, 0x66, plain, 2, 1, 1)
	set(0x67, 0x69, plain, 1, 1, 1) // i32.clz, ctz, popcnt
	set(0x6a, 0x78, plain, 2, 1, 1)
	set(0x6d, 0x70, plain, 2, 1, 8) // i32 division
	set(0x79, 0x7b, plain, 1, 1, 1)
	set(0x7c, 0x8a, plain, 2, 1, 1)
	set(0x7f, 0x82, plain, 2, 1, 10) // i64 division
	set(0x8b, 0x90, plain, 1, 1, 1)
	set(0x91, 0x91, plain, 1, 1, 5) // f32.sqrt
	set(0x92, 0x98, plain, 2, 1, 1)
	set(0x95, 0x95, plain, 2, 1, 4)
	set(0x99, 0x9e, plain, 1, 1, 1)
	set(0x9f, 0x9f, plain, 1, 1, 6) // f64.sqrt
	set(0xa0, 0xa6, plain, 2, 1, 1)
	set(0xa3, 0xa3, plain, 2, 1, 4)
	set(0xa7, 0xc4, plain, 1, 1, 1) // conversions
}

func setMiscellaneous(set setKind) {
	set(miscellaneous, miscellaneous+7, plain, 1, 1, 2)
	set(opMemoryInit, opMemoryInit, indexZeroByte, 3, 0, 10)
	set(opDataDrop, opDataDrop, index, 0, 0, 2)
	set(opMemoryCopy, opMemoryCopy, twoZeroBytes, 3, 0, 10)
	set(opMemoryFill, opMemoryFill, zeroByte, 3, 0, 10)
	set(opTableInit, opTableInit, twoIndices, 3, 0, 10)
	set(opElemDrop, opElemDrop, index, 0, 0, 2)
	set(opTableCopy, opTableCopy, twoIndices, 3, 0, 10)
	set(opTableGrow, opTableGrow, index, 2, 1, 200)
	set(miscellaneous+16, miscellaneous+16, index, 0, 1, 1) // table.size
	set(opTableFill, opTableFill, index, 3, 0, 10)
}

func setVector(set setKind) {
	set(vector+0x00, vector+0x0a, memarg, 1, 1, 1)
	set(vector+0x0b, vector+0x0b, memarg, 2, 0, 1)
	set(opV128Const, opV128Const, bytes16, 0, 1, 1)
	set(vector+0x0d, vector+0x0d, bytes16, 2, 1, 2) // i8x16.shuffle
	set(vector+0x0e, vector+0x0e, plain, 2, 1, 1)
	set(vector+0x0f, vector+0x14, plain, 1, 1, 1) // splats
	set(vector+0x15, vector+0x22, lane, 1, 1, 1)
	for _, op := range []opcode{0x17, 0x1a, 0x1c, 0x1e, 0x20, 0x22} {
		set(vector+op, vector+op, lane, 2, 1, 1) // replaced lanes
	}
	set(vector+0x23, vector+0x51, plain, 2, 1, 1)
	set(vector+0x52, vector+0x52, plain, 3, 1, 1) // v128.bitselect
	set(vector+0x54, vector+0x57, memargLane, 2, 1, 1)
	set(vector+0x58, vector+0x5b, memargLane, 2, 0, 1)
	set(vector+0x5c, vector+0x5d, memarg, 1, 1, 1)
	set(vector+0x5e, vector+0xff, plain, 2, 1, 2)
	for _, op := range []opcode{
		0x4d, 0x53, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x64, 0x67, 0x68, 0x69, 0x6a, 0x74, 0x75, 0x7a, 0x7c, 0x7d, 0x7e, 0x7f,
		0x80, 0x81, 0x83, 0x84, 0x87, 0x88, 0x89, 0x8a, 0x94, 0xa0, 0xa1, 0xa3, 0xa4, 0xa7, 0xa8, 0xa9, 0xaa,
		0xc0, 0xc1, 0xc3, 0xc4, 0xc7, 0xc8, 0xc9, 0xca, 0xe0, 0xe1, 0xe3, 0xec, 0xed, 0xef,
		0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff,
	} {
		set(vector+op, vector+op, plain, 1, 1, 2)
	}
	for _, op := range []opcode{
		0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee,
	} {
		set(vector+op, vector+op, unknown, 0, 0, 0)
	}
}
