package wire_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// TestHTTP3IsBounded: what one client may ask for at once, how much it may say of
// itself, and how many connections an address may have, are bounded as over TCP.
func TestHTTP3IsBounded(t *testing.T) {
	own := httptest.NewUnstartedServer(nil)
	own.StartTLS()
	defer own.Close()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const streams, more = 100, 5
	var running, most, long atomic.Int64
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Long") != "" {
			long.Add(1)
		}
		if r.URL.Path == "/wait" {
			now := running.Add(1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			<-release
			running.Add(-1)
		}
		_, _ = io.WriteString(w, "said")
	})
	config := &tls.Config{Certificates: own.TLS.Certificates, MinVersion: tls.VersionTLS13}
	server, err := wire.NewHTTP3(conn, config, [32]byte{1}, wire.Bounds{Total: 10, PerAddress: 2}, handler, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	newClient := func() *http3.Transport {
		client := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: own.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS13}}
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	get := func(client *http3.Transport, path string, header http.Header) (int, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+conn.LocalAddr().String()+path, nil)
		if err != nil {
			return 0, err
		}
		maps.Copy(r.Header, header)
		res, err := client.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}

	first := newClient()
	var waiting sync.WaitGroup
	for range streams + more {
		waiting.Go(func() {
			if code, err := get(first, "/wait", nil); err != nil || code != http.StatusOK {
				t.Errorf("one of many: %d %v", code, err)
			}
		})
	}
	for end := time.Now().Add(time.Minute); running.Load() < streams && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	close(release)
	waiting.Wait()
	if most.Load() != streams {
		t.Errorf("%d requests ran at once, want %d", most.Load(), streams)
	}

	if code, err := get(first, "/", http.Header{"Long": {strings.Repeat("x", 64<<10)}}); err == nil && code != http.StatusRequestHeaderFieldsTooLarge || long.Load() != 0 {
		t.Errorf("a header of 64 KiB: %d %v, and it was handled %d times", code, err, long.Load())
	}

	second := newClient()
	if code, err := get(second, "/", nil); err != nil || code != http.StatusOK {
		t.Errorf("the second connection: %d %v", code, err)
	}
	if code, err := get(newClient(), "/", nil); err == nil {
		t.Errorf("a third connection of one address is answered: %d", code)
	}
	if server.Refused() == 0 || server.Open() != 2 {
		t.Errorf("%d connections are open, %d were refused", server.Open(), server.Refused())
	}
	if code, err := get(first, "/", nil); err != nil || code != http.StatusOK {
		t.Errorf("who was there before: %d %v", code, err)
	}
	_ = first.Close()
	_ = second.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served // it says that it was closed
}
