package front_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

var (
	// binary is the command that serves all rows.
	binary string
	// authority, server and client are certificates in PEM; the keys beside.
	authority, serverCert, serverKey, clientCert, clientKey string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "edge-hive-front-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "edge-hive")
	for _, prepare := range []func() error{func() error { return backend.Install(binary) }, makeCertificates, makeSecrets} {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// makeSecrets sets what manifests of the table take from the environment.
func makeSecrets() error {
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"ANN_HASH": string(hash), "CLOUDFLARE_TOKEN": "a-token-of-nobody-0123456789abcdef0123456"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// makeCertificates makes an authority, and one certificate for all servers and one
// for a client.
func makeCertificates() error {
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of the tests"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	issue := func(template *x509.Certificate, key *ecdsa.PrivateKey) (certificate, private string, err error) {
		raw, err := x509.CreateCertificate(rand.Reader, template, root, key.Public(), rootKey)
		if err != nil {
			return "", "", err
		}
		rawKey, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return "", "", err
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey})), nil
	}
	leaf := func(number int64, name string, usage x509.ExtKeyUsage) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		}
	}
	if authority, _, err = issue(root, rootKey); err != nil {
		return err
	}
	serverPrivate, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	server := leaf(2, "example.com", x509.ExtKeyUsageServerAuth)
	server.DNSNames, server.IPAddresses = []string{"example.com", "www.example.com"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	if serverCert, serverKey, err = issue(server, serverPrivate); err != nil {
		return err
	}
	clientPrivate, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	clientCert, clientKey, err = issue(leaf(3, "a partner", x509.ExtKeyUsageClientAuth), clientPrivate)
	return err
}

// siteFiles are the files that every row finds.
func siteFiles() map[string]string {
	long := "// a long text, which is worth being compressed\n"
	for len(long) < 4<<10 {
		long += long
	}
	return map[string]string{
		"public/index.html": "<h1>home</h1>", "public/404.html": "<h1>nothing here</h1>", "public/about.html": "about us", "public/docs/index.html": "the docs",
		"public/app.js": "let a = 1", "public/app.js.gz": "as gzip", "public/app.js.br": "as brotli", "public/app.js.zst": "as zstd",
		"public/app.3f9a2b1c.js": "hashed", "public/long.js": long, "public/short.js": long[:300], "public/photo.bin": "0123456789",
		"public/.env": "SECRET=1", "public/.git/config": "SECRET", "public/.well-known/security.txt": "Contact: mailto:ops@example.com", "public/img/a.svg": "<svg/>",
		"dist/app.css": "body {}",
		"tls/ca.pem":   authority, "tls/cert.pem": serverCert, "tls/key.pem": serverKey,
	}
}
