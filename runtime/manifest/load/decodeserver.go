package load

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The addresses that are listened on where a manifest names none.
const (
	plainAddress = "127.0.0.1:8080"
	httpAddress  = ":80"
	httpsAddress = ":443"
)

// front decodes where the backend listens.
func (d *decoder) front(n *node) manifest.Server {
	listen := n.field("listen")
	s := manifest.Server{
		URL: n.str("url"), HTTP: listen.str("http"), HTTPS: listen.str("https"), HTTP3: listen.str("http3"),
		H2C: n.flag("h2c"), Compress: compress(n.field("compress")), Use: n.strs("use"),
	}
	for _, host := range n.strs("hosts") {
		s.Hosts = append(s.Hosts, strings.ToLower(host))
	}
	if s.Compress.Off {
		s.Compress = nil
	}
	if at := n.field("tls"); at != nil && at.kind == object {
		s.TLS = d.tls(at)
	}
	if s.TLS == nil {
		for _, name := range []string{"https", "http3"} {
			if at := listen.field(name); at != nil {
				d.faults = append(d.faults, fault.Newf(codeBadAddress, "%s needs tls", name).
					WithHint(`say where certificates come from: server: tls: {kind: "acme", domains: [...]}`).At(at.path(), at.label))
			}
		}
		s.HTTP = orText(s.HTTP, plainAddress)
		return s
	}
	s.HTTP, s.HTTPS = orText(s.HTTP, httpAddress), orText(s.HTTPS, httpsAddress)
	if s.TLS.Kind == manifest.Internal && len(s.TLS.Domains) == 0 {
		s.TLS.Domains = ownDomains(s.URL)
	}
	if s.URL == "" {
		s.URL = urlOf(s)
	}
	return s
}

// ownDomains are what an authority of our own certifies where nothing is said:
// this machine, and the host of url.
func ownDomains(address string) []string {
	domains := []string{"localhost", "127.0.0.1", "::1"}
	if u, err := url.Parse(address); err == nil && u.Hostname() != "" && !slices.Contains(domains, strings.ToLower(u.Hostname())) {
		domains = append(domains, strings.ToLower(u.Hostname()))
	}
	return domains
}

// urlOf is the address of a backend that does not say it: the first domain that is
// one host's. "" where there is none.
func urlOf(s manifest.Server) string {
	for _, domain := range s.TLS.Domains {
		if strings.HasPrefix(domain, "*.") {
			continue
		}
		if _, port, err := net.SplitHostPort(s.HTTPS); err == nil && port != "443" && port != "0" {
			return "https://" + net.JoinHostPort(domain, port)
		}
		if strings.Contains(domain, ":") {
			return "https://[" + domain + "]"
		}
		return "https://" + domain
	}
	return ""
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// compress decodes how answers are compressed; left out, or true, is as the schema
// says.
func compress(n *node) *manifest.Compress {
	c := &manifest.Compress{Encodings: []string{manifest.Zstd, manifest.Brotli, manifest.Gzip}, Min: 1 << 10}
	switch {
	case n == nil:
	case n.kind == boolean:
		c.Off = n.text == "false"
	case n.kind == object:
		c.Encodings, c.Min = n.strs("encodings"), n.size("min")
	}
	return c
}

func (d *decoder) tls(n *node) *manifest.TLS {
	t := &manifest.TLS{
		Kind: n.str("kind"), Min: n.str("min"), HSTS: n.duration("hsts"),
		Email: n.str("email"), Issuer: n.str("issuer"), Roots: d.path(n.str("roots")), Challenges: n.strs("challenges"),
		DNS: d.dns(n.field("dns")), Storage: d.certificateStorage(n.field("storage")), Path: n.path(),
	}
	for _, domain := range n.strs("domains") {
		t.Domains = append(t.Domains, strings.ToLower(domain))
	}
	if a := n.field("account"); a != nil {
		t.Account = &manifest.ACMEAccount{ID: a.str("id"), Key: d.secret(a.field("key"))}
	}
	for _, c := range n.field("certificates").list() {
		t.Certificates = append(t.Certificates, *d.certificateFiles(c))
	}
	return t
}

func (d *decoder) certificateFiles(n *node) *manifest.CertificateFiles {
	if n == nil {
		return nil
	}
	return &manifest.CertificateFiles{Cert: d.path(n.str("cert")), Key: d.path(n.str("key")), Path: n.path()}
}

func (d *decoder) dns(n *node) *manifest.DNS {
	if n == nil {
		return nil
	}
	return &manifest.DNS{
		Provider: n.str("provider"), Propagation: n.duration("propagation"), Resolvers: n.strs("resolvers"),
		Token: d.secret(n.field("token")), Region: n.str("region"), Key: d.secret(n.field("key")), Secret: d.secret(n.field("secret")),
		Server: n.str("server"), KeyName: n.str("keyName"), Algorithm: n.str("algorithm"), Path: n.path(),
	}
}

func (d *decoder) certificateStorage(n *node) manifest.CertificateStorage {
	if n == nil {
		return manifest.CertificateStorage{Kind: manifest.StoreDisk}
	}
	return manifest.CertificateStorage{
		Kind: n.str("kind"), Endpoint: n.str("endpoint"), Bucket: n.str("bucket"), Region: n.str("region"), Prefix: n.str("prefix"),
		Key: d.secret(n.field("key")), Secret: d.secret(n.field("secret")), Path: n.path(),
	}
}

// redis decodes the tier that nodes share.
func (d *decoder) redis(n *node, name string) *manifest.Redis {
	if n == nil {
		return nil
	}
	return &manifest.Redis{
		URL: d.secret(n.field("url")), Kind: n.str("kind"), Addresses: n.strs("addresses"), Master: n.str("master"),
		SentinelPassword: d.secret(n.field("sentinelPassword")), Roots: d.path(n.str("roots")),
		Prefix: orText(n.str("prefix"), orText(name, "edgehive")), Timeout: n.duration("timeout"), Path: n.path(),
	}
}

// traces decodes where traces are sent.
func (d *decoder) traces(n *node) *manifest.Traces {
	if n == nil {
		return nil
	}
	return &manifest.Traces{
		URL: strings.TrimSuffix(n.str("url"), "/"), Headers: d.namedSecrets(n.field("headers")), Sample: n.float("sample"),
		Roots: d.path(n.str("roots")), Path: n.path(),
	}
}

func (d *decoder) namedSecrets(n *node) []manifest.NamedSecret {
	var all []manifest.NamedSecret
	for _, s := range n.list() {
		all = append(all, manifest.NamedSecret{Name: s.name, Secret: d.secret(s), Path: s.path()})
	}
	return all
}
