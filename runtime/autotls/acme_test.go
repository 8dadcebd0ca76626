package autotls

import (
	"context"
	"crypto"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/edge-hive/edge-hive/runtime/autotls/pebbletest"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// TestFromNothing is two domains from the first start to served HTTPS, by HTTP-01.
func TestFromNothing(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, two := names(t)
	a := n.authority(pebbletest.Options{})
	dir := t.TempDir()
	began := time.Now()
	n.use(acmeOf(a, one, two), NewDisk(dir))
	n.served(a.Pool, one, two)
	t.Logf("two domains are served after %v", time.Since(began).Round(time.Millisecond))
	eventually(t, "all to be certified", n.c.AllCertified)
	if a.Issued.Load() != 2 {
		t.Errorf("%d certificates for two domains", a.Issued.Load())
	}
	if s := n.statusOf(one); s.State != Valid || s.Issuer == "" || s.NotAfter.Before(time.Now()) {
		t.Errorf("status %+v", s)
	}
	if _, err := n.dial("other.example.com", a.Pool); !isUnknownName(err) {
		t.Errorf("a name that is not ours: %v", err)
	}
	if _, err := n.dial(one, a.Pool, "acme-tls/1"); err == nil {
		t.Error("acme-tls/1 is spoken while nothing is proven")
	}
	private(t, dir)

	// Another start asks the authority for nothing.
	n.c.Close()
	again := newNode(t)
	again.use(acmeOf(a, one), NewDisk(dir))
	again.served(a.Pool, one)
	if a.Issued.Load() != 2 {
		t.Errorf("%d certificates after another start", a.Issued.Load())
	}

	// A reload takes one away and brings another.
	again.use(acmeOf(a, two), NewDisk(dir))
	again.served(a.Pool, two)
	if _, err := again.dial(one, a.Pool); !isUnknownName(err) {
		t.Errorf("a name that is ours no more: %v", err)
	}
}

func TestOverTLS(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, _ := names(t)
	a := n.authority(pebbletest.Options{})
	settings := acmeOf(a, one)
	settings.Challenges = []string{"alpn"}
	n.use(settings, NewDisk(t.TempDir()))
	n.served(a.Pool, one)
}

// TestOrderOfProof has the first way fail: the second is gone then.
func TestOrderOfProof(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, _ := names(t)
	a := pebbletest.Start(t, pebbletest.Options{HTTPPort: 1, TLSPort: portOf(n.https.Addr())}) // nobody answers at port 1
	n.use(acmeOf(a, one), NewDisk(t.TempDir()))
	n.served(a.Pool, one)
	if a.Orders.Load() < 2 {
		t.Errorf("%d orders, want one for each way", a.Orders.Load())
	}
}

func TestWildcardByDNS(t *testing.T) {
	n := newNode(t)
	a := n.authority(pebbletest.Options{})
	t.Setenv("TSIG", pebbletest.KeySecret)
	settings := acmeOf(a, "*.example.com")
	settings.DNS = &manifest.DNS{
		Provider: manifest.RFC2136, Propagation: time.Minute, Resolvers: []string{a.Zone.Address},
		Server: a.Zone.Address, KeyName: pebbletest.KeyName, Algorithm: "hmac-sha256", Key: &manifest.Secret{Env: "TSIG"},
	}
	n.use(settings, NewDisk(t.TempDir()))
	n.served(a.Pool, "anything.example.com")
	if a.Zone.Made() == 0 || a.Zone.Left() != 0 {
		t.Errorf("%d records were made, %d are left", a.Zone.Made(), a.Zone.Left())
	}
	for _, name := range []string{"example.com", "a.b.example.com"} {
		if _, err := n.dial(name, a.Pool); !isUnknownName(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRenewal has certificates that live for seconds; no handshake may fail
// meanwhile.
func TestRenewal(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, _ := names(t)
	a := n.authority(pebbletest.Options{Validity: 18})
	n.use(acmeOf(a, one), NewDisk(t.TempDir()))
	first := n.served(a.Pool, one)
	n.blind = true // who looks does so however slow the machine is
	eventually(t, "another certificate", func() bool {
		state, err := n.dial(one, a.Pool)
		if err != nil {
			t.Fatalf("while it is renewed: %v", err)
		}
		return state.PeerCertificates[0].SerialNumber.Cmp(first.SerialNumber) != 0
	})
	if stats := n.c.Stats(); stats.Renewed < 2 {
		t.Errorf("%+v", stats)
	}
}

// TestAuthorityAsksForRenewal is one that must replace what it gave before its
// time. Until that succeeds the old one is shown, and it is said.
func TestAuthorityAsksForRenewal(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, _ := names(t)
	a := n.authority(pebbletest.Options{})
	a.Renew.Store(pebbletest.RenewLater)
	n.use(acmeOf(a, one), NewDisk(t.TempDir()))
	first := n.served(a.Pool, one)
	a.Limit.Store(1)
	a.Renew.Store(pebbletest.RenewNow)
	eventually(t, "a renewal to fail", func() bool {
		s := n.statusOf(one)
		return s.State == Failing && s.Failures > 0 && s.Error == "rateLimited" && s.NotAfter.Equal(first.NotAfter)
	})
	if _, err := n.dial(one, a.Pool); err != nil {
		t.Errorf("the old one is shown no more: %v", err)
	}
	if n.c.Stats().Failed == 0 {
		t.Error("no failure was counted")
	}
	a.Limit.Store(0)
	eventually(t, "another certificate", func() bool {
		return n.served(a.Pool, one).SerialNumber.Cmp(first.SerialNumber) != 0
	})
	a.Renew.Store(pebbletest.RenewLater)
	eventually(t, "all to be well", func() bool { s := n.statusOf(one); return s.State == Valid && s.Error == "" })
}

func TestAuthorityIsDown(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, two := names(t)
	a := n.authority(pebbletest.Options{})
	a.Down.Store(true)
	n.use(acmeOf(a, one, two), NewDisk(t.TempDir()))
	eventually(t, "a try to fail", func() bool { s := n.statusOf(one); return s.State == Pending && s.Error == "connection" })
	if n.c.AllCertified() {
		t.Error("nothing is certified, and all is")
	}
	if _, err := n.dial(one, a.Pool); !isUnknownName(err) {
		t.Errorf("a name without certificate: %v", err)
	}
	a.Down.Store(false)
	n.served(a.Pool, one, two)
}

// TestStartShowsWhatIsKept has an authority that never answers when the backend comes
// back, and is to be asked whether the certificate is still good.
func TestStartShowsWhatIsKept(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, two := names(t)
	a := n.authority(pebbletest.Options{})
	a.Renew.Store(pebbletest.RenewNow)
	vault := NewDisk(t.TempDir())
	n.use(acmeOf(a, one), vault)
	n.served(a.Pool, one)
	n.c.Close()

	a.Silent.Store(true)
	next := newNode(t)
	next.use(acmeOf(a, one, two), vault) // two is new
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next.c.Recalled(ctx)
	if ctx.Err() != nil {
		t.Error("the authority is waited for")
	}
	if _, err := next.dial(one, a.Pool); err != nil {
		t.Errorf("what is kept is not shown: %v", err)
	}
	if s := next.statusOf(one); s.State != Valid || s.NotAfter.IsZero() {
		t.Errorf("%+v", s)
	}
	if _, err := next.dial(two, a.Pool); !isUnknownName(err) {
		t.Errorf("a name without certificate: %v", err)
	}
}

func TestRateLimited(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, _ := names(t)
	a := n.authority(pebbletest.Options{})
	a.Limit.Store(3600)
	vault := NewDisk(t.TempDir())
	n.use(acmeOf(a, one), vault)
	var s Status
	eventually(t, "the limit to be met", func() bool { s = n.statusOf(one); return s.Failures > 0 })
	if left := time.Until(s.NextTry); s.Error != "rateLimited" || left < 30*time.Minute {
		t.Errorf("it failed by %q, and the next try is in %v, before the authority allows it", s.Error, left)
	}
	// Who changes how certificates are asked for does not wait.
	a.Limit.Store(0)
	settings := acmeOf(a, one)
	settings.Challenges = []string{"http"}
	n.use(settings, vault)
	n.served(a.Pool, one)
}

func TestRevoked(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	one, _ := names(t)
	a := n.authority(pebbletest.Options{OCSP: true})
	n.use(acmeOf(a, one), NewDisk(t.TempDir()))
	first := n.served(a.Pool, one)
	eventually(t, "its state to be stapled", func() bool {
		state, err := n.dial(one, a.Pool)
		return err == nil && len(state.OCSPResponse) > 0
	})
	key, _ := n.c.table.Load().kept[one].PrivateKey.(crypto.Signer)
	roots, err := readRoots(a.RootsFile)
	if err != nil {
		t.Fatal(err)
	}
	client := &acme.Client{Directory: a.Directory, HTTPClient: clientWith(roots), Logger: slog.New(slog.DiscardHandler)}
	if err := client.RevokeCertificate(t.Context(), acme.Account{}, first, key, acme.ReasonKeyCompromise); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another certificate", func() bool {
		return n.served(a.Pool, one).SerialNumber.Cmp(first.SerialNumber) != 0
	})
}

func TestKnownAccount(t *testing.T) {
	n := newNode(t)
	one, _ := names(t)
	const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	a := n.authority(pebbletest.Options{Accounts: map[string]string{"kid-1": key}})
	n.use(acmeOf(a, one), NewDisk(t.TempDir()))
	eventually(t, "who is unknown to be refused", func() bool {
		return n.statusOf(one).Error == "externalAccountRequired"
	})
	t.Setenv("EAB", key)
	settings := acmeOf(a, one)
	settings.Account = &manifest.ACMEAccount{ID: "kid-1", Key: &manifest.Secret{Env: "EAB"}}
	n.use(settings, NewDisk(filepath.Join(t.TempDir(), "new")))
	n.served(a.Pool, one)
}

// TestNodesShareAVault has two processes, of which the authority reaches one, and the
// other one asks it.
func TestNodesShareAVault(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "alpn"} {
		t.Run(way, func(t *testing.T) {
			n := newNode(t)
			domain, _ := names(t)
			a := n.authority(pebbletest.Options{})
			dir := t.TempDir()
			settings := acmeOf(a, domain)
			settings.Challenges = []string{way}
			other := startChild(t, child{Do: "serve", Directory: a.Directory, Roots: a.RootsFile, Domain: domain, Dir: dir, Way: way, Ports: [2]int{portOf(n.http.Addr()), portOf(n.https.Addr())}})
			eventually(t, "the other one to ask", func() bool { return a.Orders.Load() > 0 })
			n.use(settings, NewDisk(dir))
			first := n.served(a.Pool, domain)
			if second := other.line(); second != first.SerialNumber.String() {
				t.Errorf("certificates %s and %s", second, first.SerialNumber)
			}
			if a.Issued.Load() != 1 {
				t.Errorf("%d certificates for one domain", a.Issued.Load())
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"app.localhost", "*.test"}}, NewDisk(t.TempDir()))
	for _, c := range []struct{ host, path, to string }{
		{"app.localhost", "/a?b=c", "https://app.localhost/a?b=c"},
		{"APP.localhost.:8080", "/", "https://app.localhost/"},
		{"x.test", "//evil.example/..", "https://x.test//evil.example/.."},
		{"evil.example", "/", ""},
		{"app.localhost.evil.example", "/", ""},
		{"a.b.test", "/", ""},
		{"", "/", ""},
		{"app.localhost", "/.well-known/acme-challenge/x", "https://app.localhost/.well-known/acme-challenge/x"},
	} {
		answer := n.get(c.host, c.path)
		if c.to == "" && (answer.StatusCode != http.StatusMisdirectedRequest || answer.Header.Get("Location") != "") {
			t.Errorf("%q: %d %q", c.host, answer.StatusCode, answer.Header.Get("Location"))
		} else if c.to != "" && (answer.StatusCode != http.StatusPermanentRedirect || answer.Header.Get("Location") != c.to) {
			t.Errorf("%q: %d %q, want %q", c.host, answer.StatusCode, answer.Header.Get("Location"), c.to)
		}
	}
}
