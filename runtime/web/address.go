package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// clientAddr is who the request comes from: the peer, unless the peer is a
// trusted proxy; then the right-most address in X-Forwarded-For that is not
// one. What is not an address ends the search at the last proxy that was.
func (h *Handler) clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap().WithZone("")
	if len(h.proxies) == 0 || !h.trusts(client) {
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
			addr, err := netip.ParseAddr(strings.TrimSpace(last))
			if err != nil {
				return client
			}
			client = addr.Unmap().WithZone("")
			if !h.trusts(client) {
				return client
			}
		}
	}
	return client
}

func (h *Handler) trusts(addr netip.Addr) bool {
	for _, prefix := range h.proxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// network is the part of an address that one client holds: an IPv4 address, an
// IPv6 /64.
func network(addr netip.Addr) netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return addr.Unmap()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}

// remoteAddr is an address as http.Request.RemoteAddr has it.
func remoteAddr(addr netip.Addr) string { return net.JoinHostPort(addr.String(), "0") }
