package surrealtest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// Worked is how long the server has had a processor, in hundredths of a second;
// false where that cannot be told.
func (s *Server) Worked() (int, bool) {
	if s.process == nil {
		return 0, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		return 0, false
	}
	// Behind the name of the process: its state and ten fields, then both times.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, false
	}
	user, err := strconv.Atoi(string(fields[11]))
	if err != nil {
		return 0, false
	}
	kernel, err := strconv.Atoi(string(fields[12]))
	return user + kernel, err == nil
}
