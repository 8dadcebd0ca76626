package autotls

import (
	"bytes"
	"crypto/tls"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// table is what handshakes are answered from; it is never changed, only replaced.
type table struct {
	// wanted are the keepers that there are, kept what they have.
	wanted []string
	kept   map[string]*tls.Certificate
	// byName are the certificates by what they are shown for: a name, an address, or
	// *. and the rest. A name that is ours and has none yet is there with nil.
	byName map[string]*tls.Certificate
	// address is shown to who asks for an address that is not this machine's own.
	address *tls.Certificate
	// until is when the first of them ends; zero where one is missing.
	until time.Time
}

// lay makes a table of what is kept.
func lay(wanted []string, kept map[string]*tls.Certificate) *table {
	t := &table{wanted: wanted, kept: kept, byName: make(map[string]*tls.Certificate, len(wanted))}
	missing := len(wanted) == 0
	for _, key := range wanted {
		cert := kept[key]
		missing = missing || cert == nil
		switch {
		case !strings.HasPrefix(key, filesPrefix):
			t.byName[key] = cert
		case cert != nil:
			t.layFile(cert)
		}
		if cert != nil && (t.until.IsZero() || cert.Leaf.NotAfter.Before(t.until)) {
			t.until = cert.Leaf.NotAfter
		}
		if cert != nil && t.address == nil && len(cert.Leaf.IPAddresses) > 0 {
			t.address = cert
		}
	}
	if missing {
		t.until = time.Time{}
	}
	return t
}

// layFile shows a certificate for all that it is for; the first that is for a name
// has it.
func (t *table) layFile(cert *tls.Certificate) {
	names := make([]string, 0, len(cert.Leaf.DNSNames)+len(cert.Leaf.IPAddresses))
	for _, name := range cert.Leaf.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	for _, address := range cert.Leaf.IPAddresses {
		names = append(names, address.String())
	}
	for _, name := range names {
		if t.byName[name] == nil {
			t.byName[name] = cert
		}
	}
}

// find gives the certificate for a name, and whether the name is ours.
func (t *table) find(name string) (cert *tls.Certificate, ours bool) {
	cert, ours = t.byName[name]
	if cert != nil {
		return cert, true
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		if wild, found := t.byName["*"+name[dot:]]; found {
			return wild, true
		}
	}
	return nil, ours
}

// change replaces the table by one with other certificates, unless the keeper was
// stopped.
func (c *Certificates) change(k *keeper, do func(kept map[string]*tls.Certificate)) {
	for k.ctx.Err() == nil {
		old := c.table.Load()
		kept := maps.Clone(old.kept)
		do(kept)
		if c.table.CompareAndSwap(old, lay(old.wanted, kept)) {
			return
		}
	}
}

// publish shows a certificate from now on.
func (c *Certificates) publish(k *keeper, cert *tls.Certificate) {
	if old := c.table.Load().kept[k.name]; old != nil && slices.EqualFunc(old.Certificate, cert.Certificate, bytes.Equal) && bytes.Equal(old.OCSPStaple, cert.OCSPStaple) {
		return
	}
	c.change(k, func(kept map[string]*tls.Certificate) { kept[k.name] = cert })
}

// withdraw shows nothing for what a keeper keeps.
func (c *Certificates) withdraw(k *keeper) {
	c.change(k, func(kept map[string]*tls.Certificate) { delete(kept, k.name) })
}

// declare makes these the names that there are. What is shown for those that were
// there before stays.
func (c *Certificates) declare(wanted []string) {
	for {
		old := c.table.Load()
		kept := make(map[string]*tls.Certificate, len(wanted))
		for _, name := range wanted {
			if cert := old.kept[name]; cert != nil {
				kept[name] = cert
			}
		}
		if c.table.CompareAndSwap(old, lay(wanted, kept)) {
			return
		}
	}
}

// AllCertified tells whether every declared name has a certificate that is good
// now.
func (c *Certificates) AllCertified() bool {
	until := c.table.Load().until
	return !until.IsZero() && time.Now().Before(until)
}

// Ours tells whether a host, without its port, is a declared one.
func (c *Certificates) Ours(host string) bool {
	_, ours := c.table.Load().find(canonical(host))
	return ours
}

// NotAfter gives when the certificate of each declared name ends; those that have
// none are left out.
func (c *Certificates) NotAfter() map[string]time.Time {
	t := c.table.Load()
	ends := make(map[string]time.Time, len(t.byName))
	for name, cert := range t.byName {
		if cert != nil {
			ends[name] = cert.Leaf.NotAfter
		}
	}
	return ends
}

// canonical is a name as tables have it.
func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
}

// certificate is the one that is shown to a client, nil for none: then it is told
// that the name is unknown. One that sends no name has asked for an address.
func (c *Certificates) certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	t := c.table.Load()
	if hello.ServerName != "" {
		cert, _ := t.find(canonical(hello.ServerName))
		return cert
	}
	if hello.Conn != nil {
		if cert, _ := t.find(addressOf(hello.Conn.LocalAddr())); cert != nil {
			return cert
		}
	}
	return t.address
}

// addressOf is the address of an end of a connection, without its port.
func addressOf(a net.Addr) string {
	end, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return ""
	}
	return end.Addr().Unmap().WithZone("").String()
}
