package autotls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
)

// recallTime is how long the vault may take to give what it has of a name.
const recallTime = 10 * time.Second

// recall shows what the vault has for a name that nothing is shown for yet, at once:
// whether it is to be renewed, and what its authority says about it today, is asked
// afterwards, which may take minutes.
func (c *Certificates) recall(k *keeper, s *source) {
	if c.table.Load().kept[k.name] != nil {
		return
	}
	ctx, cancel := context.WithTimeout(k.ctx, recallTime)
	defer cancel()
	cert := s.stored(ctx, k.name)
	if cert == nil || k.ctx.Err() != nil {
		return // what is wrong with it is found, and said, by the look that follows
	}
	c.publish(k, cert)
	c.note(k, cert, nil, 0, 0)
}

// stored reads the certificate of a name that lasts longest, nil where none is good.
func (s *source) stored(ctx context.Context, name string) *tls.Certificate {
	var best *tls.Certificate
	for _, issuer := range s.config.Issuers {
		cert, err := s.load(ctx, issuer.IssuerKey(), name)
		if err == nil && (best == nil || cert.Leaf.NotAfter.After(best.Leaf.NotAfter)) {
			best = cert
		}
	}
	return best
}

var errUnfit = errors.New("the certificate is for another name, or not for now")

func (s *source) load(ctx context.Context, issuer, name string) (*tls.Certificate, error) {
	key, err := s.config.Storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(issuer, name))
	if err != nil {
		return nil, err
	}
	chain, err := s.config.Storage.Load(ctx, certmagic.StorageKeys.SiteCert(issuer, name))
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if !isFor(cert.Leaf, name) || now.Before(cert.Leaf.NotBefore) || !now.Before(cert.Leaf.NotAfter) {
		return nil, errUnfit
	}
	return &cert, nil
}

func isFor(leaf *x509.Certificate, name string) bool {
	address := net.ParseIP(name)
	return slices.Contains(leaf.DNSNames, name) || address != nil && slices.ContainsFunc(leaf.IPAddresses, address.Equal)
}

// Recalled waits until everything is shown that can be without asking anybody: files,
// what the vault has of before, and what our own authority makes. It waits for no other
// authority, and not beyond the context.
func (c *Certificates) Recalled(ctx context.Context) {
	c.turn.Lock()
	keepers := make([]*keeper, 0, len(c.keepers))
	for _, k := range c.keepers {
		keepers = append(keepers, k)
	}
	c.turn.Unlock()
	for _, k := range keepers {
		select {
		case <-k.recalled:
		case <-ctx.Done():
			return
		}
	}
}
