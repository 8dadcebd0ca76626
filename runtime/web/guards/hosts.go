package guards

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/web/address"
)

// Hosts are the hosts on which callers are asked for a certificate.
type Hosts struct {
	every    bool
	hosts    map[string]bool
	anyLabel map[string]bool // of *.example.com, by what follows the first label
}

// Wants reports whether a route of the host that a client names at the beginning of
// TLS looks at its certificate: then it is asked for one. Who names none is asked
// where any route wants one.
func (wanted *Hosts) Wants(serverName string) bool {
	if wanted.every {
		return true
	}
	if serverName == "" {
		return len(wanted.hosts)+len(wanted.anyLabel) > 0
	}
	name := address.Host(serverName)
	if wanted.hosts[name] {
		return true
	}
	_, parent, ok := strings.Cut(name, ".")
	return ok && wanted.anyLabel[parent]
}

// Want notes that the routes of a host look at certificates; "" is every host.
func (wanted *Hosts) Want(host string) {
	if wanted.hosts == nil {
		wanted.hosts, wanted.anyLabel = map[string]bool{}, map[string]bool{}
	}
	if host == "" {
		wanted.every = true
		return
	}
	if parent, ok := strings.CutPrefix(host, "*."); ok {
		wanted.anyLabel[parent] = true
		return
	}
	wanted.hosts[host] = true
}
