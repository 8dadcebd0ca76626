package autotls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// rootOf is the authority of our own in a folder, once it is there.
func rootOf(t *testing.T, v Vault) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	var root *x509.Certificate
	eventually(t, "the root", func() bool {
		var err error
		root, err = loadRoot(t.Context(), v)
		return err == nil
	})
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return root, pool
}

func TestOwnAuthority(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	dir := t.TempDir()
	v := NewDisk(dir)
	n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"localhost", "127.0.0.1", "::1", "*.app.localhost"}}, v)
	root, pool := rootOf(t, v)
	n.served(pool, "localhost", "127.0.0.1", "x.app.localhost")
	private(t, dir)
	if s := n.statusOf("localhost"); time.Until(s.NotAfter) > leafLife || !strings.HasPrefix(s.Issuer, "Edge Hive") {
		t.Errorf("status %+v", s)
	}
	for _, name := range []string{"other.localhost", "app.localhost", "a.b.app.localhost", "192.0.2.1"} {
		if _, err := n.dial(name, pool); err == nil || !strings.Contains(err.Error(), "unrecognized name") && name != "192.0.2.1" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Its key is of no use against the rest of the world.
	own := &authority{vault: v, log: testLog()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"bank.example.com"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := own.Issue(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(issued.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "bank.example.com"}); err == nil {
		t.Error("who trusts the root believes it about names that nobody declared")
	}

	// A name that the root may not certify makes another root, and no other does.
	n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"localhost", "new.localhost"}}, v)
	n.served(pool, "new.localhost")
	n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"localhost", "app.example.com"}}, v)
	var again *x509.Certificate
	eventually(t, "another root", func() bool { again, err = loadRoot(t.Context(), v); return err == nil && !again.Equal(root) })
	pool = x509.NewCertPool()
	pool.AddCert(again)
	n.served(pool, "app.example.com", "localhost")
}

func TestOwnAuthorityOfManyNodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var serials []string
	for range 3 {
		n := newNode(t)
		n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"localhost"}}, NewDisk(dir))
		defer func() {
			_, pool := rootOf(t, NewDisk(dir))
			serials = append(serials, n.served(pool, "localhost").SerialNumber.String())
			if len(serials) > 1 && serials[0] != serials[len(serials)-1] {
				t.Errorf("serials %v", serials)
			}
		}()
	}
}

// writePair writes a certificate of itself with its key.
func writePair(t *testing.T, dir, name string, end time.Time) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
	write(t, filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	return pool
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := newNode(t)
	later := time.Now().Add(24 * time.Hour)
	first := writePair(t, dir, "api.example.com", later)
	settings := &manifest.TLS{Kind: manifest.Files, Certificates: []manifest.CertificateFiles{
		{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Path: "server.tls.certificates[0]"},
	}}
	n.use(settings, nil)
	if _, err := n.dial("api.example.com", first); err != nil {
		t.Fatalf("files are served at once: %v", err)
	}
	if !n.c.AllCertified() || !n.c.Ours("API.example.com") || n.c.Ours("example.com") {
		t.Error("what is declared is not what is in the files")
	}
	if state, err := n.dial("192.0.2.7", first); err != nil || len(state.PeerCertificates) != 1 {
		t.Errorf("by an address: %v", err)
	}
	if _, err := n.dial("www.example.com", first); !isUnknownName(err) {
		t.Errorf("another name: %v", err)
	}

	second := writePair(t, dir, "api.example.com", later)
	eventually(t, "the new files", func() bool { _, err := n.dial("api.example.com", second); return err == nil })

	bad := map[string]func(){
		"no PEM":             func() { write(t, filepath.Join(dir, "cert.pem"), []byte("no certificate")) },
		"one that has ended": func() { writePair(t, dir, "api.example.com", time.Now().Add(-time.Minute)) },
		"none":               func() { _ = os.Remove(filepath.Join(dir, "key.pem")) },
	}
	if runtime.GOOS != "windows" {
		bad["a key that all can read"] = func() {
			if err := os.Chmod(filepath.Join(dir, "key.pem"), 0o644); err != nil { // before, lest it is read between the two
				t.Fatal(err)
			}
			writePair(t, dir, "api.example.com", later)
		}
	}
	good := second
	for what, spoil := range bad {
		spoil()
		eventually(t, "it to be said: "+what, func() bool {
			s := n.statusOf("api.example.com")
			return s.State == Failing && s.Error == "files"
		})
		if _, err := n.dial("api.example.com", good); err != nil {
			t.Errorf("%s: what was read before is shown no more: %v", what, err)
		}
		if _, err := n.c.Prepare(settings, nil); err == nil && what != "one that has ended" {
			t.Errorf("%s: a start takes it", what)
		}
		_ = os.Remove(filepath.Join(dir, "key.pem"))
		good = writePair(t, dir, "api.example.com", later)
		eventually(t, "it to heal", func() bool {
			_, err := n.dial("api.example.com", good)
			return err == nil && n.statusOf("api.example.com").State == Valid
		})
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	v := NewDisk(t.TempDir())
	for _, c := range []struct {
		min  string
		most uint16
		ok   bool
	}{{"1.2", tls.VersionTLS12, true}, {"1.2", tls.VersionTLS11, false}, {"1.3", tls.VersionTLS12, false}, {"1.3", tls.VersionTLS13, true}} {
		n.use(&manifest.TLS{Kind: manifest.Internal, Min: c.min, Domains: []string{"localhost"}}, v)
		_, pool := rootOf(t, v)
		n.served(pool, "localhost")
		config := &tls.Config{ServerName: "localhost", RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: c.most, NextProtos: []string{"h2"}}
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", n.https.Addr().String())
		if (err == nil) != c.ok {
			t.Errorf("min %s, a client of at most %x: %v", c.min, c.most, err)
		}
		if err != nil {
			continue
		}
		state := conn.(*tls.Conn).ConnectionState()
		if state.NegotiatedProtocol != "h2" || c.most == tls.VersionTLS13 && state.CurveID != tls.X25519MLKEM768 {
			t.Errorf("%q over %v", state.NegotiatedProtocol, state.CurveID)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhoIsAskedForACertificate(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.c.options.WantsCertificate = func(name string) bool { return name == "mtls.localhost" }
	v := NewDisk(t.TempDir())
	n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"mtls.localhost", "plain.localhost"}}, v)
	_, pool := rootOf(t, v)
	n.served(pool, "mtls.localhost", "plain.localhost")
	for name, want := range map[string]bool{"mtls.localhost": true, "plain.localhost": false} {
		asked := false
		config := &tls.Config{ServerName: name, RootCAs: pool, MinVersion: tls.VersionTLS13, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil
		}}
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", n.https.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if asked != want {
			t.Errorf("%s: asked %v", name, asked)
		}
		_ = conn.Close()
	}
}

