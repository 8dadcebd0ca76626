package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// FromSystemd is the Set of what systemd gives a process (LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES). The variables are removed, so that no child takes the sockets
// for its own.
func FromSystemd() (*Set, error) {
	pid, number, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	s := New()
	if number == "" || pid != strconv.Itoa(os.Getpid()) {
		return s, nil // another's
	}
	n, err := count(number)
	if err != nil {
		return nil, err
	}
	named := strings.Split(names, ":")
	for i := range n {
		name := "unknown"
		if i < len(named) && named[i] != "" {
			name = named[i]
		}
		f := os.NewFile(uintptr(firstSystemd+i), name)
		if f == nil {
			return nil, errors.Join(fmt.Errorf("systemd's descriptor %d is not open", firstSystemd+i), s.abandon())
		}
		g, err := open(name, f)
		if err != nil {
			return nil, errors.Join(err, s.abandon())
		}
		g.strict = true
		s.given = append(s.given, g)
	}
	return s, nil
}

// FromFiles is the Set of what a process before has handed on, a file each. The
// files are closed.
func FromFiles(handed []Socket, files []*os.File) (*Set, error) {
	s := New()
	if len(handed) != len(files) {
		return nil, fmt.Errorf("%d sockets were handed on, and %d are named", len(files), len(handed))
	}
	for i, f := range files {
		g, err := open(handed[i].Name, f)
		if err == nil && g.Packet != handed[i].Packet {
			err = errors.Join(fmt.Errorf("the socket %q is not of the kind that was said", g.Name), g.close())
		}
		if err != nil {
			for _, rest := range files[i+1:] {
				err = errors.Join(err, rest.Close())
			}
			return nil, errors.Join(err, s.abandon())
		}
		g.Socket = handed[i]
		s.given = append(s.given, g)
	}
	return s, nil
}

// open makes a file the socket that it is, and closes the file.
func open(name string, f *os.File) (_ socket, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	l, err := net.FileListener(f)
	if err == nil {
		switch l := l.(type) {
		case *net.TCPListener:
			return socket{Socket: Socket{Name: name}, listener: l}, nil
		case *net.UnixListener:
			return socket{Socket: Socket{Name: name}, listener: l}, nil
		}
		return socket{}, errors.Join(fmt.Errorf("the socket %q is neither TCP nor UDP", name), l.Close())
	}
	c, packetErr := net.FilePacketConn(f)
	if packetErr != nil {
		return socket{}, fmt.Errorf("the descriptor that is given as %q is no socket to listen on: %w", name, errors.Join(err, packetErr))
	}
	if udp, ok := c.(*net.UDPConn); ok {
		return socket{Socket: Socket{Name: name, Packet: true}, packet: udp}, nil
	}
	return socket{}, errors.Join(fmt.Errorf("the socket %q is neither TCP nor UDP", name), c.Close())
}

// abandon closes what was given of a Set that did not come about.
func (s *Set) abandon() error {
	_, err := s.Drop()
	return err
}
