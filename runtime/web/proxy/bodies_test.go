package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// grpcServer speaks HTTP/2 without TLS, and says as gRPC does how a call ended.
func grpcServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return "h2c" + strings.TrimPrefix(s.URL, "http")
}

// TestGRPC has a conversation in both directions at once over h2c, and a call that
// fails before it says anything.
func TestGRPC(t *testing.T) {
	to := grpcServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
			t.Errorf("%s, Te %q", r.Proto, r.Header["Te"])
		}
		w.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path == "/fails" {
			w.Header().Set("Grpc-Status", "5")
			return
		}
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break
			}
			fmt.Fprint(w, strings.ToUpper(line))
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
	})
	f := newFront(t, declared(to))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	call := func(path string, body io.Reader) *http.Response {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+path, body)
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	source, sink := io.Pipe()
	go fmt.Fprint(sink, "one\n")
	res := call("/talk", source)
	in := bufio.NewReader(res.Body)
	for _, word := range []string{"one", "two", "three"} {
		if word != "one" {
			fmt.Fprint(sink, word, "\n")
		}
		if line, err := in.ReadString('\n'); err != nil || line != strings.ToUpper(word)+"\n" {
			t.Fatalf("%q %v", line, err)
		}
	}
	sink.Close()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	res.Body.Close()
	if res.Trailer.Get("Grpc-Status") != "0" || res.Trailer.Get("Grpc-Message") != "fine" {
		t.Errorf("trailers %v", res.Trailer)
	}
	res = call("/fails", http.NoBody)
	_, _ = io.ReadAll(res.Body)
	res.Body.Close()
	if res.Header.Get("Grpc-Status")+res.Trailer.Get("Grpc-Status") != "5" {
		t.Errorf("headers %v, trailers %v", res.Header, res.Trailer)
	}
}

// TestUpgradeToHTTP2Server: HTTP/2 servers are not asked to go over, and are none the
// worse for who asks.
func TestUpgradeToHTTP2Server(t *testing.T) {
	to := grpcServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "plain") })
	f := newFront(t, declared(to))
	for range 5 {
		if res, body := get(t, client(t), f.URL, "Connection: Upgrade", "Upgrade: websocket"); res.StatusCode != http.StatusOK || body != "plain" {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
	ended := make(chan error, 10)
	s := serve(t, echo(ended))
	d := declared(to, s.URL)
	d.Retries = 0
	f = newFront(t, d)
	for range 5 { // the one that can has it
		sendsBack(t, connect(t, f), "hello")
	}
}

// block is what large bodies are made of, each with its number in front.
var block = make([]byte, 64<<10)

// blocks gives bytes without holding them.
type blocks struct {
	left int64
	rest []byte
	own  [len64K]byte
}

const len64K = 64 << 10

func (p *blocks) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if p.left == 0 {
			return 0, io.EOF
		}
		p.left--
		copy(p.own[:], block)
		binary.BigEndian.PutUint64(p.own[:], uint64(p.left))
		p.rest = p.own[:]
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// TestLargeBodies streams both ways at once, with next to no memory.
func TestLargeBodies(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r.Body}, make([]byte, len64K))
	})
	f := newFront(t, declared(s.URL))
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
		}
	}()
	for _, c := range []struct{ size, length int64 }{{96 << 20, 96 << 20}, {16 << 20, -1}} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, io.NopCloser(&blocks{left: c.size / len64K}))
		r.ContentLength = c.length
		res, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		want, got := &blocks{left: c.size / len64K}, make([]byte, len64K)
		wanted := make([]byte, len64K)
		var n int64
		for {
			read, err := io.ReadFull(res.Body, got)
			n += int64(read)
			if err != nil {
				break
			}
			_, _ = want.Read(wanted)
			if !bytes.Equal(got, wanted) {
				t.Fatalf("after %d bytes something else comes back", n)
			}
		}
		res.Body.Close()
		if n != c.size {
			t.Errorf("%d of %d bytes came back", n, c.size)
		}
	}
	close(stop)
	if most := <-peak; most > 48<<20 {
		t.Errorf("%d MiB of memory for bodies that are only handed on", most>>20)
	}
}

// TestAnswerBeforeTheBodyIsRead: what a server does not read is not asked for, and
// its answer is not lost.
// The connection is then closed: what is left of the body is no request.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	address := raw(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err == nil {
			fmt.Fprint(conn, "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n")
		}
		_, _ = io.Copy(io.Discard, in)
	})
	f := newFront(t, declared("http://"+address))
	for _, length := range []int{100 << 20, 100_000, 2000} {
		conn := dial(t, f.Listener.Addr().String())
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", length)
		_, _ = conn.Write(make([]byte, 1000))
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || !res.Close {
			t.Errorf("%d: %v %v", length, res, err)
		}
		_, _ = conn.Write(bytes.Repeat([]byte("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"), 100))
		_ = conn.(*net.TCPConn).CloseWrite()
		if rest, _ := io.ReadAll(in); bytes.Contains(rest, []byte("HTTP/1.1")) {
			t.Errorf("%d: a body was answered: %s", length, rest)
		}
	}
}
