package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no Unix sockets here: ", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://localhost/here")
		fmt.Fprint(w, r.Host, r.RequestURI)
	})}}
	s.Start()
	defer s.Close()
	f := newFront(t, declared("unix:"+path))
	res, body := get(t, client(t), f.URL+"/x", "Host: www.example.com")
	if body != "www.example.com/x" || res.Header.Get("Location") != "/here" {
		t.Errorf("%q %v", body, res.Header)
	}
}

// TestHTTPS trusts who is declared to be trusted, and shows a certificate where one
// is declared.
func TestHTTPS(t *testing.T) {
	var shown atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(int64(len(r.TLS.PeerCertificates)))
		fmt.Fprint(w, r.Proto, r.Host)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	save := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	d := declared(s.URL)
	f := newFront(t, d)
	if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "x509") {
		t.Errorf("without trust: %d %s", res.StatusCode, body)
	}
	d = declared(s.URL)
	d.Roots = save("ca.pem", "CERTIFICATE", pair.Certificate[0])
	d.Certificate = &manifest.CertificateFiles{Cert: save("cert.pem", "CERTIFICATE", pair.Certificate[0]), Key: save("key.pem", "PRIVATE KEY", key)}
	f = newFront(t, d)
	if res, body := get(t, client(t), f.URL, "Host: www.example.com"); res.StatusCode != http.StatusOK || body != "HTTP/2.0www.example.com" || shown.Load() != 1 {
		t.Errorf("%d %s, %d certificates shown", res.StatusCode, body, shown.Load())
	}
}
