package main

import (
	"os"
	"syscall"
)

func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// reloadSignals are none: Windows has no SIGHUP; edge-hive reload does it.
func reloadSignals() []os.Signal { return []os.Signal{noSignal{}} }

// upgradeSignals are none: sockets cannot be handed on.
func upgradeSignals() []os.Signal { return nil }

// restrictFiles has nothing to do: files take the rights of their folder.
func restrictFiles() {}

// noSignal keeps signal.Notify from meaning every signal.
type noSignal struct{}

func (noSignal) String() string { return "none" }
func (noSignal) Signal()        {}
