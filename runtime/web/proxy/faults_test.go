package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

func TestFaults(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		nobody := porttest.Free(t).Address()
		f := newFront(t, declared("http://"+nobody))
		res, body := get(t, client(t), f.URL)
		if res.StatusCode != http.StatusBadGateway || strings.Contains(body, nobody) || strings.Contains(body, "127.0.0.1") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		address := raw(t, func(conn net.Conn) {
			_, _ = bufio.NewReader(conn).ReadString('\n')
			fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2\r\n\r\n\x00\x01")
		})
		f := newFront(t, declared("http://"+address))
		if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "SSH") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
	t.Run("endless headers", func(t *testing.T) {
		address := raw(t, func(conn net.Conn) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n")
			for range 1 << 20 {
				if _, err := fmt.Fprint(conn, "X-Filler: ", strings.Repeat("x", 1000), "\r\n"); err != nil {
					return
				}
			}
		})
		f := newFront(t, declared("http://"+address))
		if res, _ := get(t, client(t), f.URL); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		gone := make(chan struct{})
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(gone)
		})
		d := declared(s.URL)
		d.Answer = 50 * time.Millisecond
		f := newFront(t, d)
		if res, body := get(t, client(t), f.URL); res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, proxy.CodeGatewayTimeout) {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		<-gone
		until(t, "it is counted", func() bool { return f.meter.count(0, proxy.ResultTimeout) == 1 })
	})
	t.Run("dies in the middle", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, "the beginning")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		f := newFront(t, declared(s.URL))
		res, err := client(t).Get(f.URL)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Error("half an answer was taken for whole")
		}
		until(t, "the answer is counted", func() bool { return f.meter.count(0, proxy.ResultBroken) == 1 })
	})
	t.Run("the caller leaves", func(t *testing.T) {
		began, ended := make(chan struct{}), make(chan struct{})
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
			close(ended)
		})
		f := newFront(t, declared(s.URL))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-began
			cancel()
		}()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
		if res, err := client(t).Do(r); err == nil {
			res.Body.Close()
			t.Error("an answer")
		}
		<-ended
		until(t, "it is said", func() bool { return len(f.problems()) == 1 })
		if !errors.Is(f.problems()[0], proxy.ErrGone) || f.meter.count(0, proxy.ResultCaller) != 1 {
			t.Errorf("%v %v", f.problems(), f.meter.results)
		}
	})
	t.Run("bad protocol", func(t *testing.T) {
		s := serve(t, func(http.ResponseWriter, *http.Request) {})
		f := newFront(t, declared(s.URL))
		if res, _ := get(t, client(t), f.URL, "Connection: Upgrade", "Upgrade: \xff"); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

// raw is a server that speaks bytes.
func raw(t testing.TB, speak func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				speak(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}
