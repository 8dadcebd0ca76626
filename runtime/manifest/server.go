package manifest

import (
	"slices"
	"strings"
	"time"
)

// Server says where the backend listens, what it is called from outside, and how
// it speaks TLS.
type Server struct {
	// URL is what links are made of; never taken from a request. "" is
	// derived from TLS and the listeners.
	URL   string
	HTTP  string // host:port of plain HTTP
	HTTPS string // host:port, "" without TLS
	HTTP3 string // host:port of UDP, "" for off
	TLS   *TLS   // nil: plain HTTP alone
	H2C   bool
	// Compress is nil for never.
	Compress *Compress
	// Hosts are those on which the built-in paths answer, lower case, the first label
	// may be *; none: every host.
	Hosts []string
	Use   []string // names of middleware, for every request
}

// BuiltInOn reports whether the built-in paths answer on a host, "" for one that
// is not known.
func (s *Server) BuiltInOn(host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	return len(s.Hosts) == 0 || slices.Contains(s.Hosts, host) || slices.Contains(s.Hosts, "*."+parent)
}

// The encodings of answers.
const (
	Zstd   = "zstd"
	Brotli = "br"
	Gzip   = "gzip"
)

// Compress is how answers are compressed. Off is said by middleware alone.
type Compress struct {
	Off       bool
	Encodings []string // the one that is liked best first
	Min       int64    // bytes
}

// Where certificates come from.
const (
	ACME     = "acme"
	Internal = "internal"
	Files    = "files"
)

// TLS is how the backend speaks TLS. Fields that are another kind's are zero.
type TLS struct {
	Kind string // ACME, Internal or Files
	Min  string // "1.2" or "1.3"
	HSTS time.Duration
	// Domains are lower case, the first label may be *; none with Files.
	Domains      []string
	Email        string
	Issuer       string // the directory of an ACME server
	Roots        string // absolute; a PEM file for Issuer, "" for the system's
	Account      *ACMEAccount
	Challenges   []string // "http", "alpn"
	DNS          *DNS
	Storage      CertificateStorage
	Certificates []CertificateFiles
	Path         string
}

// CertificateFiles are a certificate and its key; both absolute.
type CertificateFiles struct {
	Cert, Key string
	Path      string
}

// ACMEAccount binds to an account that was made outside.
type ACMEAccount struct {
	ID  string
	Key *Secret
}

// The providers of DNS.
const (
	Cloudflare   = "cloudflare"
	DigitalOcean = "digitalocean"
	Hetzner      = "hetzner"
	Route53      = "route53"
	RFC2136      = "rfc2136"
)

// DNS is where records are made that prove a domain. Fields that are another
// provider's are zero.
type DNS struct {
	Provider    string
	Propagation time.Duration
	Resolvers   []string // host:port
	Token       *Secret
	Region      string
	Key         *Secret // of Route53 and RFC2136
	Secret      *Secret // of Route53
	Server      string  // host:port
	KeyName     string
	Algorithm   string
	Path        string
}

// Where certificates are kept.
const (
	StoreDisk  = "disk"
	StoreRedis = "redis"
	StoreS3    = "s3"
)

// CertificateStorage is where certificates are kept. Fields but Kind are S3's.
type CertificateStorage struct {
	Kind        string // StoreDisk, StoreRedis or StoreS3
	Endpoint    string
	Bucket      string
	Region      string
	Prefix      string
	Key, Secret *Secret
	Path        string
}
