package proxy_test

import (
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

// frame writes one as RFC 6455 has it.
func frame(length int, masked bool) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	var head []byte
	switch {
	case length < 126:
		head = []byte{0x82, mask | byte(length)}
	case length < 1<<16:
		head = []byte{0x82, mask | 126, byte(length >> 8), byte(length)}
	default:
		head = []byte{0x82, mask | 127, 0, 0, 0, 0, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}
	}
	if masked {
		head = append(head, 1, 2, 3, 4)
	}
	return append(head, make([]byte, length)...)
}

// TestFrameEnds finds the ends of frames, however they come in pieces.
func TestFrameEnds(t *testing.T) {
	for _, masked := range []bool{false, true} {
		var stream []byte
		ends := []int{0}
		for _, length := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000, 0, 3} {
			stream = append(stream, frame(length, masked)...)
			ends = append(ends, len(stream))
		}
		for _, pieces := range [][]int{nil, {0}, {1, 0, 7}, {4095}, {100_000}} {
			for _, stop := range []int{0, 1, 2, 5, 130, 300, 1000, 66_000, 200_000, len(stream) - 1} {
				next, _ := slices.BinarySearch(ends, stop)
				if got := proxy.Frames(stream, pieces, stop); got != ends[next] {
					t.Errorf("masked %v, in pieces %v, after %d bytes: the frame ends at %d, want %d", masked, pieces, stop, got, ends[next])
				}
			}
		}
	}
}

// FuzzFrames: in what pieces a stream comes makes no difference.
func FuzzFrames(f *testing.F) {
	f.Add(frame(300, true), 7, 3)
	f.Add(append(frame(0, false), frame(2, false)...), 1, 1)
	f.Add([]byte{0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0, 2)
	f.Fuzz(func(t *testing.T, stream []byte, piece, stop int) {
		if piece < 0 || piece > 1<<20 || stop < 0 || stop > len(stream) {
			return
		}
		whole, pieces := proxy.Frames(stream, nil, stop), proxy.Frames(stream, []int{piece, 0}, stop)
		if whole != pieces {
			t.Errorf("stopped at %d in one piece, at %d in several", whole, pieces)
		}
	})
}
