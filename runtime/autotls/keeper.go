package autotls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The states of a certificate.
const (
	Pending = "waiting" // there is none yet; it is asked for
	Valid   = "valid"
	Failing = "failing" // there is one, and it could not be renewed at the last try
	Expired = "expired" // there is one, of no use any more; another is asked for
)

// Status is how one certificate is.
type Status struct {
	Name     string // the domain; of files the first name that they are for
	State    string
	Issuer   string
	NotAfter time.Time // zero where there is none
	NextTry  time.Time // when it is looked at again
	Failures int       // since it went well
	// Error is what the last try failed by, a word: connection, dns, rateLimited...
	Error string
}

// keeper keeps one name's certificate as it should be.
type keeper struct {
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	// recalled is closed once what can be shown without asking anybody is shown.
	recalled chan struct{}

	mu    sync.Mutex
	state Status
}

func (k *keeper) stop() { k.cancel() }

func (k *keeper) status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	if s.State != Pending && !s.NotAfter.After(time.Now()) {
		s.State = Expired
	}
	return s
}

// start begins to keep a name.
func (c *Certificates) start(name string, s *Settings) *keeper {
	k := &keeper{name: name, recalled: make(chan struct{}), state: Status{Name: name, State: Pending}}
	k.ctx, k.cancel = context.WithCancel(c.life)
	run := func() { c.keep(k, s.source) }
	if s.tls.Kind == manifest.Files {
		run = c.followFiles(k, s)
		close(k.recalled)
	}
	c.tasks.Go(func() {
		defer k.cancel()
		run()
	})
	return k
}

// keep looks after a domain until it is stopped.
func (c *Certificates) keep(k *keeper, s *source) {
	c.recall(k, s)
	recalled := sync.OnceFunc(func() { close(k.recalled) })
	defer recalled()
	if s.own == nil {
		recalled()
	}
	for failures := 0; ; {
		cert, err := s.look(k.ctx, k.name, failures)
		if k.ctx.Err() != nil {
			return
		}
		if cert != nil {
			c.publish(k, cert)
		} else if errors.Is(err, errRevoked) {
			c.withdraw(k)
		}
		wait := c.checkAfter(cert)
		if err == nil {
			failures = 0
		} else {
			failures++
			c.failedTries.Add(1)
			wait = c.again(failures, s.notBefore(err))
		}
		c.note(k, cert, err, failures, wait)
		recalled()
		if !sleep(k.ctx, wait) {
			return
		}
	}
}

// checkAfter is when a certificate is looked at again: often enough for those
// that live for hours.
func (c *Certificates) checkAfter(cert *tls.Certificate) time.Duration {
	wait := c.options.Pace.Check
	if cert != nil {
		wait = min(wait, max(cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)/20, time.Second))
	}
	return jitter(wait)
}

// steps are the pauses between tries, in units of the first: 10 s, a minute, and
// so on to 6 hours.
var steps = []int64{1, 6, 12, 30, 60, 120, 180, 360, 720, 1440, 2160}

// mostRetryAfter is how long an authority may make us wait.
const mostRetryAfter = 24 * time.Hour

// again is when something is tried again that failed so often, and not before a
// time that the authority has named.
func (c *Certificates) again(failures int, notBefore time.Time) time.Duration {
	wait := jitter(time.Duration(int64(c.options.Pace.First) * steps[min(failures, len(steps))-1]))
	return max(wait, min(time.Until(notBefore), mostRetryAfter))
}

// jitter keeps nodes from coming all at once.
func jitter(d time.Duration) time.Duration {
	return d - d/20 + rand.N(d/10+1) //nolint:gosec // it spreads load, and guards nothing
}

// sleep waits; false when the context ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// note keeps and says how a look went. Whoever reads the log is told of every
// failure, for each is a step towards a name that cannot be served.
func (c *Certificates) note(k *keeper, cert *tls.Certificate, err error, failures int, wait time.Duration) {
	now := time.Now()
	k.mu.Lock()
	before := k.state
	if cert != nil {
		k.state.NotAfter, k.state.Issuer, k.state.State = cert.Leaf.NotAfter, issuerOf(cert.Leaf), Valid
	} else if errors.Is(err, errRevoked) {
		k.state.NotAfter, k.state.Issuer = time.Time{}, ""
	}
	k.state.Failures, k.state.NextTry, k.state.Error = failures, now.Add(wait).UTC(), classOf(err)
	switch {
	case k.state.NotAfter.IsZero():
		k.state.State = Pending
	case err != nil:
		k.state.State = Failing
	}
	after := k.state
	k.mu.Unlock()
	about := c.options.Log.With("domain", after.Name)
	switch {
	case err != nil && after.NotAfter.IsZero():
		about.Warn("there is no certificate yet", "error", err, "again_in", wait.Round(time.Second).String())
	case err != nil:
		about.Warn("a certificate could not be renewed", "error", err, "not_after", after.NotAfter, "again_in", wait.Round(time.Second).String())
	case !after.NotAfter.Equal(before.NotAfter):
		about.Info("certificate", "issuer", after.Issuer, "not_after", after.NotAfter)
	}
}

func issuerOf(leaf *x509.Certificate) string {
	if len(leaf.Issuer.Organization) > 0 && leaf.Issuer.CommonName != "" && !strings.HasPrefix(leaf.Issuer.CommonName, leaf.Issuer.Organization[0]) {
		return leaf.Issuer.Organization[0] + " " + leaf.Issuer.CommonName
	}
	return leaf.Issuer.CommonName
}

// classOf is what a try failed by, in a word that holds nothing of ours or of
// others: ACME's own where the authority has said it.
func classOf(err error) string {
	var problem acme.Problem
	var dns *net.DNSError
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problem):
		if problem.Status == http.StatusTooManyRequests {
			return "rateLimited"
		}
		return strings.TrimPrefix(problem.Type, "urn:ietf:params:acme:error:")
	case errors.Is(err, errRevoked):
		return "revoked"
	case errors.Is(err, errBadPair), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "files"
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &network):
		return "connection"
	}
	return "other"
}
