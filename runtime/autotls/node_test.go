package autotls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/autotls/pebbletest"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// node is a backend's front, as the engine makes it.
type node struct {
	t           *testing.T
	c           *Certificates
	http, https net.Listener
	// blind has who dials take any certificate.
	blind bool
}

// fast is a pace for tests.
var fast = Pace{First: 50 * time.Millisecond, Check: 200 * time.Millisecond, Files: 50 * time.Millisecond}

func newNode(t *testing.T) *node {
	t.Helper()
	t.TempDir() // the folder of the test is removed after the node is gone
	n := &node{t: t}
	var err error
	if n.http, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if n.https, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	n.c = New(Options{Log: testLog(), HTTP: n.http.Addr(), HTTPS: n.https.Addr(), Pace: fast})
	plain := &http.Server{Handler: Redirect{Certificates: n.c, Port: func(string) string { return "" }}, ReadHeaderTimeout: time.Minute}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	secure := &http.Server{Handler: hello, ReadHeaderTimeout: time.Minute, ErrorLog: n.c.ErrorLog(slog.New(slog.DiscardHandler))}
	go func() { _ = plain.Serve(n.http) }()
	go func() { _ = secure.Serve(tls.NewListener(n.https, n.c.TLSConfig())) }()
	t.Cleanup(func() { n.c.Close(); _ = plain.Close(); _ = secure.Close() })
	return n
}

func testLog() *slog.Logger {
	if os.Getenv("EDGEHIVE_PEBBLE_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

func (n *node) authority(o pebbletest.Options) *pebbletest.CA {
	n.t.Helper()
	o.HTTPPort, o.TLSPort = portOf(n.http.Addr()), portOf(n.https.Addr())
	return pebbletest.Start(n.t, o)
}

// acmeOf is a manifest's settings for an authority.
func acmeOf(a *pebbletest.CA, domains ...string) *manifest.TLS {
	return &manifest.TLS{
		Kind: manifest.ACME, Min: "1.2", Domains: domains, Issuer: a.Directory, Roots: a.RootsFile,
		Challenges: []string{"http", "alpn"}, Path: "server.tls",
	}
}

func (n *node) use(t *manifest.TLS, v Vault) {
	n.t.Helper()
	s, err := n.c.Prepare(t, v)
	if err != nil {
		n.t.Fatal(err)
	}
	n.c.Use(s)
}

// dial shakes hands for a name.
func (n *node) dial(name string, pool *x509.CertPool, protocols ...string) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), 30*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: pool, NextProtos: protocols, MinVersion: tls.VersionTLS12, InsecureSkipVerify: n.blind}}
	conn, err := d.DialContext(ctx, "tcp", n.https.Addr().String())
	if err != nil {
		return nil, err
	}
	state := conn.(*tls.Conn).ConnectionState()
	return &state, conn.Close()
}

// eventually waits for what a machine may take its time for.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// served waits until each name is served with a certificate that a pool believes.
func (n *node) served(pool *x509.CertPool, names ...string) *x509.Certificate {
	n.t.Helper()
	var leaf *x509.Certificate
	for _, name := range names {
		var last error
		defer func() {
			if n.t.Failed() {
				n.t.Logf("%s: %v; %+v", name, last, n.c.Status())
			}
		}()
		eventually(n.t, name+" to be served", func() bool {
			state, err := n.dial(name, pool)
			if last = err; err != nil {
				return false
			}
			leaf = state.PeerCertificates[0]
			return true
		})
	}
	return leaf
}

func (n *node) statusOf(name string) Status {
	for _, s := range n.c.Status() {
		if s.Name == name {
			return s
		}
	}
	return Status{}
}

// get asks the plain listener.
func (n *node) get(host, path string) *http.Response {
	n.t.Helper()
	r := httptest.NewRequestWithContext(n.t.Context(), http.MethodGet, "http://"+n.http.Addr().String()+path, nil)
	r.Host, r.RequestURI = host, ""
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		n.t.Fatal(err)
	}
	return answer
}

// names are two that no other test has: challenges are known by name to the whole
// process.
func names(t *testing.T) (one, two string) {
	name := strings.ReplaceAll(strings.ToLower(t.Name()), "/", ".") + ".example.com"
	return "one." + name, "two." + name
}

func isUnknownName(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unrecognized name")
}

func clientWith(roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

// private fails where anybody else may read what is in a folder.
func private(t *testing.T, dir string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && file != dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", file, info.Mode())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
