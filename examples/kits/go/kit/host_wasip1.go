//go:build wasip1

package edgehive

import "unsafe"

//go:wasmimport edgehive:host input_size
func inputSize(part uint32) uint32

//go:wasmimport edgehive:host input_read
func inputRead(part, offset uint32, to unsafe.Pointer, size uint32) uint32

//go:wasmimport edgehive:host output_head
func outputHead(head unsafe.Pointer, size uint32) uint32

//go:wasmimport edgehive:host output_write
func outputWrite(data unsafe.Pointer, size uint32) uint32

//go:wasmimport edgehive:host output_flush
func outputFlush() uint32

//go:wasmimport edgehive:host call
func hostCall(op unsafe.Pointer, opSize uint32, head unsafe.Pointer, headSize uint32, body unsafe.Pointer, bodySize uint32) uint32

//go:wasmimport edgehive:host result_size
func resultSize(part uint32) uint32

//go:wasmimport edgehive:host result_read
func resultRead(part, offset uint32, to unsafe.Pointer, size uint32) uint32

//go:wasmimport edgehive:host log
func hostLog(level uint32, text unsafe.Pointer, size uint32)

//go:wasmimport edgehive:host fail
func hostFail(text unsafe.Pointer, size uint32)

//go:wasmimport edgehive:host time
func hostTime() int64

//go:wasmimport edgehive:host random
func hostRandom(to unsafe.Pointer, size uint32)

//go:wasmexport edgehive_handle
func handle() int32 { return run() }
