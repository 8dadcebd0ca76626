//go:build !linux

package redistest

import "syscall"

func endsWithUs() *syscall.SysProcAttr { return nil }

// Freeze skips the test: here no process can be stopped where it is.
func (s *Server) Freeze() { s.t.Skip("no process can be stopped where it is on this system") }

// Thaw does nothing.
func (*Server) Thaw() {}
