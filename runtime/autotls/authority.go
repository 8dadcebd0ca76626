package autotls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// How long our own certificates live. Those of names are renewed when a third of
// their time is left.
const (
	rootLife  = 10 * 365 * 24 * time.Hour
	leafLife  = 7 * 24 * time.Hour
	rootSpare = 60 * 24 * time.Hour // what a root must still have
	clockSkew = time.Minute
)

// Where the root is in a vault. certmagic's own keys begin otherwise.
const (
	rootCertKey = "internal/root.crt"
	rootKeyKey  = "internal/root.key"
	rootLock    = "internal_root"
)

// ownDomains are the names that a root of ours may always certify: those that
// nobody on the internet has. Others stand in it only where they were declared as
// it was made, so that its key, should it be stolen, is of no use against the rest
// of the world on machines that trust it.
var ownDomains = []string{"localhost", "local", "internal", "test", "home.arpa", "lan"}

// ownNetworks are the addresses that it may certify: of machines and private
// networks.
var ownNetworks = []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"}

// authority is our own.
type authority struct {
	vault   Vault
	log     *slog.Logger
	domains []string

	mu   sync.Mutex
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

// declare says what names there are now.
func (a *authority) declare(domains []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.domains = domains
}

// IssuerKey is where certmagic keeps what this authority gives.
func (*authority) IssuerKey() string { return "internal" }

// Issue certifies what is asked for, for a week.
func (a *authority) Issue(ctx context.Context, request *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the request for a certificate: %w", err)
	}
	root, key, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-clockSkew), NotAfter: now.Add(leafLife),
		DNSNames: request.DNSNames, IPAddresses: request.IPAddresses,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root, request.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certify %v: %w", request.DNSNames, err)
	}
	return &certmagic.IssuedCertificate{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// load gives the root, which is made where there is none that will do: nodes that
// share a vault make one.
func (a *authority) load(ctx context.Context) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.root != nil && a.unfit(a.root) == "" {
		return a.root, a.key, nil
	}
	if err := a.vault.Lock(ctx, rootLock); err != nil {
		return nil, nil, fmt.Errorf("wait for our own authority: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer cancel()
		if err := a.vault.Unlock(ctx, rootLock); err != nil {
			a.log.Warn("a lock of our own authority was not given back", "error", err)
		}
	}()
	root, key, err := a.stored(ctx)
	var why string
	switch {
	case errors.Is(err, fs.ErrNotExist):
		why = "there was none"
	case err != nil:
		return nil, nil, fmt.Errorf("read our own authority: %w", err)
	default:
		why = a.unfit(root)
	}
	if why != "" {
		if root, key, err = a.create(ctx); err != nil {
			return nil, nil, fmt.Errorf("make our own authority: %w", err)
		}
		a.log.Warn("an authority of our own was made; run edge-hive trust so that this machine believes it", "because", why, "not_after", root.NotAfter)
	}
	a.root, a.key = root, key
	return root, key, nil
}

// unfit says why a root will not do, "" where it does.
func (a *authority) unfit(root *x509.Certificate) string {
	if time.Until(root.NotAfter) < rootSpare {
		return "the one before ends"
	}
	for _, domain := range a.domains {
		if !permitted(root, domain) {
			return "the one before may not certify " + domain
		}
	}
	return ""
}

// permitted tells whether a root may certify a name.
func permitted(root *x509.Certificate, name string) bool {
	if address, err := netip.ParseAddr(name); err == nil {
		for _, network := range root.PermittedIPRanges {
			if network.Contains(address.AsSlice()) {
				return true
			}
		}
		return false
	}
	name = strings.TrimPrefix(name, "*.")
	for _, domain := range root.PermittedDNSDomains {
		if name == domain || strings.HasSuffix(name, "."+domain) {
			return true
		}
	}
	return false
}

func (a *authority) stored(ctx context.Context) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	root, err := loadRoot(ctx, a.vault)
	if err != nil {
		return nil, nil, err
	}
	text, _, err := a.vault.Load(ctx, rootKeyKey)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, nil, errors.New("its key is no PEM")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, errors.New("its key cannot be read") // the cause might quote it
	}
	if !key.PublicKey.Equal(root.PublicKey) {
		return nil, nil, errors.New("its key is that of another")
	}
	return root, key, nil
}

// loadRoot reads the certificate of our own authority.
func loadRoot(ctx context.Context, vault Vault) (*x509.Certificate, error) {
	text, _, err := vault.Load(ctx, rootCertKey)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("its certificate is no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func (a *authority) create(ctx context.Context) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(public)
	host, _ := os.Hostname() // it tells roots of several machines apart, no more
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-clockSkew), NotAfter: now.Add(rootLife),
		Subject:  pkix.Name{Organization: []string{"Edge Hive"}, CommonName: strings.TrimSpace("Edge Hive " + host + " " + hex.EncodeToString(sum[:4]))},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: ownDomains, PermittedIPRanges: networks(ownNetworks),
	}
	for _, domain := range a.domains {
		if permitted(template, domain) {
			continue
		}
		if address, err := netip.ParseAddr(domain); err == nil {
			template.PermittedIPRanges = append(template.PermittedIPRanges, networks([]string{netip.PrefixFrom(address, address.BitLen()).String()})...)
			continue
		}
		template.PermittedDNSDomains = append(template.PermittedDNSDomains[:len(template.PermittedDNSDomains):len(template.PermittedDNSDomains)], strings.TrimPrefix(domain, "*."))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	// The key first: a root without its key is of no use, and could not be replaced.
	if err := a.vault.Store(ctx, rootKeyKey, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})); err != nil {
		return nil, nil, err
	}
	if err := a.vault.Store(ctx, rootCertKey, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return nil, nil, err
	}
	// What the one before has certified would be believed by those alone that trust it.
	if err := (storage{a.vault}).Delete(ctx, certmagic.StorageKeys.CertsPrefix(a.IssuerKey())); err != nil {
		return nil, nil, err
	}
	root, err := x509.ParseCertificate(der)
	return root, key, err
}

func networks(texts []string) []*net.IPNet {
	all := make([]*net.IPNet, 0, len(texts))
	for _, text := range texts {
		if _, network, err := net.ParseCIDR(text); err == nil {
			all = append(all, network)
		}
	}
	return all
}

// serial is a number that no other certificate has.
func serial() *big.Int {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // it never fails
	raw[0] &= 0x7f
	return new(big.Int).SetBytes(raw[:])
}
