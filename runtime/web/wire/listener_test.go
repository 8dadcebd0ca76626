package wire_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// running is a handler on a real socket.
type running struct {
	*wire.Listener
	address string
}

func serve(t *testing.T, h http.HandlerFunc, bounds wire.Bounds, change ...func(*wire.Listener)) *running {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wire.NewListener(inner, bounds)
	for _, c := range change {
		c(l)
	}
	server := wire.NewServer(h, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return &running{l, inner.Addr().String()}
}

func well(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

// dial connects, and is closed with the test at the latest.
func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it did not come to hold")
}

func TestListenerBounds(t *testing.T) {
	server := serve(t, well, wire.Bounds{Total: 3, PerAddress: 2})
	dial := func() (net.Conn, bool) {
		t.Helper()
		conn := server.dial(t)
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprint(conn, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err := bufio.NewReader(conn).ReadString('\n')
		return conn, err == nil
	}
	first, ok := dial()
	if !ok {
		t.Fatal("the first was refused")
	}
	if _, ok := dial(); !ok {
		t.Fatal("the second was refused")
	}
	if _, ok := dial(); ok {
		t.Fatal("the third was let in")
	}
	if server.Open() != 2 || server.Refused() != 1 {
		t.Errorf("%d open, %d refused", server.Open(), server.Refused())
	}
	_ = first.Close()
	eventually(t, func() bool { return server.Open() == 1 })
	if _, ok := dial(); !ok {
		t.Fatal("room was not given back")
	}
	server.SetBounds(wire.Bounds{Total: 3, PerAddress: 10})
	if _, ok := dial(); !ok {
		t.Fatal("the new bound does not hold")
	}
	if _, ok := dial(); ok {
		t.Fatal("over the total, and let in")
	}
}

// A client that asks and does not read is cut off, whether we copy or the kernel.
func TestStalledReader(t *testing.T) {
	const size = 32 << 20 // more than the kernel's buffers hold
	text := strings.Repeat("x", size)
	file := filepath.Join(t.TempDir(), "big.bin")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			http.ServeFile(w, r, file)
			return
		}
		_, _ = io.WriteString(w, text)
	}, wire.Bounds{Total: 10, PerAddress: 10}, func(l *wire.Listener) { l.SetProgress(200 * time.Millisecond) })
	for _, path := range []string{"/memory", "/file"} {
		conn := server.dial(t)
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
		first, _ := conn.Read(make([]byte, 1)) // it was let in, and may be cut off already
		eventually(t, func() bool { return server.Open() == 0 })
		if n, err := io.Copy(io.Discard, conn); err == nil && n+int64(first) >= size {
			t.Errorf("%s: all of it came", path)
		}
	}
}

// A kept connection answers again after the write deadline of its last answer.
func TestWriteDeadlineOfKeptConnection(t *testing.T) {
	// A loaded machine may take as long for an answer: then the deadline is a later one.
	for progress := 20 * time.Millisecond; ; progress *= 5 {
		err := answersAgain(t, progress)
		if err == nil {
			return
		}
		if progress > 10*time.Second {
			t.Fatal(err)
		}
	}
}

// answersAgain asks with pauses that are longer than the deadline.
func answersAgain(t *testing.T, progress time.Duration) error {
	t.Helper()
	server := serve(t, well, wire.Bounds{Total: 10, PerAddress: 10}, func(l *wire.Listener) { l.SetProgress(progress) })
	conn := server.dial(t)
	reader := bufio.NewReader(conn)
	for range 3 {
		_, _ = fmt.Fprint(conn, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if string(body) != "ok" {
			t.Errorf("%q", body)
		}
		_ = response.Body.Close()
		time.Sleep(2 * progress) // what is tested: a pause longer than the deadline
	}
	return nil
}
