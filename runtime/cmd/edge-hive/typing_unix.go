//go:build linux || darwin

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping keeps a terminal from showing what is typed, until show is called.
// False is for what is no terminal.
func hideTyping(f *os.File) (show func(), ok bool) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, readTerminal)
	if err != nil {
		return nil, false
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	if unix.IoctlSetTermios(fd, writeTerminal, &hidden) != nil {
		return nil, false
	}
	return func() { _ = unix.IoctlSetTermios(fd, writeTerminal, before) }, true
}
