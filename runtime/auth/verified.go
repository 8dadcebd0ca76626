package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// slots is how many verified tokens are remembered, a power of two.
const slots = 4096

// verified remembers tokens that were verified, by their hash, so that a
// browser's hundredth request with a token costs a hash instead of a
// signature and a parse. It is bounded by having one slot for each hash prefix:
// a newcomer takes the place of what was there. It takes no lock. Expiry is
// judged by whoever asks.
type verified struct {
	slot [slots]atomic.Pointer[remembered]
}

// remembered is one verified token.
type remembered struct {
	sum    [sha256.Size]byte
	caller *Caller
}

func (v *verified) at(sum *[sha256.Size]byte) *atomic.Pointer[remembered] {
	return &v.slot[binary.LittleEndian.Uint64(sum[:])%slots]
}

func (v *verified) find(sum *[sha256.Size]byte) *Caller {
	if r := v.at(sum).Load(); r != nil && r.sum == *sum {
		return r.caller
	}
	return nil
}

func (v *verified) keep(sum *[sha256.Size]byte, caller *Caller) {
	v.at(sum).Store(&remembered{sum: *sum, caller: caller})
}
