package proxy

import "encoding/binary"

// frames follows one direction of a WebSocket (RFC 6455, section 5.2), so that a
// word of ours can be said between two frames.
type frames struct {
	head   [14]byte
	have   int    // of head
	left   uint64 // of the payload
	closed bool   // a Close frame has passed
}

// between reports that a frame has ended and none has begun.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

// advance goes on over p: all of it, or with stop to the first end of a frame. It
// gives how far it went.
func (f *frames) advance(p []byte, stop bool) int {
	at := 0
	for at < len(p) && (!stop || !f.between()) {
		if f.left > 0 {
			n := min(f.left, uint64(len(p)-at))
			f.left -= n
			at += int(n)
			continue
		}
		f.head[f.have] = p[at]
		f.have++
		at++
		if f.have < f.need() {
			continue
		}
		f.begin()
	}
	return at
}

// need is how long the header is, as far as it is known.
func (f *frames) need() int {
	if f.have < 2 {
		return 2
	}
	need := 2
	switch f.head[1] & 0x7f {
	case 126:
		need += 2
	case 127:
		need += 8
	}
	if f.head[1]&0x80 != 0 {
		need += 4
	}
	return need
}

// begin begins the payload.
func (f *frames) begin() {
	switch length := f.head[1] & 0x7f; length {
	case 126:
		f.left = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		f.left = binary.BigEndian.Uint64(f.head[2:])
	default:
		f.left = uint64(length)
	}
	f.closed = f.closed || f.head[0]&0x0f == opClose
	f.have = 0
}

const (
	opClose = 0x8
	// goingAway is the status of a Close frame: the server goes down, come again.
	goingAway = 1001
)

// closeFrame says goingAway; what clients send is masked.
func closeFrame(masked bool, mask [4]byte) []byte {
	status := []byte{goingAway >> 8, goingAway & 0xff}
	if !masked {
		return append([]byte{0x80 | opClose, 2}, status...)
	}
	frame := append([]byte{0x80 | opClose, 0x80 | 2}, mask[:]...)
	return append(frame, status[0]^mask[0], status[1]^mask[1])
}
