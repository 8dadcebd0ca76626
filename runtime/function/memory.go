package function

import (
	"github.com/tetratelabs/wazero/experimental"
)

const pageSize = 65536

// linear is the memory of one instance. Its limit is reserved as addresses at once,
// so that growing neither moves nor copies it; it is charged for what it is long.
type linear struct {
	budget   *budget
	limit    uint64 // bytes, what the function and the module allow
	reserved []byte
	size     uint64
	// charge takes bytes for growing, and ends the call where there are none.
	charge func(n int64)
	// shrinking makes the next Reallocate give back this length. wazero takes what
	// it is given as the memory's size, so this is how a memory gets smaller.
	shrinking bool
	shrunk    uint64
	refused   bool // growing beyond the limit was refused
}

var (
	_ experimental.MemoryAllocator = (*linear)(nil)
	_ experimental.LinearMemory    = (*linear)(nil)
)

// Allocate is called by wazero when the instance is made. What the module begins
// with was charged before.
func (l *linear) Allocate(_, _ uint64) experimental.LinearMemory { return l }

// Reallocate gives the memory a size, nil where it may not have that.
func (l *linear) Reallocate(size uint64) []byte {
	if l.shrinking {
		l.shrinking = false
		l.size = l.shrunk
		return l.reserved[:l.size:l.size]
	}
	if size > l.limit || size > uint64(len(l.reserved)) {
		l.refused = true
		return nil
	}
	if l.charge != nil && size > l.size {
		l.charge(int64(size - l.size))
	}
	l.size = size
	return l.reserved[:size:size]
}

// view is a range of the memory; ok is false where it is not within it.
func (l *linear) view(offset, length uint32) ([]byte, bool) {
	end := uint64(offset) + uint64(length)
	if end > l.size {
		return nil, false
	}
	return l.reserved[offset:end:end], true
}

// Free is called when the instance is closed, and where it could not be made.
func (l *linear) Free() {
	if l.reserved == nil {
		return
	}
	unreserve(l.reserved)
	l.budget.release(int64(l.size))
	l.reserved, l.size = nil, 0
}

// wipe makes what is between two sizes zero again, which it is to whoever grows
// into it. Much of it goes back to the system.
func (l *linear) wipe(from, to uint64) {
	const much = 1 << 20
	if to <= from {
		return
	}
	tail := l.reserved[from:to]
	if len(tail) < much || !discard(tail) {
		clear(tail)
	}
}

// snapshot is what a memory holds, without its zeros: stretches of it in order.
type snapshot struct {
	size      uint64
	stretches []stretch
	globals   []uint64
	bytes     int64 // that it takes
}

type stretch struct {
	from uint64
	data []byte
}

// grain is how long zeros must be to be left out.
const grain = 4096

// take copies what a memory holds.
func (s *snapshot) take(memory []byte) {
	s.size = uint64(len(memory))
	for from := 0; from < len(memory); {
		if zero(memory[from:min(from+grain, len(memory))]) {
			from += grain
			continue
		}
		to := from + grain
		for to < len(memory) && !zero(memory[to:min(to+grain, len(memory))]) {
			to += grain
		}
		to = min(to, len(memory))
		s.stretches = append(s.stretches, stretch{uint64(from), append([]byte(nil), memory[from:to]...)})
		s.bytes += int64(to - from)
		from = to
	}
}

// put makes a memory of the same size hold it again.
func (s *snapshot) put(memory []byte) {
	at := uint64(0)
	for _, x := range s.stretches {
		clear(memory[at:x.from])
		at = x.from + uint64(copy(memory[x.from:], x.data))
	}
	clear(memory[at:])
}

func zero(p []byte) bool {
	for len(p) >= 8 {
		if p[0]|p[1]|p[2]|p[3]|p[4]|p[5]|p[6]|p[7] != 0 {
			return false
		}
		p = p[8:]
	}
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
