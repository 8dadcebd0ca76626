package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	// maxAddresses is how many addresses of a host are tried.
	maxAddresses = 4
	// connectTime bounds one try, the handshake of TLS apart.
	connectTime = 3 * time.Second
)

// resolver finds the addresses of a name.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// guard dials only what it has looked at.
type guard struct {
	resolver resolver
	// special is Special, but for tests: their servers are on loopback.
	special func(netip.Addr) string
}

// specialError is a host all of whose addresses belong to no stranger.
type specialError struct {
	host string
	kind string
	at   netip.Addr
}

func (e *specialError) Error() string {
	return fmt.Sprintf("%s leads to %s, which is %s", e.host, e.at, e.kind)
}

// dial connects to a host and port. A name is resolved here, and what is dialled
// is the very address that was looked at: whatever the name leads to a moment
// later. An address in the place of a name is one that the targets list.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if listed, err := netip.ParseAddr(host); err == nil {
		return g.connect(ctx, network, listed, port, true)
	}
	found, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var public []netip.Addr
	var refused *specialError
	for _, a := range found {
		a = a.Unmap() // resolvers give IPv4 in either form
		if kind := g.special(a); kind != "" {
			refused = &specialError{host, kind, a}
			continue
		}
		if len(public) < maxAddresses {
			public = append(public, a)
		}
	}
	switch {
	case len(public) > 0:
	case refused != nil:
		return nil, refused
	default:
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	var errs []error
	for _, a := range public {
		c, err := g.connect(ctx, network, a, port, false)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (g *guard) connect(ctx context.Context, network string, to netip.Addr, port string, listed bool) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTime, KeepAlive: 15 * time.Second}
	// The last look, at what the system is really told to connect to.
	d.Control = func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if at.Addr() != to {
			return fmt.Errorf("%s was to be dialled, not %s", to, at.Addr())
		}
		if kind := g.special(to); kind != "" && !listed {
			return &specialError{to.String(), kind, to}
		}
		return nil
	}
	return d.DialContext(ctx, network, net.JoinHostPort(to.String(), port))
}