func TestHandshakesThatFailAreCounted(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", n.https.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close() // that is no handshake
	if _, err := n.dial("nobody.example.com", nil); !isUnknownName(err) {
		t.Fatal(err)
	}
	eventually(t, "it to be counted", func() bool { return n.c.Stats().FailedHandshakes == 1 })
}

// TestCloseEndsAll closes while tries run.
func TestCloseEndsAll(t *testing.T) {
	n := newNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	silent, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0") // an authority that never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	domain, _ := names(t)
	n.use(&manifest.TLS{Kind: manifest.ACME, Domains: []string{domain}, Issuer: "https://" + silent.Addr().String(), Challenges: []string{"http"}}, NewDisk(t.TempDir()))
	n.c.Close()
	if n.c.life.Err() == nil {
		t.Error("it lives on")
	}
	n.use(&manifest.TLS{Kind: manifest.Internal, Domains: []string{"localhost"}}, NewDisk(t.TempDir())) // too late, and no harm
}

// TestManyDomains has two hundred, and an authority that takes connections and says
// nothing: nobody waits for it, and what waits is small.
func TestManyDomains(t *testing.T) {
	n := newNode(t)
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	domains := make([]string, 200)
	for i := range domains {
		domains[i] = fmt.Sprintf("d%d.example.com", i)
	}
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := memory()
	n.use(&manifest.TLS{Kind: manifest.ACME, Min: "1.2", Domains: domains, Issuer: "https://" + silent.Addr().String(), Challenges: []string{"http"}}, NewDisk(t.TempDir()))
	// It is served: a name that is ours is sent to HTTPS, and has no certificate yet.
	if answer := n.get("d7.example.com", "/"); answer.StatusCode != http.StatusPermanentRedirect {
		t.Errorf("it answers %d", answer.StatusCode)
	}
	if _, err := n.dial("d199.example.com", nil); !isUnknownName(err) {
		t.Errorf("a name that is waited for: %v", err)
	}
	all := n.c.Status()
	if len(all) != len(domains) {
		t.Errorf("the status has %d of %d domains", len(all), len(domains))
	}
	for _, s := range all {
		if s.State != Pending {
			t.Errorf("%+v", s)
		}
	}
	if grown := int64(memory()) - int64(before); grown > 64<<20 {
		t.Errorf("what waits takes %d MB", grown>>20)
	}
	n.c.Close()
}
