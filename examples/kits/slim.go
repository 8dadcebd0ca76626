package kits

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
)

// header is how a WebAssembly 1.0 module begins.
const header = "\x00asm\x01\x00\x00\x00"

var errModule = errors.New("what was built is no WebAssembly module")

// slim leaves out the sections of a module that only debuggers read: with those of a
// C library they are larger than all the rest. Names of functions stay, for stacks.
func slim(module []byte) ([]byte, error) {
	if !bytes.HasPrefix(module, []byte(header)) {
		return nil, errModule
	}
	out := append(make([]byte, 0, len(module)), header...)
	for at := len(header); at < len(module); {
		size, n := binary.Uvarint(module[at+1:])
		start := at + 1 + n
		if n <= 0 || size > uint64(len(module)-start) {
			return nil, errModule
		}
		end := start + int(size)
		if module[at] != 0 || !strings.HasPrefix(sectionName(module[start:end]), ".debug_") {
			out = append(out, module[at:end]...)
		}
		at = end
	}
	return out, nil
}

// sectionName is that of a custom section.
func sectionName(section []byte) string {
	size, n := binary.Uvarint(section)
	if n <= 0 || size > uint64(len(section)-n) {
		return ""
	}
	return string(section[n : n+int(size)])
}
