package outbound

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The codes of faults.
const (
	CodeTarget    = "bad-target"      // of a manifest: it names no host
	CodeDenied    = "42501"           // the host is not among the targets
	CodeRequest   = "fetch-request"   // it is not a request that can be sent
	CodeAddress   = "fetch-address"   // the host has no public address
	CodeFailed    = "fetch-failed"    // it could not be reached, or did not speak HTTP
	CodeTimeout   = "fetch-timeout"   // it did not answer in time
	CodeTooLarge  = "fetch-too-large" // it answered more than the bound
	CodeRedirects = "fetch-redirects" // it sent us from one place to another too often
)

// Target is where requests may go: one host at one port by one scheme.
type Target struct {
	scheme, host, port string
}

const targetForm = "write HOST, HOST:PORT, or http://HOST for plain HTTP"

// ParseTarget reads HOST or HOST:PORT, which mean https, or either behind
// http:// or https://. An IP address is a host too, IPv6 in brackets: whoever
// lists one means it, so it may be a private one. Names are those of DNS, exact;
// there are no wildcards.
func ParseTarget(text string) (Target, error) {
	t := Target{scheme: "https"}
	rest := text
	if scheme, after, found := strings.Cut(text, "://"); found {
		if scheme != "http" && scheme != "https" {
			return Target{}, badTarget(text, "begins with another scheme than http and https")
		}
		t.scheme, rest = scheme, after
	}
	if strings.ContainsAny(rest, "/?#@\\ ") {
		return Target{}, badTarget(text, "has more than a host and a port")
	}
	host, port, hasPort := rest, "", false
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && i > strings.LastIndexByte(rest, ']') {
		host, port, hasPort = rest[:i], rest[i+1:], true
	}
	t.port = portOf(t.scheme)
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' {
			return Target{}, badTarget(text, "has no port from 1 to 65535 behind its colon")
		}
		t.port = port
	}
	var why string
	if t.host, why = hostOf(host); why != "" {
		return Target{}, badTarget(text, why)
	}
	return t, nil
}

func badTarget(text, why string) *fault.Fault {
	return fault.Newf(CodeTarget, "%q %s", fault.Clip(text, shown), why).WithHint(targetForm)
}

// hostOf is a target's host as a URL's is compared with it, or why it is none.
func hostOf(host string) (canonical, why string) {
	inner, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		inner = strings.TrimSuffix(inner, "]")
	}
	if a, err := netip.ParseAddr(inner); err == nil {
		switch {
		case a.Is6() != bracketed || bracketed && !strings.HasSuffix(host, "]"):
			return "", "has an IPv6 address without brackets, or another in them"
		case a.Is4In6() || a.Zone() != "":
			return "", "has an address with a zone, or with an IPv4 address within"
		case a.IsMulticast() || a.IsUnspecified() || a == broadcast:
			return "", "has an address that is no single host's"
		}
		return a.String(), ""
	}
	host = strings.ToLower(host)
	if !isName(host) {
		return "", "has no host that DNS could know"
	}
	return host, ""
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isName reports a name of DNS in lower case. One whose last label is a number
// is none: there are resolvers that take it for an address.
func isName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	var last string
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
		last = label
	}
	return last[0] < '0' || last[0] > '9'
}

// String is the target as a manifest says it.
func (t Target) String() string {
	text := t.host
	if strings.IndexByte(t.host, ':') >= 0 {
		text = "[" + t.host + "]"
	}
	if t.port != portOf(t.scheme) {
		text = net.JoinHostPort(t.host, t.port)
	}
	if t.scheme == "http" {
		text = "http://" + text
	}
	return text
}

// targetOf is where a URL leads.
func targetOf(u *url.URL) Target {
	t := Target{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port()}
	if t.port == "" {
		t.port = portOf(t.scheme)
	}
	if a, err := netip.ParseAddr(t.host); err == nil && !a.Is4In6() {
		t.host = a.String()
	}
	return t
}

func portOf(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}
