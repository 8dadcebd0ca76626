package redis

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// address is what a URL says.
type address struct {
	host           string // with its port
	user, password string
	number         int
	tls            bool
}

const likeThis = "write redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// with TLS"

// errAddress says what is wrong with a URL without repeating it: there is a
// password in it.
func errAddress(what string) error { return errors.New("the url " + what + "; " + likeThis) }

// parseURL reads a URL strictly: what it does not know is an error, for an option
// that is not heeded would be thought to be.
func parseURL(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, errAddress("cannot be read")
	}
	var a address
	switch u.Scheme {
	case "redis":
	case "rediss":
		a.tls = true
	default:
		return address{}, errAddress("begins with neither redis:// nor rediss://")
	}
	switch {
	case u.Opaque != "" || u.Hostname() == "":
		return address{}, errAddress("names no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return address{}, errAddress("has something after its path")
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strings.HasSuffix(u.Host, ":") {
		return address{}, errAddress("has a port that is none")
	}
	if !isHost(u.Hostname()) {
		return address{}, errAddress("has a host that is none")
	}
	a.host = net.JoinHostPort(u.Hostname(), port)
	a.user = u.User.Username()
	a.password, _ = u.User.Password()
	if a.user != "" && a.password == "" {
		return address{}, errAddress("has a user without a password")
	}
	if path := strings.TrimPrefix(u.Path, "/"); path != "" {
		n, err := strconv.ParseUint(path, 10, 16)
		if err != nil || len(path) > 1 && path[0] == '0' {
			return address{}, errAddress("has a path that is no database's number")
		}
		a.number = int(n)
	}
	return a, nil
}

// isHost tells whether a host is an address or a host name.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 {
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
