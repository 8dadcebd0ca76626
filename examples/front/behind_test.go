package front_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// behind is a server that routes send requests on to. It answers with what it was
// asked, and says in X-Behind which one it is.
type behind struct {
	address string
	number  int
	ill     atomic.Bool  // says so when it is asked for its health
	asked   atomic.Int64 // times, but for its health
	server  *http.Server

	mu   sync.Mutex
	last *http.Request
}

func startBehind(t *testing.T, number int) *behind {
	t.Helper()
	b := &behind{number: number}
	// A port that stays its own: when a test ends the server, nobody else answers there.
	listener, err := net.Listen("tcp", porttest.Free(t).Address())
	if err != nil {
		t.Fatal(err)
	}
	b.address = listener.Addr().String()
	b.serve(t, listener)
	return b
}

// serve answers at a listener until the test ends; cert and key make it HTTPS.
func (b *behind) serve(t *testing.T, listener net.Listener, certAndKey ...string) {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	b.server = &http.Server{Handler: b, Protocols: protocols}
	done := make(chan error, 1)
	go func() {
		if len(certAndKey) == 2 {
			done <- b.server.ServeTLS(listener, certAndKey[0], certAndKey[1])
			return
		}
		done <- b.server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = b.server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func (b *behind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Behind", fmt.Sprint(b.number))
	w.Header().Set("X-Powered-By", "tests")
	switch r.URL.Path {
	case "/health":
		if b.ill.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	case "/socket":
		b.echo(w)
		return
	case "/slow":
		<-r.Context().Done() // until whoever asked has had enough
		return
	case "/events", "/parts":
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.last = r
	b.mu.Unlock()
	fmt.Fprintf(w, "%s %s of %s, %d bytes, number %d\n", r.Method, r.RequestURI, r.Host, len(body), b.asked.Add(1))
}

// echo changes to a protocol that gives every line back.
func (b *behind) echo(w http.ResponseWriter) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	_, _ = io.Copy(conn, rw)
}

// header is that of the last request.
func (b *behind) header(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		return "(not asked)"
	}
	return strings.Join(b.last.Header[http.CanonicalHeaderKey(name)], ", ")
}

// special starts the servers that rows name by a socket, by gRPC's port and by
// HTTPS, and gives what stands for them.
func (s *site) special(t *testing.T) []string {
	t.Helper()
	var places []string
	if strings.Contains(s.row.manifest, "unix:/run/app.sock") {
		dir, err := os.MkdirTemp("", "front") // a socket's path is bounded
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket := filepath.Join(dir, "app.sock")
		listener, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		b := &behind{number: 7}
		b.serve(t, listener)
		places = append(places, "/run/app.sock", socket)
	}
	if strings.Contains(s.row.manifest, "127.0.0.1:50051") {
		b := startBehind(t, 8)
		s.behind = append(s.behind, b)
		places = append(places, "127.0.0.1:50051", b.address)
	}
	if strings.Contains(s.row.manifest, "127.0.0.1:3443") {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b := &behind{number: 9, address: listener.Addr().String()}
		b.serve(t, listener, filepath.Join(s.Dir, "tls", "cert.pem"), filepath.Join(s.Dir, "tls", "key.pem"))
		places = append(places, "127.0.0.1:3443", b.address)
	}
	return places
}
