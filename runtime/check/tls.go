package check

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The codes of what is about TLS.
const (
	codeDomain      = "bad-domain"
	codeCertificate = "bad-certificate"
	codeStorage     = "bad-storage"

	warnNoEmail   = "no-email"
	warnExpired   = "expired-certificate"
	warnApart     = "storage-apart"
	warnURL       = "url-elsewhere"
	warnNoEffect  = "no-effect"
	warnPortApart = "port-elsewhere"
)

// mostHSTS is two years, the longest that lists of browsers ask for.
const mostHSTS = 2 * 365 * 24 * time.Hour

// tls checks what TLS says about itself. It reads files, and asks nobody.
func (c *checker) tls() {
	t := c.m.Server.TLS
	if t == nil {
		return
	}
	if http, https := c.m.Server.HTTP, c.m.Server.HTTPS; port(http) != "" && port(http) == port(https) && sameHost(http, https) {
		c.report("server.listen", fault.Newf(codeAddress, "http and https listen both on port %s", port(http)).
			WithHint("give each a port of its own: http: \":80\", https: \":443\""))
	}
	if metrics := port(c.m.Observe.MetricsListen); metrics != "" && metrics == port(c.m.Server.HTTPS) {
		c.report("observe.metrics.listen", fault.Newf(codeAddress, "metrics listen on port %s, which is that of https", metrics).
			WithHint("take another port: 127.0.0.1:9090"))
	}
	if t.HSTS > mostHSTS {
		c.report(t.Path+".hsts", fault.Newf(codeRange, "hsts is longer than 2 years").WithHint("a year is what browsers ask for: 365d"))
	}
	c.domains(t)
	if t.Kind == manifest.Files {
		c.certificates(t)
		return
	}
	if t.Roots != "" {
		c.roots(t)
	}
	if t.Storage.Kind == manifest.StoreRedis && c.m.Cache.Redis == nil {
		c.report(t.Storage.Path+".kind", fault.New(codeStorage, "certificates are kept in Redis, and there is none").
			WithHint(`declare one: cache: redis: {url: {env: "REDIS_URL"}}, or keep them on disk`))
	}
}

// sameHost tells whether two addresses can be the same one: a host left out is
// every interface.
func sameHost(a, b string) bool {
	hostA, _, errA := net.SplitHostPort(a)
	hostB, _, errB := net.SplitHostPort(b)
	every := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	return errA == nil && errB == nil && (hostA == hostB || every(hostA) || every(hostB))
}

// domains checks each of them, and all together.
func (c *checker) domains(t *manifest.TLS) {
	seen := make(map[string]int, len(t.Domains))
	for i, domain := range t.Domains {
		path := item(t.Path+".domains", i)
		if first, again := seen[domain]; again {
			c.report(path, fault.Newf(codeDomain, "%s is there twice", domain).WithHint("take one out, the other is domains["+fmt.Sprint(first)+"]"))
			continue
		}
		seen[domain] = i
		c.domain(t, domain, path)
	}
}

func (c *checker) domain(t *manifest.TLS, domain, path string) {
	if !isHost(strings.TrimPrefix(domain, "*.")) {
		c.report(path, fault.Newf(codeDomain, "%s is no name of a host", domain).WithHint(`write it as "api.example.com"`))
		return
	}
	wild := strings.HasPrefix(domain, "*.")
	if _, err := netip.ParseAddr(strings.TrimPrefix(domain, "*.")); err == nil {
		switch {
		case wild:
			c.report(path, fault.Newf(codeDomain, "%s is no name of a host", domain).WithHint("an address has no names below it"))
		case t.Kind == manifest.ACME:
			c.report(path, fault.Newf(codeDomain, "%s is an address: authorities certify names", domain).
				WithHint(`name the host, or let this backend certify it: kind: "internal"`))
		}
		return
	}
	if t.Kind != manifest.ACME {
		return
	}
	if wild && t.DNS == nil {
		c.report(path, fault.Newf(codeDomain, "%s needs dns: that a whole zone is yours is proven by a record in it", domain).
			WithHint(`say where records are made: dns: {provider: "cloudflare", token: {env: "DNS_TOKEN"}}, or name each host`))
	}
	if isPublic := slices.ContainsFunc(publicIssuers, func(host string) bool { return strings.Contains(t.Issuer, host) }); isPublic && isPrivateName(domain) {
		c.report(path, fault.Newf(codeDomain, "%s is nobody's on the internet: no public authority certifies it", domain).
			WithHint(`let this backend certify it: kind: "internal"; or name your own authority: issuer`))
	}
}

// publicIssuers are authorities that certify names of the internet alone.
var publicIssuers = []string{".letsencrypt.org/", ".zerossl.com/", ".pki.goog/", ".buypass.com/", ".ssl.com/"}

// isPrivateName tells whether a name is one of those that are not on the internet.
func isPrivateName(domain string) bool {
	if !strings.Contains(strings.TrimPrefix(domain, "*."), ".") {
		return true
	}
	for _, top := range []string{"localhost", "local", "internal", "test", "invalid", "example", "home.arpa", "lan", "onion"} {
		if domain == top || strings.HasSuffix(domain, "."+top) {
			return true
		}
	}
	return false
}

