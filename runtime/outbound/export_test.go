package outbound

import (
	"context"
	"crypto/tls"
	"net/netip"
)

// Resolve finds the addresses of a name in tests.
type Resolve func(host string) ([]netip.Addr, error)

// LookupNetIP implements resolver.
func (r Resolve) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) { return r(host) }

// NewWith is New with names, addresses and certificates of a test.
func NewWith(r Resolve, special func(netip.Addr) string, trust *tls.Config) *Client {
	return newClient(&guard{resolver: r, special: special}, trust)
}

// SpecialPrefixes are all of them.
func SpecialPrefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range special {
		all = append(all, s.prefix)
	}
	return all
}
