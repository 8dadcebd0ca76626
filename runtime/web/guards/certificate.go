package guards

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/address"
)

var (
	errNoCertificate = fault.New(CodeCertificate, "a certificate is needed here").WithHint("show one that was made for you, over HTTPS")
	errCertificate   = fault.New(CodeCertificate, "this certificate does not hold here").WithHint("show one that was made for you, and that is still valid")
	errMisdirected   = fault.New(CodeMisdirected, "this connection was made for another host").WithHint("make a connection for this host")
)

const (
	// A certificate that was looked at holds for this long, or until its end.
	certificateKept   = 5 * time.Minute
	mostCertificates  = 1024
	longestChain      = 8        // certificates that a caller may show
	mostRootsInFile   = 1 << 20  // bytes
	longestChainBytes = 64 << 10 // of all that a caller shows
)

// Certificate lets those pass who show a certificate that one of its own
// roots has made for a client. TLS asks for one, and judges none: that is here.
type Certificate struct {
	roots *x509.CertPool
	names []string // empty: any

	mu sync.Mutex
	// holds remembers chains that were good, by their hash, and until when they
	// are: to prove one costs more than most requests do.
	holds map[[sha256.Size]byte]time.Time
}

// NewCertificate reads the roots.
func NewCertificate(declared *manifest.ClientCertificate) (*Certificate, error) {
	pem, err := os.ReadFile(declared.Roots)
	if err != nil {
		return nil, fmt.Errorf("read the roots of clients' certificates: %w", err)
	}
	g := &Certificate{roots: x509.NewCertPool(), names: declared.Names, holds: map[[sha256.Size]byte]time.Time{}}
	if len(pem) > mostRootsInFile || !g.roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file " + declared.Roots + " has no certificates in PEM")
	}
	return g, nil
}

// Judge judges the certificate of the request's connection. The connection must have
// been made for the request's host: of another, no certificate was asked for, or one
// for other eyes.
func (g *Certificate) Judge(r *http.Request, _ netip.Addr, began time.Time) *Refusal {
	f := g.judge(r, began)
	if f == nil {
		return nil
	}
	return &Refusal{Fault: f, Close: f.Code == CodeMisdirected}
}

func (g *Certificate) judge(r *http.Request, now time.Time) *fault.Fault {
	if r.TLS == nil {
		return errNoCertificate
	}
	if asked := r.TLS.ServerName; asked != "" && address.Host(asked) != address.Host(r.Host) {
		return errMisdirected
	}
	shown := r.TLS.PeerCertificates
	if len(shown) == 0 {
		return errNoCertificate
	}
	key, ok := chainKey(shown)
	if !ok {
		return errCertificate
	}
	if g.remembers(key, now) {
		return nil
	}
	until, err := g.verify(shown, now)
	if err != nil {
		return errCertificate.WithCause(err)
	}
	g.remember(key, until, now)
	return nil
}

// chainKey stands for the certificates that were shown, false for too much.
func chainKey(shown []*x509.Certificate) (key [sha256.Size]byte, ok bool) {
	if len(shown) > longestChain {
		return key, false
	}
	hash, total := sha256.New(), 0
	for _, certificate := range shown {
		total += len(certificate.Raw)
		_, _ = hash.Write(certificate.Raw) // a hash never fails
	}
	return [sha256.Size]byte(hash.Sum(nil)), total <= longestChainBytes
}

// verify proves a chain and says until when it is good.
func (g *Certificate) verify(shown []*x509.Certificate, now time.Time) (time.Time, error) {
	between := x509.NewCertPool()
	for _, certificate := range shown[1:] {
		between.AddCert(certificate)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots: g.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return time.Time{}, err
	}
	if len(g.names) > 0 && !slices.ContainsFunc(namesOf(shown[0]), func(name string) bool { return slices.Contains(g.names, name) }) {
		return time.Time{}, errors.New("none of its names is allowed")
	}
	until := now.Add(certificateKept)
	for _, certificate := range chains[0] {
		if certificate.NotAfter.Before(until) {
			until = certificate.NotAfter
		}
	}
	return until, nil
}

// namesOf are the names that a certificate is for: its common name, its DNS names,
// addresses of mail and URIs.
func namesOf(certificate *x509.Certificate) []string {
	names := slices.Concat([]string{certificate.Subject.CommonName}, certificate.DNSNames, certificate.EmailAddresses)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

func (g *Certificate) remembers(key [sha256.Size]byte, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	until, ok := g.holds[key]
	return ok && now.Before(until)
}

// remember keeps a chain that was good. At the bound all are forgotten: each is
// proved anew when it comes again.
func (g *Certificate) remember(key [sha256.Size]byte, until, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.holds) >= mostCertificates {
		clear(g.holds)
	}
	if now.Before(until) {
		g.holds[key] = until
	}
}
