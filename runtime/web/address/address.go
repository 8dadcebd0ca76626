// Package address reads who a request comes from and which host it asks for: the
// client's address behind the proxies that the manifest trusts, the part of an
// address that one client holds, and the name in a Host header. The router, the
// rates and the connections' bounds call it, so that all of them mean one client
// by one client. It never believes what a header says unless the manifest names
// the machine that sent it, and it never asks the network.
package address

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Trusted are networks of proxies that are believed what they say of a request.
type Trusted []netip.Prefix

// ParseTrusted reads the networks that a manifest lists.
func ParseTrusted(texts []string) (Trusted, error) {
	trusted := make(Trusted, 0, len(texts))
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: %w", text, err)
		}
		trusted = append(trusted, prefix.Masked())
	}
	return trusted, nil
}

// Holds reports whether an address is that of a trusted proxy.
func (t Trusted) Holds(addr netip.Addr) bool {
	for _, prefix := range t {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Sent reports whether a trusted proxy sent the request.
func (t Trusted) Sent(r *http.Request) bool {
	if len(t) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && t.Holds(plain(peer.Addr()))
}

// Client is who the request comes from: the peer, unless the peer is a trusted
// proxy; then the right-most address in X-Forwarded-For that is not one. What is
// not an address ends the search at the last proxy that was.
func (t Trusted) Client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := plain(peer.Addr())
	if len(t) == 0 || !t.Holds(client) {
		return client
	}
	forwarded := r.Header["X-Forwarded-For"]
	for i := len(forwarded) - 1; i >= 0; i-- {
		rest := forwarded[i]
		for rest != "" {
			var last string
			if cut := strings.LastIndexByte(rest, ','); cut >= 0 {
				rest, last = rest[:cut], rest[cut+1:]
			} else {
				rest, last = "", rest
			}
			addr, err := parse(strings.TrimSpace(last))
			if err != nil {
				return client
			}
			client = plain(addr)
			if !t.Holds(client) {
				return client
			}
		}
	}
	return client
}

// parse reads an address as proxies write it: some with the port.
func parse(text string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr, nil
	}
	both, err := netip.ParseAddrPort(text)
	return both.Addr(), err
}

// plain is an address as clients are known by, however a socket gives it.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// Network is the part of an address that one client holds: an IPv4 address, an
// IPv6 /64.
func Network(addr netip.Addr) netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return addr.Unmap()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}

// Host is a Host header without port and final dot, lower case. What is no host is
// "", which no route has.
func Host(header string) string {
	host := header
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		for i := colon + 1; i < len(host); i++ {
			if host[i] < '0' || host[i] > '9' {
				return ""
			}
		}
		host = host[:colon]
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		inner, bracketed = strings.CutSuffix(inner, "]")
		if address, err := netip.ParseAddr(inner); err != nil || !bracketed || !address.Is6() {
			return ""
		}
		return strings.ToLower(inner)
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
