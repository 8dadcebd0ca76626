//go:build linux

package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/autotls/pebbletest"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// publicHost is the name under which sites are looked at.
const publicHost = "www.example.com"

// publicSite is the program itself, serving a folder by HTTPS as on the internet.
type publicSite struct {
	address string // of HTTPS
	roots   string // the file of what its certificate is believed by
	pool    *x509.CertPool
}

const publicManifest = `
manifest: 1
name: "public"
server: {
	listen: {http: %q, https: %q}
	tls: %s
}
limits: {connections: 10000, connectionsPerAddress: 10000}
rates: default: {per: "ip", requests: 1000000000, window: "1m"}
routes: "/*": static: dir: "site"
`

// startPublicSite starts one; tls makes what the manifest says of certificates, and
// the roots.
func startPublicSite(t *testing.T, certificates func(t *testing.T, dir string, http, https *porttest.Port) (text string, roots []byte)) *publicSite {
	t.Helper()
	dir, err := os.MkdirTemp("", "hive") // short: the socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	plain, secure := porttest.Free(t), porttest.Free(t)
	text, roots := certificates(t, dir, plain, secure)
	s := &publicSite{address: secure.Address(), roots: filepath.Join(dir, "roots.pem"), pool: x509.NewCertPool()}
	if !s.pool.AppendCertsFromPEM(roots) {
		t.Fatal("there is no root")
	}
	writePublic(t, s.roots, roots)
	writePublic(t, filepath.Join(dir, "edgehive.cue"), fmt.Appendf(nil, publicManifest, plain.Address(), secure.Address(), text))
	if err := os.Mkdir(filepath.Join(dir, "site"), 0o700); err != nil {
		t.Fatal(err)
	}
	writePublic(t, filepath.Join(dir, "site", "index.html"), []byte("<!doctype html><title>A site</title>\n"))
	program, err := exec.LookPath("edge-hive")
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, "serve")
	process.Dir, process.Stdout, process.Stderr = dir, said, said
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := process.Wait(); err != nil {
			t.Errorf("the site has ended: %v", err)
		}
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); t.Failed() {
			t.Logf("the log: %s %v", tail(text, 8<<10), err)
		}
	})
	s.await(t)
	return s
}

func writePublic(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// await waits until it has its certificate, and what an authority says of it.
func (s *publicSite) await(t *testing.T) {
	t.Helper()
	var last error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		conn, err := s.dial(t.Context(), &tls.Config{})
		if last = err; err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("it is not served: %v", last)
}

func (s *publicSite) port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// dial shakes hands with it.
func (s *publicSite) dial(ctx context.Context, config *tls.Config) (*tls.Conn, error) {
	config.RootCAs = s.pool
	if config.ServerName == "" {
		config.ServerName = publicHost
	}
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: config}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// fromAuthority has it ask an authority, whose certificates name a responder and
// have one between them and the root.
func fromAuthority(t *testing.T, _ string, http, https *porttest.Port) (text string, roots []byte) {
	t.Helper()
	a := pebbletest.Start(t, pebbletest.Options{HTTPPort: http.Number, TLSPort: https.Number, OCSP: true})
	return fmt.Sprintf(`{kind: "acme", domains: [%q], email: "ops@example.com", issuer: %q, roots: %q}`, publicHost, a.Directory, a.RootsFile), a.Root
}

// fromFiles gives it a chain of three in files, with keys of RSA, for its address,
// too: who comes without a name is answered.
func fromFiles(t *testing.T, dir string, _, _ *porttest.Port) (text string, roots []byte) {
	t.Helper()
	root := certify(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "A root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, newRSA(t))
	between := certify(t, root, &x509.Certificate{Subject: pkix.Name{CommonName: "Between"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, newRSA(t))
	leaf := certify(t, between, &x509.Certificate{
		Subject: pkix.Name{CommonName: publicHost}, DNSNames: []string{publicHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		CRLDistributionPoints: []string{"http://127.0.0.1:1/revoked.crl"},
		KeyUsage:              x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, newRSA(t))
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	writePublic(t, filepath.Join(dir, "cert.pem"), append(leaf.pem, between.pem...))
	writePublic(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	return `{kind: "files", certificates: [{cert: "cert.pem", key: "key.pem"}]}`, root.pem
}

// certified is a certificate with its key.
type certified struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         []byte
}

// certify makes a certificate for 90 days; without an issuer, of itself.
func certify(t *testing.T, by *certified, template *x509.Certificate, key crypto.Signer) *certified {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.BasicConstraintsValid = number, true
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	if by == nil {
		by = &certified{certificate: template, key: key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &certified{made, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})}
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
