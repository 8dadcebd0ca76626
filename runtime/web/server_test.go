package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

func request(method, target string) *http.Request { return httptest.NewRequest(method, target, nil) }

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func readAll(t *testing.T, r *http.Response) string {
	t.Helper()
	defer closeBody(t, r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func closeBody(t *testing.T, r *http.Response) {
	t.Helper()
	if err := r.Body.Close(); err != nil {
		t.Error(err)
	}
}

// running is a handler on a real socket.
type running struct {
	*wire.Listener
	url, address string
}

func serve(t testing.TB, h http.Handler, bounds wire.Bounds, change ...func(net.Listener) net.Listener) *running {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		inner = c(inner)
	}
	l := wire.NewListener(inner, bounds)
	server := wire.NewServer(h, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return &running{l, "http://" + inner.Addr().String(), inner.Addr().String()}
}

func TestOverTCP(t *testing.T) {
	s := newSite(t, plain())
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	for range 3 {
		response, err := http.Get(server.url + "/api/data/books")
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, response); response.StatusCode != http.StatusOK || body != `[{"id":1},{"id":2}]` {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	}
	response, err := http.Post(server.url+"/api/data/books", "application/json", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, response)
	if response.StatusCode != http.StatusCreated || string(s.gate.write.Body) != `{"a":1}` {
		t.Errorf("%d, the gate got %q", response.StatusCode, s.gate.write.Body)
	}
}

// raw sends bytes and reads the answer's status.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestRawRequests(t *testing.T) {
	m := plain()
	m.Limits.Body = 1000
	s := newSite(t, m)
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	const host = "Host: a\r\n"
	for _, c := range []struct{ name, text, status string }{
		{"continue is not said to a body that is too large", "POST /api/data/t HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", "413"},
		{"continue is not said to a form", "POST /api/data/t HTTP/1.1\r\n" + host + "Content-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", "415"},
		{"continue is said", "POST /api/data/t HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", "100"},
		{"chunks beyond the limit", "POST /api/data/t HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + strings.Repeat("1", 1001) + "\r\n0\r\n\r\n", "413"},
		{"large headers", "GET /health HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", "431"},
		{"a long URL", "GET /health?" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\n" + host + "\r\n", "414"},
		{"a slash too many", "GET //health HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"dots", "GET /x/../health HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"the whole server", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "204"},
		{"no host", "GET /health HTTP/1.1\r\n\r\n", "400"},
		{"an address as target", "GET http://a/health HTTP/1.1\r\n" + host + "\r\n", "200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := raw(t, server.address, c.text); !strings.HasPrefix(got, "HTTP/1.1 "+c.status) {
				t.Errorf("%s, want %s", got, c.status)
			}
		})
	}
}

func TestCutBody(t *testing.T) {
	s := newSite(t, plain())
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	conn, err := net.Dial("tcp", server.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprint(conn, "POST /api/data/t HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{}")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, response); response.StatusCode != http.StatusBadRequest || !strings.Contains(body, "bad-request") {
		t.Errorf("%d %s", response.StatusCode, body)
	}
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

// A handler that has begun to answer and panics must not look complete.
func TestPanicInTheMiddle(t *testing.T) {
	s := newSite(t, plain(), func(o *web.Options) {
		o.Realtime = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_, _ = fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic("in the middle")
		})
	})
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	response, err := http.Get(server.url + "/api/realtime/books")
	if err != nil {
		t.Fatal(err)
	}
	defer closeBody(t, response)
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the answer ended as if it were whole")
	}
	eventually(t, func() bool { return strings.Contains(s.log.String(), "in the middle") })
}

func TestHijack(t *testing.T) {
	s := newSite(t, plain(), func(o *web.Options) {
		o.Realtime = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = fmt.Fprintf(conn, "%s\n", r.PathValue("channel"))
		})
	})
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	if got := raw(t, server.address, "GET /api/realtime/club:7 HTTP/1.1\r\nHost: a\r\n\r\n"); got != "club:7" {
		t.Errorf("got %q", got)
	}
	eventually(t, func() bool { return server.Open() == 0 })
}

func TestSlowBody(t *testing.T) {
	s := newSite(t, plain())
	s.SetBodyTime(50 * time.Millisecond)
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	got := raw(t, server.address, "POST /api/data/t HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
	if !strings.HasPrefix(got, "HTTP/1.1 408") {
		t.Error(got)
	}
}
