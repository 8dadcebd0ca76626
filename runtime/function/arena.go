package function

import (
	"slices"
)

// arena is the memory that Extism's guests share with their host, of one call. It
// is a heap of blocks, bounded as the guest's own memory is.
type arena struct {
	bytes  []byte
	blocks []block // by offset
	// freed counts blocks that could be used again.
	freed         int
	input, output span
	failure       uint64 // the block of a message, 0 for none
	status        int    // of the last fetch
	headers       []byte // of it, JSON
	variables     map[string][]byte
	kept          int // bytes of variables
	charged       int64
}

type block struct {
	from, length, room uint64
	free               bool
}

type span struct{ from, length uint64 }

const (
	// arenaBase keeps offset 0 from being a block.
	arenaBase  = 16
	arenaAlign = 8
	// blockCost is what a block takes beside its bytes.
	blockCost = 32
	// looked bounds the search for a freed block.
	looked = 64
)

// alloc makes a block, and gives its offset. A guest that wants more than its
// limit ends.
func (a *arena) alloc(r *running, n uint64) uint64 {
	if n == 0 {
		return 0
	}
	r.moved(0)
	limit := uint64(r.function.definition.Limits.Memory)
	room := (n + arenaAlign - 1) &^ (arenaAlign - 1)
	if n > limit {
		r.end(errMemory)
	}
	if i := a.fitting(room); i >= 0 {
		b := &a.blocks[i]
		b.free, b.length = false, n
		a.freed--
		clear(a.bytes[b.from : b.from+b.room])
		return b.from
	}
	from := uint64(max(len(a.bytes), arenaBase))
	need := from + room
	if need+uint64(len(a.blocks)+1)*blockCost > limit {
		r.end(errMemory)
	}
	a.grow(r, need)
	a.blocks = append(a.blocks, block{from: from, length: n, room: room})
	return from
}

// fitting finds a freed block with enough room, and not far too much.
func (a *arena) fitting(room uint64) int {
	if a.freed == 0 {
		return -1
	}
	for i := len(a.blocks) - 1; i >= 0 && i >= len(a.blocks)-looked; i-- {
		if b := a.blocks[i]; b.free && b.room >= room && b.room <= 2*room+64 {
			return i
		}
	}
	return -1
}

// grow makes the arena longer. What it takes is charged.
func (a *arena) grow(r *running, need uint64) {
	if need <= uint64(cap(a.bytes)) {
		a.bytes = a.bytes[:need]
		return
	}
	size := max(need, min(2*uint64(cap(a.bytes)), uint64(r.function.definition.Limits.Memory)), 4096)
	if more := int64(size) - a.charged; more > 0 {
		r.instance.chargeMemory(more)
		a.charged += more
	}
	bytes := make([]byte, need, size)
	copy(bytes, a.bytes)
	a.bytes = bytes
}

// put makes a block that holds some bytes; none has offset 0.
func (a *arena) put(r *running, p []byte) uint64 {
	if len(p) == 0 {
		return 0
	}
	from := a.alloc(r, uint64(len(p)))
	copy(a.bytes[from:], p)
	r.moved(len(p))
	return from
}

func (a *arena) find(offset uint64) (int, bool) {
	i, ok := slices.BinarySearchFunc(a.blocks, offset, func(b block, offset uint64) int {
		switch {
		case b.from < offset:
			return -1
		case b.from > offset:
			return 1
		}
		return 0
	})
	return i, ok && !a.blocks[i].free
}

// block is what begins at an offset. ok is false where none does.
func (a *arena) block(offset uint64) ([]byte, bool) {
	i, ok := a.find(offset)
	if !ok {
		return nil, false
	}
	b := a.blocks[i]
	return a.bytes[b.from : b.from+b.length], true
}

func (a *arena) free(offset uint64) {
	i, ok := a.find(offset)
	if !ok {
		return
	}
	if i == len(a.blocks)-1 {
		a.blocks = a.blocks[:i]
		clear(a.bytes[offset:])
		a.bytes = a.bytes[:offset]
		return
	}
	a.blocks[i].free = true
	a.freed++
}

// keep sets a variable of the call; nil removes it.
func (a *arena) keep(r *running, name string, value []byte) {
	if old, ok := a.variables[name]; ok {
		a.kept -= len(name) + len(old)
	}
	if value == nil {
		delete(a.variables, name)
		return
	}
	a.kept += len(name) + len(value)
	if a.kept > maxVariables || len(a.variables) >= maxVariable {
		r.end(errMemory)
	}
	if a.variables == nil {
		a.variables = map[string][]byte{}
	}
	a.variables[name] = value
}

const (
	maxVariables = 1 << 20
	maxVariable  = 1000
)

// release forgets the call. A small arena is used again.
func (a *arena) release(r *running) {
	if a.charged > 0 {
		r.function.host.budget.release(a.charged)
	}
	bytes, blocks := a.bytes, a.blocks
	if cap(bytes) > 64<<10 || cap(blocks) > 1024 {
		bytes, blocks = nil, nil
	}
	clear(bytes)
	*a = arena{bytes: bytes[:0], blocks: blocks[:0]}
}
