package main

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// adoptOrphans takes the ends of processes that were left to this one, where it is
// process 1 of a container: nobody else does, and they would stay in the table of
// processes for ever. Such a server starts none itself. What it gives ends it.
func adoptOrphans() (stop func()) {
	if os.Getpid() != 1 {
		return func() {}
	}
	ends, over, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(ends, unix.SIGCHLD)
	go func() {
		defer close(done)
		for {
			for {
				pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
				if pid <= 0 && !errors.Is(err, unix.EINTR) {
					break
				}
			}
			select {
			case <-over:
				return
			case <-ends:
			}
		}
	}()
	return func() {
		signal.Stop(ends)
		close(over)
		<-done
	}
}
