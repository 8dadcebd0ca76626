package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKeptConnectionEndsAtTheWrongMoment: a server closes a connection just when the
// next request is on it. Nobody knows then what it has done: what only reads is asked
// again, and nothing else.
func TestKeptConnectionEndsAtTheWrongMoment(t *testing.T) {
	var mu sync.Mutex
	var seen []string // methods, as they came
	address := raw(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for i := range 2 {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			mu.Lock()
			seen = append(seen, r.Method)
			mu.Unlock()
			switch {
			case i > 0:
			case r.Method == http.MethodHead:
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
			default:
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")
			}
		}
	})
	for _, c := range []struct {
		method, body string
		status       int
		asked        string
	}{
		{"GET", "", 200, "GET GET GET"},
		{"HEAD", "", 200, "GET HEAD HEAD"},
		{"POST", "body", 502, "GET POST"},
		{"POST", "", 502, "GET POST"},
		{"PUT", "body", 502, "GET PUT"},
		{"DELETE", "", 502, "GET DELETE"},
	} {
		d := declared("http://" + address)
		d.FailCount = 0
		f := newFront(t, d)
		mu.Lock()
		seen = nil
		mu.Unlock()
		caller := client(t)
		if res, body := get(t, caller, f.URL); res.StatusCode != http.StatusOK || body != "well" {
			t.Fatal(res.StatusCode, body)
		}
		var body io.Reader
		if c.body != "" {
			body = strings.NewReader(c.body)
		}
		res, _ := send(t, caller, c.method, f.URL, body)
		mu.Lock()
		asked := strings.Join(seen, " ")
		mu.Unlock()
		if res.StatusCode != c.status || asked != c.asked {
			t.Errorf("%s %q: %d, want %d; asked %s, want %s", c.method, c.body, res.StatusCode, c.status, asked, c.asked)
		}
	}
}

func TestServerOnIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+l.Addr().String()+"/there")
		fmt.Fprint(w, r.Host)
	})}}
	s.Start()
	defer s.Close()
	f := newFront(t, declared("http://"+l.Addr().String()))
	if res, body := get(t, client(t), f.URL, "Host: www.example.com"); body != "www.example.com" || res.Header.Get("Location") != "/there" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
}

// TestSlowCallersHoldServersBack: what a caller does not read is not taken from the
// server, and what a server does not read is not taken from the caller.
func TestSlowCallersHoldServersBack(t *testing.T) {
	const much = 256 << 20 // more than systems keep of connections, by far
	// fill writes until nobody takes more, which is what it wants to see.
	fill := func(w io.Writer, until func(time.Time) error) error {
		piece := make([]byte, 1<<20)
		for range much / len(piece) {
			if err := until(time.Now().Add(time.Second)); err != nil {
				return err
			}
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		return nil
	}
	t.Run("an answer", func(t *testing.T) {
		stopped := make(chan error, 1)
		address := raw(t, func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				return // of a connection that was made ahead
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", much)
			stopped <- fill(conn, conn.SetWriteDeadline)
		})
		f := newFront(t, declared("http://"+address))
		conn := dial(t, f.Listener.Addr().String())
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if err := <-stopped; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("all was taken, though nobody reads: %v", err)
		}
		conn.Close()
	})
	t.Run("a body", func(t *testing.T) {
		done := make(chan struct{})
		address := raw(t, func(conn net.Conn) {
			_, _ = bufio.NewReaderSize(conn, 16).ReadByte()
			<-done
		})
		f := newFront(t, declared("http://"+address))
		conn := dial(t, f.Listener.Addr().String())
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", much)
		if err := fill(conn, conn.SetWriteDeadline); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("all was taken, though nobody reads: %v", err)
		}
		close(done)
		conn.Close()
	})
}
