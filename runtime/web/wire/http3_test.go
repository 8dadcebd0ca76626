package wire_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// TestHTTP3HasNoConnectionHeader: what ends a connection of HTTP/1.1 makes an answer
// over HTTP/3 none, and refusals are to arrive.
func TestHTTP3HasNoConnectionHeader(t *testing.T) {
	own := httptest.NewUnstartedServer(nil)
	own.StartTLS()
	defer own.Close()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: own.TLS.Certificates, MinVersion: tls.VersionTLS13}
	server, err := wire.NewHTTP3(conn, config, [32]byte{1}, wire.Bounds{Total: 10, PerAddress: 10}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Keep-Alive", "timeout=1")
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusMisdirectedRequest)
		}
		_, _ = io.WriteString(w, "said")
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	client := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: own.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS13}}
	for path, code := range map[string]int{"/refused": http.StatusMisdirectedRequest, "/plain": http.StatusOK} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+conn.LocalAddr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != code || string(body) != "said" {
			t.Errorf("%s: %d %q %v", path, res.StatusCode, body, err)
		}
		_ = res.Body.Close()
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served // it says that it was closed
}
