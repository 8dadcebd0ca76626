package function

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserveMemory reserves addresses. The system gives memory for what is touched.
func reserveMemory(n uint64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of memory: %w", n, err)
	}
	return b, nil
}

func unreserve(b []byte) {
	_ = unix.Munmap(b) // of what Mmap gave: there is nothing that could be wrong with it
}

// discard gives memory back to the system: what is read there next is zero.
func discard(b []byte) bool {
	return unix.Madvise(b, unix.MADV_DONTNEED) == nil
}
