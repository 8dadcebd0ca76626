package outbound_test

import (
	"net/netip"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/outbound"
)

func TestSpecialAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0.0.0.0": "this network", "0.1.2.3": "this network", "10.0.0.1": "private", "10.255.255.255": "private",
		"100.64.0.1": "shared by a carrier's customers", "100.127.255.255": "shared by a carrier's customers", "100.100.100.200": "shared by a carrier's customers",
		"127.0.0.1": "loopback", "127.255.255.254": "loopback", "168.63.129.16": "a cloud's own",
		"169.254.169.254": "link-local", "169.254.0.1": "link-local", "172.16.0.1": "private", "172.31.255.255": "private",
		"192.0.0.1": "for protocols", "192.0.0.192": "for protocols", "192.0.2.1": "for documentation", "192.31.196.1": "for AS112",
		"192.52.193.1": "for AMT", "192.88.99.1": "for 6to4 relays", "192.168.0.1": "private", "192.175.48.1": "for AS112",
		"198.18.0.1": "for benchmarks", "198.19.255.255": "for benchmarks", "198.51.100.1": "for documentation", "203.0.113.1": "for documentation",
		"224.0.0.1": "multicast", "239.255.255.255": "multicast", "240.0.0.1": "reserved", "255.255.255.255": "reserved",

		"::": "unspecified", "::1": "loopback", "::2": "an IPv4 address within IPv6", "::127.0.0.1": "an IPv4 address within IPv6", "::8.8.8.8": "an IPv4 address within IPv6",
		"::ffff:127.0.0.1": "an IPv4 address within IPv6", "::ffff:8.8.8.8": "an IPv4 address within IPv6", "::ffff:0:127.0.0.1": "an IPv4 address within IPv6",
		"64:ff9b::10.0.0.1": "a NAT64 translation", "64:ff9b::8.8.8.8": "a NAT64 translation", "64:ff9b:1::a00:1": "a NAT64 translation", "64:ff9b:2::1": "reserved",
		"100::1": "discarded", "100:0:0:1::1": "a dummy", "2001::1": "a Teredo tunnel", "2001:0:7f00:1::": "a Teredo tunnel",
		"2001:1::1": "for protocols", "2001:20::1": "for protocols", "2001:1ff:ffff::": "for protocols", "2001:db8::1": "for documentation",
		"2002:7f00:1::": "a 6to4 tunnel", "2002:a00:1::1": "a 6to4 tunnel", "2620:4f:8000::1": "for AS112", "3fff::1": "for documentation", "3fff:fff:ffff::": "for documentation",
		"5f00::1": "a segment of a route", "fc00::1": "unique local", "fd00:ec2::254": "unique local", "fdff::": "unique local",
		"fe80::1": "link-local", "fe80::1%eth0": "link-local", "2606:4700::1%eth0": "link-local", "febf::1": "link-local", "fec0::1": "site-local", "ff02::1": "multicast",
		"200::1": "reserved", "1fff:ffff::": "reserved", "4000::1": "reserved", "fe00::1": "reserved",

		"1.1.1.1": "", "8.8.8.8": "", "9.255.255.255": "", "11.0.0.0": "", "100.63.255.255": "", "100.128.0.0": "", "126.255.255.255": "", "128.0.0.0": "",
		"168.63.129.15": "", "169.253.255.255": "", "169.255.0.0": "", "172.15.255.255": "", "172.32.0.0": "", "192.0.1.0": "", "192.0.3.0": "", "192.167.255.255": "", "192.169.0.0": "",
		"198.17.255.255": "", "198.20.0.0": "", "223.255.255.255": "",
		"2606:4700:4700::1111": "", "2a00:1450:4001::1": "", "2001:200::1": "", "2001:4860:4860::8888": "", "2003::1": "", "2620:4f:8001::1": "", "3fff:1000::1": "", "2000::1": "",
	} {
		if got := outbound.Special(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if outbound.Special(netip.Addr{}) == "" {
		t.Error("no address is public")
	}
}

// TestSpecialPrefixesToTheirEnds looks at the first and the last address of every
// prefix.
func TestSpecialPrefixesToTheirEnds(t *testing.T) {
	for _, p := range outbound.SpecialPrefixes() {
		if p != p.Masked() {
			t.Errorf("%s has bits behind its mask", p)
		}
		last := p.Addr().AsSlice()
		for bit := p.Bits(); bit < len(last)*8; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		end, _ := netip.AddrFromSlice(last)
		if !p.Contains(end) || outbound.Special(p.Addr()) == "" || outbound.Special(end) == "" {
			t.Errorf("%s does not reach from %s to %s", p, p.Addr(), end)
		}
	}
}

func FuzzSpecial(f *testing.F) {
	for _, seed := range []string{"\x7f\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x7f\x00\x00\x01", "\x08\x08\x08\x08"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, ok := netip.AddrFromSlice(raw)
		if !ok || outbound.Special(a) != "" {
			return
		}
		// What the standard library knows to be special must be so here.
		if a.IsPrivate() || a.IsLoopback() || !a.IsGlobalUnicast() || a.Is4In6() {
			t.Errorf("%s is said to be public", a)
		}
	})
}
