// Package porttest gives tests ports of loopback that they may leave and come back
// to, as servers do that are stopped and started again: no other test takes one
// meanwhile, in whatever process it runs, and the system gives none away. It is
// what servers are tested with, and never shipped.
package porttest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Below what systems give to connections (from 32768 on Linux, from 49152
// elsewhere). A port is held by a listener that is count above it.
const (
	first = 15_000
	count = 8_000
	tries = 1_000
)

// Port is a port that is held until Close.
type Port struct {
	Number int
	holder net.Listener
}

// Take gives a port on which nobody listens, over TCP or UDP.
func Take() (*Port, error) {
	for range tries {
		number := first + rand.IntN(count) //nolint:gosec // G404: a port is no secret
		holder, err := new(net.ListenConfig).Listen(context.Background(), "tcp", loopback(number+count))
		if err != nil {
			continue
		}
		if free(number) {
			return &Port{number, holder}, nil
		}
		_ = holder.Close() // nobody was let in
	}
	return nil, errors.New("there is no port left for tests")
}

// Address is HOST:PORT.
func (p *Port) Address() string { return loopback(p.Number) }

// Close gives the port up.
func (p *Port) Close() error { return p.holder.Close() }

// Free gives a port for the time of a test.
func Free(t testing.TB) *Port {
	t.Helper()
	p, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func free(port int) bool {
	var config net.ListenConfig
	ctx := context.Background()
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = l.Close()
	packets, err := config.ListenPacket(ctx, "udp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = packets.Close()
	return true
}
