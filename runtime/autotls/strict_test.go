package autotls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const strictName = "www.example.com"

// chained is a certificate by an authority that has another one between, in files.
func chained(t *testing.T, key crypto.Signer, names ...string) (*manifest.TLS, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	now := time.Now()
	issue := func(template, by *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
		template.SerialNumber, template.NotBefore, template.NotAfter, template.BasicConstraintsValid = serial(), now.Add(-time.Hour), now.Add(24*time.Hour), true
		der, err := x509.CreateCertificate(rand.Reader, template, by, public, signer)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	rootKey, betweenKey := newECDSA(t), newECDSA(t)
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "A root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	root := issue(template, template, rootKey.Public(), rootKey)
	between := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Between"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, root, betweenKey.Public(), rootKey)
	leaf := issue(&x509.Certificate{DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature}, between, key.Public(), betweenKey)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	write(t, filepath.Join(dir, "cert.pem"), append(block(leaf), block(between)...))
	write(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	write(t, filepath.Join(dir, "root.pem"), block(root))
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &manifest.TLS{Kind: manifest.Files, Certificates: []manifest.CertificateFiles{
		{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Path: "server.tls.certificates[0]"},
	}}, pool
}

func newECDSA(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// shake shakes hands as a client is configured, and waits for what comes after.
func (n *node) shake(config *tls.Config) (tls.ConnectionState, error) {
	if config.ServerName == "" {
		config.ServerName = strictName
	}
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: config}).DialContext(n.t.Context(), "tcp", n.https.Addr().String())
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if config.ClientSessionCache != nil { // a ticket comes with the first answer
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+strictName+"\r\nConnection: close\r\n\r\n"); err != nil {
			return tls.ConnectionState{}, err
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return tls.ConnectionState{}, err
		}
	}
	return conn.(*tls.Conn).ConnectionState(), nil
}

// TestTLSIsStrict is what public checks look at: what is spoken, exactly, and what is
// not. `make public` has the checks themselves.
func TestTLSIsStrict(t *testing.T) {
	t.Parallel()
	secret, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    crypto.Signer
		suites []uint16
	}{
		"ecdsa": {newECDSA(t), []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
		"rsa":   {secret, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			settings, pool := chained(t, c.key, strictName)
			n.use(settings, nil)
			n.strictVersions(t, pool)
			n.strictSuites(t, pool, c.suites)
			n.strictCurves(t, pool)
			n.strictProtocols(t, pool)
			n.strictByOpenSSL(t, filepath.Join(filepath.Dir(settings.Certificates[0].Cert), "root.pem"))
		})
	}
}

func (n *node) strictVersions(t *testing.T, pool *x509.CertPool) {
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		state, err := n.shake(&tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "protocol version not supported") {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if ok && len(state.PeerCertificates) != 2 {
			t.Errorf("%s: %d certificates, want the one and that between it and the root", tls.VersionName(version), len(state.PeerCertificates))
		}
	}
	// SSL 3.0, which Go's client does not speak: a hello of one suite.
	conn, err := net.Dial("tcp", n.https.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := slices.Concat([]byte{3, 0}, make([]byte, 32), []byte{0, 0, 2, 0, 0x2f, 1, 0})
	hello = slices.Concat([]byte{1, 0, 0, byte(len(hello))}, hello)
	if _, err := conn.Write(slices.Concat([]byte{22, 3, 0, 0, byte(len(hello))}, hello)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || len(answer) != 7 || answer[0] != 21 || answer[6] != 70 { // an alert: protocol_version
		t.Errorf("SSL 3.0: %x %v", answer, err)
	}
}

func (n *node) strictSuites(t *testing.T, pool *x509.CertPool, want []uint16) {
	var taken []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			continue
		}
		state, err := n.shake(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if err == nil && state.CipherSuite == suite.ID {
			taken = append(taken, suite.ID)
		}
	}
	slices.Sort(taken)
	slices.Sort(want)
	if !slices.Equal(taken, want) {
		t.Errorf("the suites %x are taken, want %x", taken, want)
	}
}

func (n *node) strictCurves(t *testing.T, pool *x509.CertPool) {
	first, err := n.shake(&tls.Config{RootCAs: pool})
	if err != nil || first.Version != tls.VersionTLS13 || first.CurveID != tls.X25519MLKEM768 {
		t.Errorf("the first curve is %v: %v", first.CurveID, err)
	}
	for _, curve := range []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} {
		state, err := n.shake(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{curve}})
		if err != nil || state.CurveID != curve {
			t.Errorf("%v: %v, %v", curve, state.CurveID, err)
		}
	}
}

