package autotls

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/caddyserver/certmagic"
	"github.com/libdns/cloudflare"
	"github.com/libdns/digitalocean"
	"github.com/libdns/hetzner/v2"
	"github.com/libdns/rfc2136"
	"github.com/libdns/route53"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// nobodysEmail keeps certmagic from asking for one at a terminal; it becomes none.
const nobodysEmail = " "

// acmeTemplate is what all issuers have in common. The terms of the authority are
// agreed to: whoever names one in a manifest has chosen it.
func acmeTemplate(t *manifest.TLS, secrets *secrets, o Options, logger *zap.Logger) (certmagic.ACMEIssuer, error) {
	template := certmagic.ACMEIssuer{
		CA: t.Issuer, Email: t.Email, Agreed: true, Logger: logger,
		// Certificates are proven where the backend listens, whatever port is in front.
		AltHTTPPort: portOf(o.HTTP), AltTLSALPNPort: portOf(o.HTTPS),
		HTTPProxy: http.ProxyFromEnvironment,
	}
	if template.Email == "" {
		template.Email = nobodysEmail
	}
	if t.Roots != "" {
		roots, err := readRoots(t.Roots)
		if err != nil {
			return template, fault.Newf(codeFile, "the roots cannot be read: %v", err).
				WithHint("name a file of certificates in PEM").At(t.Path + ".roots")
		}
		template.TrustedRoots = roots
	}
	if t.Account != nil {
		template.ExternalAccount = &acme.EAB{KeyID: t.Account.ID, MACKey: secrets.account.Reveal()}
	}
	if t.DNS != nil {
		if err := usable(t.DNS); err != nil {
			return template, err
		}
		template.DNS01Solver = &certmagic.DNS01Solver{DNSManager: certmagic.DNSManager{
			DNSProvider: provider(t.DNS, secrets), PropagationTimeout: t.DNS.Propagation, Resolvers: t.DNS.Resolvers, Logger: logger,
		}}
	}
	return template, nil
}

// readRoots reads certificates that a server is believed by.
func readRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in it")
	}
	return pool, nil
}

// issuersOf makes an issuer for each way of proof, in the order in which they are
// tried: the second is asked where the first has failed. They are of one authority
// and share their account and what they gave.
func issuersOf(t *manifest.TLS, config *certmagic.Config, template certmagic.ACMEIssuer) []*certmagic.ACMEIssuer {
	if t.DNS != nil {
		return []*certmagic.ACMEIssuer{certmagic.NewACMEIssuer(config, template)}
	}
	issuers := make([]*certmagic.ACMEIssuer, 0, len(t.Challenges))
	for _, way := range t.Challenges {
		one := template
		one.DisableHTTPChallenge, one.DisableTLSALPNChallenge = way != "http", way != "alpn"
		issuers = append(issuers, certmagic.NewACMEIssuer(config, one))
	}
	return issuers
}

// usable looks at what a provider's client would read of this machine: that of
// Route 53 ends the process where it cannot.
func usable(d *manifest.DNS) error {
	if d.Provider != manifest.Route53 {
		return nil
	}
	if _, err := config.LoadDefaultConfig(context.Background(), config.WithRegion(d.Region)); err != nil {
		return fault.Newf(codeFile, "this machine's settings for AWS cannot be used: %v", err).
			WithHint("mend the files and variables that AWS' tools read (~/.aws/config, AWS_PROFILE), or take them away: the manifest has what is needed").At(d.Path)
	}
	return nil
}

// provider is the way to a zone.
func provider(d *manifest.DNS, secrets *secrets) certmagic.DNSProvider {
	switch d.Provider {
	case manifest.Cloudflare:
		return &cloudflare.Provider{APIToken: secrets.token.Reveal()}
	case manifest.DigitalOcean:
		return &digitalocean.Provider{APIToken: secrets.token.Reveal()}
	case manifest.Hetzner:
		return hetzner.New(secrets.token.Reveal())
	case manifest.Route53:
		return &route53.Provider{Region: d.Region, AccessKeyId: secrets.key.Reveal(), SecretAccessKey: secrets.secret.Reveal(), Route53MaxWait: max(d.Propagation, time.Minute)}
	}
	return &rfc2136.Provider{Server: d.Server, KeyName: d.KeyName, KeyAlg: d.Algorithm, Key: secrets.key.Reveal()}
}

// ServeChallenge answers an authority that asks over plain HTTP for proof; false
// where the request is none of that.
func (c *Certificates) ServeChallenge(w http.ResponseWriter, r *http.Request) bool {
	s := c.solver.Load()
	if s == nil || !certmagic.LooksLikeHTTPChallenge(r) || !c.Ours(hostOf(r.Host)) {
		return false
	}
	select {
	case c.lookup <- struct{}{}:
		defer func() { <-c.lookup }()
	default:
		http.Error(w, "too many at once", http.StatusServiceUnavailable)
		return true
	}
	for _, issuer := range s.issuers {
		if issuer.HandleHTTPChallenge(w, r) {
			return true
		}
	}
	return false
}
