package web_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// TestProxyOverHTTP3: what has no body is known to have none, though nothing says so:
// it is tried again, and answers are kept. What has one arrives with it.
func TestProxyOverHTTP3(t *testing.T) {
	drops := behind(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	asked := make(chan string, 10)
	well := behind(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		asked <- fmt.Sprintf("%s %d %q %v %v", r.Method, r.ContentLength, body, r.TransferEncoding, err)
		w.Header().Set("Trailer", "X-End")
		fmt.Fprint(w, "well")
		w.Header().Set("X-End", "said")
	})
	m := proxied(drops, func(r *manifest.Route) {
		r.Proxy.To, r.Proxy.Balance, r.Proxy.FailCount = []string{drops, well}, "roundRobin", 0
	})
	s := newSite(t, m)
	own := httptest.NewUnstartedServer(nil)
	own.StartTLS()
	defer own.Close()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: own.TLS.Certificates, MinVersion: tls.VersionTLS13}
	server, err := wire.NewHTTP3(conn, config, [32]byte{1}, wire.Bounds{Total: 10, PerAddress: 10}, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	client := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: own.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS13}}
	send := func(method string, body io.Reader) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+conn.LocalAddr().String()+"/app/x", body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Trailer.Get("X-End")
	}
	for range 2 { // one of the two is sent to each first
		if status, end := send(http.MethodGet, nil); status != http.StatusOK || end != "said" {
			t.Errorf("GET: %d, trailer %q", status, end)
		}
		if got, want := <-asked, `GET 0 "" [] <nil>`; got != want {
			t.Errorf("the server got %s, want %s", got, want)
		}
	}
	statuses := map[int]int{}
	for range 2 {
		status, _ := send(http.MethodPut, struct{ io.Reader }{strings.NewReader("no length")})
		statuses[status]++
	}
	if got, want := <-asked, `PUT -1 "no length" [chunked] <nil>`; got != want || statuses[200] != 1 || statuses[502] != 1 {
		t.Errorf("the server got %s, want %s; %v", got, want, statuses)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served // it says that it was closed
}
