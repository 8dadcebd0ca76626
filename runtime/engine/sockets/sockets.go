// Package sockets holds a process' listening sockets by name. A socket is
// bound here, or was given: by the process before, which an upgrade replaces, or
// by systemd. Whoever listens does not see which; and a Set can be handed on
// whole to the next process, so that no connection is refused between the two.
package sockets

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// The names of the sockets that clients reach.
const (
	HTTP    = "http"
	HTTPS   = "https"
	HTTP3   = "http3"
	Metrics = "metrics"
)

// Set is the sockets of one process. It may be used concurrently; nil is a Set
// that was given nothing, and cannot be handed on.
type Set struct {
	mu    sync.Mutex
	given []socket // and not asked for yet
	taken []socket
}

// socket is one of them: a listener, or a packet connection.
type socket struct {
	Socket
	listener net.Listener
	packet   net.PacketConn
	// strict tells of one that systemd gave: where its name is asked for with
	// another address, that is a mistake.
	strict bool
}

// Socket says what a socket is.
type Socket struct {
	Name string `json:"name"`
	// Address is what was asked for, "" where nobody has yet; the port in use may
	// be another than it says (0).
	Address string `json:"address,omitempty"`
	Packet  bool   `json:"packet,omitempty"`
}

// New is a Set that was given nothing.
func New() *Set { return new(Set) }

// OtherAddressError is returned where systemd gives a socket by the name that is
// asked for, and it listens somewhere else.
type OtherAddressError struct {
	Name, Asked, Given string
}

func (e *OtherAddressError) Error() string {
	return fmt.Sprintf("the socket %q that systemd gives listens on %s", e.Name, e.Given)
}

// Listen gives the TCP socket of a name: the one that was given, where it
// listens on the address, else a new one.
func (s *Set) Listen(ctx context.Context, name, address string) (net.Listener, error) {
	return s.Through(name, address, func() (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", address)
	})
}

// Through is Listen for sockets that are bound in a way of their own, as those in
// a file are.
func (s *Set) Through(name, address string, bind func() (net.Listener, error)) (net.Listener, error) {
	asked := Socket{Name: name, Address: address}
	if given, err := s.take(asked); err != nil || given != nil {
		if err != nil {
			return nil, err
		}
		return given.listener, nil
	}
	l, err := bind()
	if err != nil {
		return nil, err
	}
	s.keep(socket{Socket: asked, listener: l})
	return l, nil
}

// ListenPacket is Listen for UDP.
func (s *Set) ListenPacket(ctx context.Context, name, address string) (net.PacketConn, error) {
	asked := Socket{Name: name, Address: address, Packet: true}
	if given, err := s.take(asked); err != nil || given != nil {
		if err != nil {
			return nil, err
		}
		return given.packet, nil
	}
	c, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	s.keep(socket{Socket: asked, packet: c})
	return c, nil
}

// Drop closes the sockets that were given and that nobody has asked for: what
// arrives there would wait for ever. It says which they were.
func (s *Set) Drop() ([]string, error) {
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var dropped []string
	var failed error
	for _, g := range s.given {
		dropped = append(dropped, g.Name+" on "+g.addr().String())
		if err := g.close(); err != nil && failed == nil {
			failed = fmt.Errorf("close the socket %q: %w", g.Name, err)
		}
	}
	s.given = nil
	return dropped, failed
}

func (s *Set) keep(k socket) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, k)
}

// take finds what is asked for among what was given; nil is nothing.
func (s *Set) take(asked Socket) (*socket, error) {
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, other := -1, ""
	for i := range s.given {
		g := &s.given[i]
		if g.Packet != asked.Packet {
			continue
		}
		same := g.Address == asked.Address || reaches(g.addr(), asked.Address)
		switch {
		case g.Name == asked.Name && same:
			at = i
		case g.Name == asked.Name && g.strict:
			other = g.addr().String()
		case g.strict && same && !ours(g.Name) && at < 0: // systemd names it after its unit
			at = i
		}
	}
	if other != "" {
		return nil, &OtherAddressError{asked.Name, asked.Address, other}
	}
	if at < 0 {
		return nil, nil
	}
	found := s.given[at]
	found.Socket = asked
	s.given = append(s.given[:at:at], s.given[at+1:]...)
	s.taken = append(s.taken, found)
	return &found, nil
}

func ours(name string) bool {
	return name == HTTP || name == HTTPS || name == HTTP3 || name == Metrics
}

// reaches reports whether a socket that listens on have is what listening on an
// address would give.
func reaches(have net.Addr, address string) bool {
	ip, port, ok := place(have)
	if !ok {
		return have.String() == address // in a file
	}
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return false
	}
	samePort := want.Port == port || want.Port == 0
	// Of no host, and of 0.0.0.0, every interface is meant.
	everywhere := (len(want.IP) == 0 || want.IP.IsUnspecified()) && ip.IsUnspecified()
	return samePort && (everywhere || want.IP.Equal(ip))
}

// place is where an address is, false where it has no port.
func place(a net.Addr) (net.IP, int, bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP, a.Port, true
	case *net.UDPAddr:
		return a.IP, a.Port, true
	}
	return nil, 0, false
}

func (s *socket) addr() net.Addr {
	if s.Packet {
		return s.packet.LocalAddr()
	}
	return s.listener.Addr()
}

func (s *socket) close() error {
	if s.Packet {
		return s.packet.Close()
	}
	return s.listener.Close()
}

// raw gives access to the descriptor.
func (s *socket) raw() (syscall.RawConn, error) {
	var of any = s.listener
	if s.Packet {
		of = s.packet
	}
	c, ok := of.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("the socket %q has no descriptor", s.Name)
	}
	return c.SyscallConn()
}

// firstSystemd is the first descriptor that systemd gives.
const firstSystemd = 3

// mostGiven bounds what is read of an environment.
const mostGiven = 64

// count reads the number of descriptors, as LISTEN_FDS says it.
func count(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > mostGiven {
		return 0, fmt.Errorf("LISTEN_FDS is %q: it is a number up to %d", text, mostGiven)
	}
	return n, nil
}
