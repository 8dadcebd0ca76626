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

// Aim gives the URL that a request would be sent to.
func Aim(r *Request) (string, error) {
	h, f := first(r)
	if f != nil {
		return "", f
	}
	return h.url.String(), nil
}

// Follow gives where a redirect would lead.
func Follow(r *Request, status int, location string) (string, error) {
	h, f := first(r)
	if f != nil {
		return "", f
	}
	if f := h.follow(status, location, r.Targets); f != nil {
		return "", f
	}
	return h.url.String(), nil
}
