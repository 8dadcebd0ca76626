package engine_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/quic-go/quic-go/http3"

	"github.com/edge-hive/edge-hive/runtime/autotls"
	"github.com/edge-hive/edge-hive/runtime/autotls/pebbletest"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// freePorts are some that nobody listens on now, over TCP and UDP.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ports[i] = porttest.Free(t).Number
	}
	return ports
}

// quick has tries follow each other fast.
func quick(o *engine.Options) {
	o.Pace = autotls.Pace{First: 100 * time.Millisecond, Check: 500 * time.Millisecond}
}

// client is who comes by HTTPS, whatever a host's address is.
func (b *backend) client(pool *x509.CertPool, protocols ...string) *http.Client {
	b.t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, NextProtos: protocols},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, b.TLSAddr().String())
		},
	}
	b.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// within waits for what an authority may take its time for.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// textOf is what an address answers.
func textOf(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask asks until there is an answer, and gives it without its body.
func ask(t *testing.T, client *http.Client, url string) *http.Response {
	t.Helper()
	var last error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if last = err; err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	t.Fatalf("%s: %v", url, last)
	return nil
}

// TestTLSFromNothing is a start with nothing but a manifest, and what follows.
func TestTLSFromNothing(t *testing.T) {
	ports := freePorts(t, 3)
	a := pebbletest.Start(t, pebbletest.Options{HTTPPort: ports[0], TLSPort: ports[1]})
	manifest := func(domains string) string {
		text := strings.Replace(base, `server: listen: http: "127.0.0.1:0"`, fmt.Sprintf(`server: {
	listen: {http: "127.0.0.1:%d", https: "127.0.0.1:%d"}
	tls: {kind: "acme", domains: [%s], email: "ops@example.com", issuer: %q, roots: %q}
}
observe: metrics: listen: "127.0.0.1:%d"
`, ports[0], ports[1], domains, a.Directory, a.RootsFile, ports[2]), 1)
		return text
	}
	b := prepare(t, manifest(`"one.example.com", "two.example.com"`))
	began := time.Now()
	b.start(quick)
	client := b.client(a.Pool)
	ask(t, client, "https://one.example.com/health")
	ask(t, client, "https://two.example.com/health")
	t.Logf("two domains are served %v after the start", time.Since(began).Round(time.Millisecond))

	var answer *http.Response
	within(t, "HSTS", func() bool {
		answer = ask(t, client, "https://one.example.com/health")
		return answer.Header.Get("Strict-Transport-Security") == "max-age=31536000"
	})
	if answer.ProtoMajor != 2 || answer.Header.Get("Alt-Svc") != "" {
		t.Errorf("%s, Alt-Svc %q", answer.Proto, answer.Header.Get("Alt-Svc"))
	}
	plain := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: patience}
	defer plain.CloseIdleConnections()
	for host, want := range map[string]string{"one.example.com": "https://one.example.com:" + strconv.Itoa(ports[1]) + "/notes?a=b", "evil.example.net": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL()+"/notes?a=b", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := plain.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := answer.Header.Get("Location"); got != want || answer.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s over plain HTTP: %d to %q", host, answer.StatusCode, got)
		}
	}
	status := b.Status(t.Context())
	if status.TLS == nil || len(status.TLS.Certificates) != 2 || status.TLS.Certificates[0].State != "valid" || len(status.Listeners) != 3 {
		t.Errorf("status: %+v, %+v", status.TLS, status.Listeners)
	}
	metrics := textOf(t, "http://"+b.MetricsAddr().String()+"/metrics")
	for _, want := range []string{`edgehive_tls_certificate_not_after_seconds{domain="one.example.com"} `, `edgehive_tls_certificate_renewals_total{result="ok"} 2`, "edgehive_tls_handshake_errors_total ", `edgehive_connections_open{listener="https"} `} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}

	// Domains change, and whoever is connected stays so.
	conn, err := tls.Dial("tcp", b.TLSAddr().String(), &tls.Config{ServerName: "two.example.com", RootCAs: a.Pool, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b.mustReload(manifest(`"two.example.com", "three.example.com"`))
	ask(t, client, "https://three.example.com/health")
	if _, err := fmt.Fprint(conn, "GET /health HTTP/1.1\r\nHost: two.example.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1000)); err != nil || n == 0 {
		t.Errorf("who was connected before the reload: %v", err)
	}
	if gone, err := tls.Dial("tcp", b.TLSAddr().String(), &tls.Config{ServerName: "one.example.com", RootCAs: a.Pool, MinVersion: tls.VersionTLS12}); err == nil {
		_ = gone.Close()
		t.Error("a domain that was taken away is served")
	}
	if a.Issued.Load() != 3 {
		t.Errorf("%d certificates for three domains", a.Issued.Load())
	}

	// What needs a restart says so.
	out := b.reload(base)
	if out.Result != admin.Refused || len(out.Faults) == 0 || out.Faults[0].Code != "needs-restart" {
		t.Errorf("without TLS: %v", out.Faults)
	}
}

// TestHTTP3 is the same backend over UDP, with certificates of its own.
func TestHTTP3(t *testing.T) {
	b := start(t, strings.Replace(base, `server: listen: http: "127.0.0.1:0"`, `server: {
	listen: {http: "127.0.0.1:0", https: "127.0.0.1:0", http3: "127.0.0.1:0"}
	tls: {kind: "internal", domains: ["app.localhost"]}
}
`, 1), quick)
	pool := x509.NewCertPool()
	within(t, "the root", func() bool {
		text, err := os.ReadFile(filepath.Join(b.dir, "data", "certificates", "internal", "root.crt"))
		return err == nil && pool.AppendCertsFromPEM(text)
	})
	answer := ask(t, b.client(pool), "https://app.localhost/health")
	if answer.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS with an authority of our own")
	}
	alternative := answer.Header.Get("Alt-Svc")
	var address string
	for _, l := range b.Status(t.Context()).Listeners {
		if l.Name == "http3" {
			address = l.Address
		}
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil || alternative != `h3=":`+port+`"; ma=86400` {
		t.Fatalf("Alt-Svc %q, listening on %q: %v", alternative, address, err)
	}
	transport := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "app.localhost", MinVersion: tls.VersionTLS13}}
	client := &http.Client{Transport: transport, Timeout: patience}
	over := ask(t, client, "https://"+address+"/health")
	if over.ProtoMajor != 3 || over.StatusCode != http.StatusOK || over.Header.Get("X-Request-Id") == "" || over.Header.Get("Alt-Svc") != "" {
		t.Errorf("%s %d %v", over.Proto, over.StatusCode, over.Header)
	}
	rows, err := client.Get("https://" + address + "/api/data/notes")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(rows.Body)
	if err != nil || rows.StatusCode != http.StatusOK || strings.TrimSpace(string(text)) != "[]" {
		t.Errorf("rows over HTTP/3: %d %s %v", rows.StatusCode, text, err)
	}
	_ = rows.Body.Close()
	if err := b.Close(); err != nil { // with a client that is connected
		t.Errorf("stop: %v", err)
	}
	if err := transport.Close(); err != nil {
		t.Error(err)
	}
}

