package check

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// server checks what addresses mean together; that each of them is one is
// load's to say.
func (c *checker) server() {
	if metrics := port(c.m.Observe.MetricsListen); metrics != "" && metrics == port(c.m.Server.HTTP) {
		c.report("observe.metrics.listen", fault.Newf(codeAddress, "metrics listen on port %s, which is the server's own", metrics).
			WithHint("take another port: 127.0.0.1:9090"))
	}
	for i, host := range c.m.Server.Hosts {
		at := item("server.hosts", i)
		if !isHost(strings.TrimPrefix(host, "*.")) {
			c.report(at, fault.Newf(codeAddress, "%q is no host", host).WithHint("write it as api.example.com"))
		}
		if first := slices.Index(c.m.Server.Hosts, host); first < i {
			c.report(at, c.also(fault.Newf(codeAddress, "%s stands in hosts twice", host), item("server.hosts", first)).WithHint("remove one of them"))
		}
	}
	for i, proxy := range c.m.TrustedProxies {
		if prefix, err := netip.ParsePrefix(proxy); err == nil && prefix.Bits() == 0 {
			c.report("trustedProxies["+strconv.Itoa(i)+"]",
				fault.Newf(codeProxy, "%s trusts everybody: any caller could then claim any address", proxy).
					WithHint("name the proxies in front of this server"))
		}
	}
}

// port is an address' port; "" for none, and for one that the system chooses.
func port(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return ""
	}
	return port
}

// isHost tells whether a host is an address or a host name.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if len(host) > 253 {
		return false
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, b := range []byte(label) {
			if b != '-' && b != '_' && (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') {
				return false
			}
		}
	}
	return true
}

// isAddress tells whether a host is an address.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isLoopback tells whether only this machine reaches an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
