package autotls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// never is a pause for what certmagic would do by itself: keepers do it, so that
// everything that runs has somebody who ends it.
const never = 50 * 365 * 24 * time.Hour

// errKept is what certmagic's own maintenance is told, for the same reason.
var errKept = errors.New("it is kept elsewhere")

// patience is how long one try for a certificate may take, besides the time that
// records need to be seen.
const patience = 5 * time.Minute

// errRevoked means that a certificate was revoked and could not be replaced: it is
// shown no more.
var errRevoked = errors.New("the certificate was revoked")

// source is where certificates of domains come from: an authority, or our own.
type source struct {
	cache    *certmagic.Cache
	config   *certmagic.Config
	issuers  []*certmagic.ACMEIssuer // none with our own authority
	own      *authority              // nil with another's
	alpn     bool
	patience time.Duration
	told     *told
}

// newSource makes one; it asks nobody yet.
func (c *Certificates) newSource(t *manifest.TLS, secrets *secrets, vault Vault) (*source, error) {
	s := &source{patience: patience, told: &told{}}
	logger := newLogger(c.options.Log, s.told)
	s.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:  func(certmagic.Certificate) (*certmagic.Config, error) { return nil, errKept },
		OCSPCheckInterval: never,
		// By this it also judges whether a certificate lasts until the next look.
		RenewCheckInterval: c.options.Pace.Check,
		Logger:             logger,
	})
	settings := certmagic.Config{
		Storage: storage{vault}, Logger: logger,
		OnEvent: func(_ context.Context, event string, _ map[string]any) error {
			if event == "cert_obtained" {
				c.renewed.Add(1)
			}
			return nil
		},
	}
	if t.Kind == manifest.Internal {
		s.own = &authority{vault: vault, log: c.options.Log, domains: t.Domains}
		settings.Issuers = []certmagic.Issuer{s.own}
		settings.DisableARI = true
		settings.OCSP.DisableStapling = true
		s.config = certmagic.New(s.cache, settings)
		return s, nil
	}
	// An issuer refers to a config, and a config to its issuers.
	draft := certmagic.New(s.cache, settings)
	template, err := acmeTemplate(t, secrets, c.options, logger)
	if err != nil {
		s.cache.Stop()
		return nil, err
	}
	s.issuers = issuersOf(t, draft, template)
	draft.Issuers = draft.Issuers[:0:0]
	for _, issuer := range s.issuers {
		draft.Issuers = append(draft.Issuers, issuer)
	}
	s.config = draft
	s.alpn = t.DNS == nil && slices.Contains(t.Challenges, "alpn")
	if t.DNS != nil {
		s.patience += t.DNS.Propagation
	}
	return s, nil
}

func (s *source) close() { s.cache.Stop() }

// look brings a name's certificate into order, by one try: it is read from the
// vault, with what its authority says about it today; it is asked for where there
// is none, and renewed when it is time. It gives the certificate that is to be
// shown, where there is one, even with an error.
func (s *source) look(ctx context.Context, name string, failures int) (*tls.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	// An authority that has one for tries is asked there first after a failure.
	ctx = context.WithValue(ctx, certmagic.AttemptsCtxKey, &failures)
	s.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
	err := s.config.ManageSync(ctx, []string{name})
	var newest *tls.Certificate
	for _, cert := range s.cache.AllMatchingCertificates(name) {
		if slices.Contains(cert.Names, name) && (newest == nil || cert.Leaf.NotAfter.After(newest.Leaf.NotAfter)) {
			newest = &cert.Certificate
		}
	}
	switch {
	case err == nil && newest == nil:
		return nil, errors.New("the authority gave a certificate for another name")
	case err != nil && newest == nil && strings.Contains(err.Error(), "unable to forcefully get new certificate"):
		return nil, fmt.Errorf("%w: %w", errRevoked, err)
	}
	return newest, err
}

// notBefore is when an authority that has had enough of us may be asked again.
func (s *source) notBefore(err error) time.Time {
	var problem acme.Problem
	if errors.As(err, &problem) && (problem.Status == http.StatusTooManyRequests || problem.Status == http.StatusServiceUnavailable) {
		return s.told.retryAt()
	}
	return time.Time{}
}

// portOf is the port of an address, 0 for none.
func portOf(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