func TestDevSpeaksNoTLS(t *testing.T) {
	b := start(t, strings.Replace(base, `server: listen: http: "127.0.0.1:0"`, `server: {
	listen: http: "127.0.0.1:0"
	tls: {kind: "internal"}
}
`, 1), func(o *engine.Options) { o.Dev = true })
	if b.TLSAddr() != nil || !strings.Contains(textOf(t, b.URL()+"/health"), "ok") {
		t.Error("dev speaks TLS, or nothing")
	}
}

// TestCertificatesInABucket has nodes keep theirs together.
func TestCertificatesInABucket(t *testing.T) {
	t.Setenv("S3_KEY", "key")
	t.Setenv("S3_SECRET", "secret")
	back := s3mem.New()
	if err := back.CreateBucket("vault"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(back).Server())
	defer server.Close()
	text := strings.Replace(base, `server: listen: http: "127.0.0.1:0"`, fmt.Sprintf(`server: {
	listen: {http: "127.0.0.1:0", https: "127.0.0.1:0"}
	tls: {kind: "internal", domains: ["app.localhost"], storage: {
		kind: "s3", endpoint: %q, bucket: "vault", prefix: "shop", key: env: "S3_KEY", secret: env: "S3_SECRET"
	}}
}
`, server.URL), 1)
	one, two := start(t, text, quick), start(t, text, quick)
	root, file, err := engine.Root(t.Context(), one.Manifest())
	if err != nil || file != "" {
		t.Fatalf("%q %v", file, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	first := ask(t, one.client(pool), "https://app.localhost/health")
	second := ask(t, two.client(pool), "https://app.localhost/health")
	if a, b := first.TLS.PeerCertificates[0], second.TLS.PeerCertificates[0]; !a.Equal(b) {
		t.Errorf("two nodes have certificates %v and %v", a.SerialNumber, b.SerialNumber)
	}
	if _, err := os.Stat(filepath.Join(one.dir, "data", "certificates")); !os.IsNotExist(err) {
		t.Errorf("something is kept on the disk, too: %v", err)
	}
}

// TestWithoutTLSOverHTTP2 is what proxies of gRPC speak.
func TestWithoutTLSOverHTTP2(t *testing.T) {
	for _, declared := range []bool{false, true} {
		b := start(t, strings.Replace(base, `server: listen: http: "127.0.0.1:0"`, fmt.Sprintf(`server: {listen: http: "127.0.0.1:0", h2c: %v}`, declared), 1))
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: transport, Timeout: patience}
		answer, err := client.Get(b.URL() + "/health")
		if err == nil {
			_ = answer.Body.Close()
		}
		if (err == nil) != declared || err == nil && answer.ProtoMajor != 2 {
			t.Errorf("h2c %v: %v", declared, err)
		}
		transport.CloseIdleConnections()
	}
}
