//go:build !linux

package surrealtest

import "syscall"

func endsWithUs() *syscall.SysProcAttr { return nil }

// Worked is how long the server has had a processor; here that cannot be told.
func (*Server) Worked() (int, bool) { return 0, false }
