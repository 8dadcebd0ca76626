package function_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function"
)

// one makes a function have one instance, so that each call gets the one that the
// call before has left.
func one(d *function.Definition) { d.Limits.Instances = 1 }

// TestEachCallBeginsAnew leaves a secret in all memory, in memory that was grown,
// and in globals of each type, a thousand times, and looks what the next call
// finds.
func TestEachCallBeginsAnew(t *testing.T) {
	h, _ := newHost(t)
	f := load(t, h, "state", "kit", "state", one)
	first := call(t, f, request(""))
	state := first.body.Bytes()
	if len(state) != 40 {
		t.Fatalf("got %d bytes", len(state))
	}
	size := binary.LittleEndian.Uint32(state[8:])
	counter := binary.LittleEndian.Uint32(state[12:])
	grown := binary.LittleEndian.Uint64(state[32:])
	if size != 2 || counter != 100 || grown != 0 {
		t.Fatalf("the first call finds %d pages, counter %d, and %x in what grew", size, counter, grown)
	}
	used := h.Usage().Memory
	for i := range 1000 {
		if next := call(t, f, request("")); !bytes.Equal(next.body.Bytes(), state) {
			t.Fatalf("call %d finds\n%x, the first\n%x", i+2, next.body.Bytes(), state)
		}
	}
	if now := h.Usage(); now.Memory != used || now.Idle != 1 {
		t.Errorf("%d bytes are used, of %d idle instances; %d after the first call", now.Memory, now.Idle, used)
	}
}
