package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// hideTyping keeps a console from showing what is typed, until show is called.
// False is for what is no console.
func hideTyping(f *os.File) (show func(), ok bool) {
	console := windows.Handle(f.Fd())
	var before uint32
	if windows.GetConsoleMode(console, &before) != nil {
		return nil, false
	}
	hidden := before&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	if windows.SetConsoleMode(console, hidden) != nil {
		return nil, false
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, true
}