func (c *checker) roots(t *manifest.TLS) {
	text, err := os.ReadFile(t.Roots)
	switch {
	case err != nil:
		c.report(t.Path+".roots", fault.Newf(codeCertificate, "the roots cannot be read: %v", errors.Unwrap(err)).WithHint("name a file of certificates in PEM"))
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		c.report(t.Path+".roots", fault.New(codeCertificate, "there is no certificate in the file of roots").WithHint("it has certificates in PEM: -----BEGIN CERTIFICATE-----"))
	}
}

// certificates checks those in files, as far as it can read them.
func (c *checker) certificates(t *manifest.TLS) {
	for i := range t.Certificates {
		files := &t.Certificates[i]
		readable := true
		for _, f := range []struct{ field, file string }{{".cert", files.Cert}, {".key", files.Key}} {
			if _, err := os.Stat(f.file); err != nil {
				readable = false
				c.report(files.Path+f.field, fault.Newf(codeCertificate, "%s cannot be read: %v", c.relative(f.file), errors.Unwrap(err)).
					WithHint("paths begin at the manifest's folder"))
			}
		}
		if !readable {
			continue
		}
		if info, err := os.Stat(files.Key); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
			c.report(files.Path+".key", fault.New(codeCertificate, "every user of this machine can read the key").
				WithHint("chmod 600 "+c.relative(files.Key)))
			continue
		}
		if _, err := tls.LoadX509KeyPair(files.Cert, files.Key); err != nil && !errors.Is(err, os.ErrPermission) {
			c.report(files.Path, fault.Newf(codeCertificate, "the files are no certificate with its key: %s", strings.TrimPrefix(err.Error(), "tls: ")).
				WithHint("both are PEM; the certificate comes first in its file, then those between it and its root"))
		}
	}
}

// tlsSecretIn tells whether a folder holds a key of TLS, or the file of a secret that
// it needs.
func (c *checker) tlsSecretIn(dir string) bool {
	t := c.m.Server.TLS
	if t == nil {
		return false
	}
	for i := range t.Certificates {
		if contains(dir, realPath(t.Certificates[i].Key)) {
			return true
		}
	}
	secrets := []*manifest.Secret{t.Storage.Key, t.Storage.Secret}
	if t.Account != nil {
		secrets = append(secrets, t.Account.Key)
	}
	if t.DNS != nil {
		secrets = append(secrets, t.DNS.Token, t.DNS.Key, t.DNS.Secret)
	}
	return slices.ContainsFunc(secrets, func(s *manifest.Secret) bool {
		return s != nil && s.File != "" && contains(dir, realPath(s.File))
	})
}

// warnTLS names what works and is probably not meant.
func (c *checker) warnTLS() {
	t, s := c.m.Server.TLS, c.m.Server
	if t == nil {
		return
	}
	if t.Kind == manifest.ACME && t.Email == "" {
		c.report(t.Path, fault.New(warnNoEmail, "the authority has nobody to write to when something is wrong").WithHint(`email: "ops@example.com"`))
	}
	if t.Kind != manifest.Files && t.Storage.Kind == manifest.StoreDisk && c.m.Database.Engine == manifest.SurrealDB {
		c.report(t.Path, fault.New(warnApart, "each node keeps certificates for itself: of several, only the one that the authority reaches gets them").
			WithHint(`where nodes share the database: storage: kind: "redis", or "s3"`))
	}
	if t.DNS != nil && c.written(t.Path+".challenges") {
		c.report(t.Path+".challenges", fault.New(warnNoEffect, "with dns, domains are proven there alone: challenges are of no use").WithHint("take one of them out"))
	}
	if s.H2C {
		c.report("server.h2c", fault.New(warnNoEffect, "with tls, the plain listener only redirects: h2c is of no use").WithHint("take it out"))
	}
	if port(s.HTTP3) != "" && port(s.HTTP3) != port(s.HTTPS) {
		c.report("server.listen.http3", fault.Newf(warnPortApart, "http3 listens on another port than https: clients are sent from port %s to %s", port(s.HTTPS), port(s.HTTP3)).
			WithHint("take the same: UDP and TCP do not meet"))
	}
	c.warnURL(t)
	for i := range t.Certificates {
		files := &t.Certificates[i]
		if pair, err := tls.LoadX509KeyPair(files.Cert, files.Key); err == nil && time.Now().After(pair.Leaf.NotAfter) {
			c.report(files.Path+".cert", fault.Newf(warnExpired, "the certificate has ended on %s", pair.Leaf.NotAfter.Format(time.DateOnly)).
				WithHint("put another in its place; it is read without a reload"))
		}
	}
}

// warnURL names an address that clients are told and that is not certified.
func (c *checker) warnURL(t *manifest.TLS) {
	u, err := url.Parse(c.m.Server.URL)
	if err != nil || u.Host == "" || len(t.Domains) == 0 || !c.written("server.url") {
		return
	}
	host := strings.ToLower(u.Hostname())
	_, parent, _ := strings.Cut(host, ".")
	if u.Scheme != "https" {
		c.report("server.url", fault.New(warnURL, "url is not https, and plain HTTP only redirects").WithHint("https://"+u.Host))
	} else if !slices.Contains(t.Domains, host) && !slices.Contains(t.Domains, "*."+parent) {
		c.report("server.url", fault.Newf(warnURL, "links lead to %s, which is not among domains: this backend has no certificate for it", host).
			WithHint("add it to tls.domains, unless something in front of this server has one"))
	}
}
