//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Hand gives a file of each socket that is listened on, for the next process:
// FromFiles takes them there. Nothing changes for the sockets here. The caller
// closes the files.
func (s *Set) Hand() ([]Socket, []*os.File, error) {
	if s == nil {
		return nil, nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var handed []Socket
	var files []*os.File
	for i := range s.taken {
		f, err := s.taken[i].file()
		if errors.Is(err, net.ErrClosed) {
			continue // nobody listens there any more
		}
		if err != nil {
			for _, f := range files {
				err = errors.Join(err, f.Close())
			}
			return nil, nil, fmt.Errorf("hand on the socket %q: %w", s.taken[i].Name, err)
		}
		handed, files = append(handed, s.taken[i].Socket), append(files, f)
	}
	return handed, files, nil
}

// Leave makes the files of sockets that have one stay when they are closed: the
// next process has them.
func (s *Set) Leave() { s.unlink(false) }

// Own takes the files of sockets that have one away when they are closed, as those
// of sockets that were bound here are. What was handed on is owned when the process
// before is not to go on with it.
func (s *Set) Own() { s.unlink(true) }

func (s *Set) unlink(onClose bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.taken {
		if l, ok := s.taken[i].listener.(*net.UnixListener); ok {
			l.SetUnlinkOnClose(onClose)
		}
	}
}

// file gives the socket's descriptor again. Not as (*net.TCPListener).File does:
// os.File.Fd would make what both share a blocking socket, and the accept that
// runs would never end.
func (s *socket) file() (*os.File, error) {
	raw, err := s.raw()
	if err != nil {
		return nil, err
	}
	var f *os.File
	var failed error
	err = raw.Control(func(fd uintptr) {
		again, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			failed = os.NewSyscallError("fcntl", err)
			return
		}
		f = os.NewFile(uintptr(again), s.Name)
	})
	return f, errors.Join(err, failed)
}
