package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// issuer makes certificates of clients.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	made := issue(t, nil, "the root", time.Hour, x509.ExtKeyUsageClientAuth)
	i := &issuer{certificate: made.Leaf, key: made.PrivateKey.(*ecdsa.PrivateKey), file: filepath.Join(t.TempDir(), "roots.pem")}
	if err := os.WriteFile(i.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Leaf.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// issue makes a certificate; by nobody, it is a root.
func issue(t *testing.T, by *issuer, name string, life time.Duration, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, EmailAddresses: []string{name + "@example.com"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(life), ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	parent, signer := template, key
	if by == nil {
		template.IsCA, template.BasicConstraintsValid, template.ExtKeyUsage = true, true, nil
	} else {
		parent, signer = by.certificate, by.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// TestClientCertificates goes through real TLS, which asks for certificates and
// judges none.
func TestClientCertificates(t *testing.T) {
	ours, other := newIssuer(t), newIssuer(t)
	mtls := func(name string, names ...string) manifest.Middleware {
		return manifest.Middleware{Name: name, Certificate: &manifest.ClientCertificate{Roots: ours.file, Names: names}}
	}
	route := func(host, path, use string) manifest.Route {
		r := words(manifest.Route{Host: host, URLPath: path}, "in")
		r.Use = []string{use}
		return r
	}
	m := guarded([]manifest.Middleware{mtls("any"), mtls("ann", "ann"), mtls("mail", "ben@example.com")},
		route("a.example.com", "/any", "any"), route("a.example.com", "/ann", "ann"), route("a.example.com", "/mail", "mail"),
		route("*.wild.example.com", "/any", "any"), words(manifest.Route{Host: "b.example.com", URLPath: "/any"}, "open"))
	s := newSite(t, m, runs(nothing))
	for name, want := range map[string]bool{
		"a.example.com": true, "A.Example.Com": true, "x.wild.example.com": true, "y.x.wild.example.com": false, "wild.example.com": false,
		"b.example.com": false, "": true,
	} {
		if got := s.WantsCertificate(name); got != want {
			t.Errorf("%q is asked for a certificate: %v", name, got)
		}
	}
	server := httptest.NewUnstartedServer(s.Handler)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ann := issue(t, ours, "ann", time.Hour, x509.ExtKeyUsageClientAuth)
	for _, c := range []struct {
		name              string
		certificate       *tls.Certificate
		connect, host, at string
		status            int
	}{
		{"nothing", nil, "a.example.com", "a.example.com", "/any", 403},
		{"ours", &ann, "a.example.com", "a.example.com", "/any", 200},
		{"ours, with a port", &ann, "a.example.com", "A.example.com:8443", "/any", 200},
		{"its name", &ann, "a.example.com", "a.example.com", "/ann", 200},
		{"its mail", &ann, "a.example.com", "a.example.com", "/mail", 403},
		{"another name", of(issue(t, ours, "ben", time.Hour, x509.ExtKeyUsageClientAuth)), "a.example.com", "a.example.com", "/ann", 403},
		{"another mail", of(issue(t, ours, "ben", time.Hour, x509.ExtKeyUsageClientAuth)), "a.example.com", "a.example.com", "/mail", 200},
		{"another issuer", of(issue(t, other, "ann", time.Hour, x509.ExtKeyUsageClientAuth)), "a.example.com", "a.example.com", "/any", 403},
		{"over", of(issue(t, ours, "ann", -time.Hour, x509.ExtKeyUsageClientAuth)), "a.example.com", "a.example.com", "/any", 403},
		{"a server's", of(issue(t, ours, "ann", time.Hour, x509.ExtKeyUsageServerAuth)), "a.example.com", "a.example.com", "/any", 403},
		{"another host's connection", &ann, "b.example.com", "a.example.com", "/any", 421},
		{"a host that asks for none", nil, "b.example.com", "b.example.com", "/any", 200},
		{"a wildcard", &ann, "x.wild.example.com", "x.wild.example.com", "/any", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			configuration := &tls.Config{InsecureSkipVerify: true, ServerName: c.connect}
			if c.certificate != nil {
				configuration.Certificates = []tls.Certificate{*c.certificate}
			}
			transport := &http.Transport{TLSClientConfig: configuration, ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			for range 2 { // the second time from memory
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+c.at, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = c.host
				response, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				if body := readAll(t, response); response.StatusCode != c.status {
					t.Errorf("%d %s, want %d", response.StatusCode, body, c.status)
				}
			}
		})
	}
	wantFault(t, s.do("GET", "http://a.example.com/any", ""), 403, "certificate-needed") // plain HTTP
	m.Server.Use = []string{"any"}
	if all := newSite(t, m, runs(nothing), func(*web.Options) {}); !all.WantsCertificate("anything.example") {
		t.Error("server.use asks everywhere")
	}
}

func of(certificate tls.Certificate) *tls.Certificate { return &certificate }
