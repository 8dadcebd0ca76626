package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// monotonic is the time since the machine started, in microseconds.
func monotonic() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return now.Nano() / 1000, nil
}
