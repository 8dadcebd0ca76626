//go:build unix

package main

import (
	"os"
	"syscall"
)

func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func reloadSignals() []os.Signal { return []os.Signal{syscall.SIGHUP} }

func upgradeSignals() []os.Signal { return []os.Signal{syscall.SIGUSR2} }

// restrictFiles keeps what this process makes from others.
func restrictFiles() { syscall.Umask(0o077) }
