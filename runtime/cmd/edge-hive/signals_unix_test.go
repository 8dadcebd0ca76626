//go:build unix

package main

import (
	"os"
	"syscall"
)

func signalNamed(name string) os.Signal {
	return map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "USR2": syscall.SIGUSR2}[name]
}
