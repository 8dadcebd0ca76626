//go:build !wasip1

package edgehive

import (
	"time"
	"unsafe"
)

// Outside of WebAssembly there is no host: a function's own code can be compiled
// and tested, and what it asks of the host is refused.

const outside = `{"code":"function-operation","message":"there is no host: build for GOOS=wasip1 GOARCH=wasm"}`

func inputSize(uint32) uint32 { return 0 }

func inputRead(uint32, uint32, unsafe.Pointer, uint32) uint32 { return 0 }

func outputHead(unsafe.Pointer, uint32) uint32 { return 1 }

func outputWrite(unsafe.Pointer, uint32) uint32 { return 1 }

func outputFlush() uint32 { return 1 }

func hostCall(unsafe.Pointer, uint32, unsafe.Pointer, uint32, unsafe.Pointer, uint32) uint32 {
	return 1
}

func resultSize(part uint32) uint32 {
	if part == 0 {
		return uint32(len(outside))
	}
	return 0
}

func resultRead(_, offset uint32, to unsafe.Pointer, size uint32) uint32 {
	return uint32(copy(unsafe.Slice((*byte)(to), size), outside[offset:]))
}

func hostLog(uint32, unsafe.Pointer, uint32) {}

func hostFail(unsafe.Pointer, uint32) {}

func hostTime() int64 { return time.Now().UnixNano() }

func hostRandom(unsafe.Pointer, uint32) {}

var _ = run // what the host calls
