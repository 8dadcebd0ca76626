package guards

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

var notHere = &Refusal{Fault: fault.New(CodeAddress, "this address may not come here").WithHint("come from a network that is allowed")}

// IP lets addresses pass: not those that are denied, and of the others only those that
// are allowed, where that is said.
type IP struct {
	allow *networks // nil: everybody
	deny  *networks // nil: nobody
}

// NewIP reads the networks.
func NewIP(declared *manifest.IPRule) (*IP, error) {
	g := &IP{}
	var err error
	if declared.Allow != nil {
		if g.allow, err = newNetworks(declared.Allow); err != nil {
			return nil, err
		}
	}
	if len(declared.Deny) > 0 {
		if g.deny, err = newNetworks(declared.Deny); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Judge judges the caller's address; one that is not known is refused.
func (g *IP) Judge(_ *http.Request, client netip.Addr, _ time.Time) *Refusal {
	if !client.IsValid() || g.deny.holds(client) || g.allow != nil && !g.allow.holds(client) {
		return notHere
	}
	return nil
}

// networks are many prefixes, found by one look for each length that there is.
type networks struct {
	lengths4, lengths6 []int
	prefixes           map[netip.Prefix]struct{}
}

func newNetworks(texts []string) (*networks, error) {
	n := &networks{prefixes: make(map[netip.Prefix]struct{}, len(texts))}
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("network %q: %w", text, err)
		}
		// Callers are known by their plain address, also where a socket gives it
		// as IPv6.
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
		}
		prefix = prefix.Masked()
		n.prefixes[prefix] = struct{}{}
		lengths := &n.lengths6
		if prefix.Addr().Is4() {
			lengths = &n.lengths4
		}
		if !slices.Contains(*lengths, prefix.Bits()) {
			*lengths = append(*lengths, prefix.Bits())
		}
	}
	return n, nil
}

// holds reports whether an address is in one of them; nil holds none.
func (n *networks) holds(addr netip.Addr) bool {
	if n == nil {
		return false
	}
	lengths := n.lengths6
	if addr.Is4() {
		lengths = n.lengths4
	}
	for _, bits := range lengths {
		if prefix, err := addr.Prefix(bits); err == nil {
			if _, ok := n.prefixes[prefix]; ok {
				return true
			}
		}
	}
	return false
}