func (n *node) strictProtocols(t *testing.T, pool *x509.CertPool) {
	for _, c := range []struct {
		offered []string
		want    string
		ok      bool
	}{
		{nil, "", true},
		{[]string{"h2"}, "h2", true},
		{[]string{"http/1.1"}, "http/1.1", true},
		{[]string{"http/1.1", "h2"}, "h2", true},
		{[]string{"h2c", "spdy/3.1"}, "", false},
		{[]string{"acme-tls/1"}, "", false},
		{[]string{"h3"}, "", false},
	} {
		state, err := n.shake(&tls.Config{RootCAs: pool, NextProtos: c.offered})
		if (err == nil) != c.ok || state.NegotiatedProtocol != c.want || err != nil && !strings.Contains(err.Error(), "no application protocol") {
			t.Errorf("%v: %q %v", c.offered, state.NegotiatedProtocol, err)
		}
	}
	for _, name := range []string{"example.com", "www.example.com.evil.example", "wwww.example.com"} {
		if _, err := n.shake(&tls.Config{RootCAs: pool, ServerName: name}); !isUnknownName(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// strictByOpenSSL is what Go's client cannot ask for.
func (n *node) strictByOpenSSL(t *testing.T, roots string) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
			t.Error("openssl is not on this machine")
		}
		t.Log("not looked at by openssl: it is not on this machine")
		return
	}
	client := func(in string, arguments ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), program, append([]string{"s_client", "-connect", n.https.Addr().String(), "-CAfile", roots, "-verify_return_error"}, arguments...)...)
		command.Stdin = strings.NewReader(in)
		said, err := command.CombinedOutput()
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			t.Fatal(err)
		}
		return string(said)
	}
	for _, c := range []struct {
		what, in  string
		arguments []string
		want      []string
	}{
		{"renegotiation", "R\n", []string{"-tls1_2", "-servername", strictName}, []string{"Secure Renegotiation IS supported", "Compression: NONE", "Verify return code: 0 (ok)", "RENEGOTIATING", "alert unexpected message"}},
		{"a downgrade", "", []string{"-tls1_2", "-servername", strictName, "-fallback_scsv"}, []string{"inappropriate fallback"}},
		{"no name", "", []string{"-noservername"}, []string{"unrecognized name"}},
		{"0-RTT", "Q\n", []string{"-tls1_3", "-servername", strictName}, []string{"Early data was not sent", "Verify return code: 0 (ok)"}},
	} {
		said := client(c.in, c.arguments...)
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: there is no %q in %s", c.what, want, said)
			}
		}
	}
}

// TestTickets has a client go on with its session until the key of its ticket is gone.
func TestTickets(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			n := newNode(t)
			var asks atomic.Bool
			n.c.options.WantsCertificate = func(string) bool { return asks.Load() }
			settings, pool := chained(t, newECDSA(t), strictName)
			n.use(settings, nil)
			asked := false
			config := &tls.Config{RootCAs: pool, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}}
			resumes := func(what string, want bool) {
				t.Helper()
				state, err := n.shake(config)
				if err != nil || state.DidResume != want {
					t.Errorf("%s: a session was resumed: %v, want %v: %v", what, state.DidResume, want, err)
				}
			}
			resumes("the first time", false)
			resumes("the second", true)
			n.use(settings, nil)
			resumes("after a reload", true)
			n.c.rotate()
			resumes("with the key before", true)
			before, _ := config.ClientSessionCache.Get(strictName)
			n.c.rotate()
			resumes("with the ticket of the key before", true)
			n.c.rotate()
			config.ClientSessionCache.Put(strictName, before)
			resumes("when its key is gone", false)
			if session, ok := config.ClientSessionCache.Get(strictName); !ok || earlyData(t, session) {
				t.Error("a ticket lets requests come with the first packet")
			}
			resumes("with another", true)
			if asked {
				t.Error("who is not to show a certificate was asked for one")
			}
			asks.Store(true)
			resumes("where a certificate is wanted since", false)
			if !asked {
				t.Error("a session that began without a certificate goes on where one is wanted")
			}
			resumes("that has been asked", true)
		})
	}
}

func earlyData(t *testing.T, session *tls.ClientSessionState) bool {
	t.Helper()
	_, state, err := session.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	return state.EarlyData
}

// TestTicketsRotate has the keys change by themselves.
func TestTicketsRotate(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.c.options.Pace.Tickets = 20 * time.Millisecond
	settings, _ := chained(t, newECDSA(t), strictName)
	n.use(settings, nil)
	keys := func() tickets {
		n.c.tickets.mu.Lock()
		defer n.c.tickets.mu.Unlock()
		return n.c.tickets.plain
	}
	first := keys()[0]
	eventually(t, "the first key to be gone", func() bool {
		now := keys()
		return len(now) == ticketKeys && !slices.Contains(now, first)
	})
	n.c.tickets.mu.Lock()
	defer n.c.tickets.mu.Unlock()
	if slices.ContainsFunc(n.c.tickets.plain, func(key [32]byte) bool {
		return slices.Contains(n.c.tickets.asking, key) || bytes.Equal(key[:], make([]byte, 32))
	}) {
		t.Error("keys are shared, or none")
	}
}
