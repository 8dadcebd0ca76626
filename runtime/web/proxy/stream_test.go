package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

// TestEventsAreNotHeldBack lets each event wait for the client to have got the one
// before: were one held back, neither would go on.
func TestEventsAreNotHeldBack(t *testing.T) {
	next := make(chan struct{})
	for _, kind := range []string{"text/event-stream; charset=utf-8", "unbuffered", "nginx"} {
		t.Run(kind, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch kind {
				case "unbuffered":
					w.Header().Set("Content-Length", "30")
				case "nginx":
					w.Header().Set("Content-Length", "30")
					w.Header().Set("X-Accel-Buffering", "no")
				default:
					w.Header().Set("Content-Type", kind)
				}
				for i := range 3 {
					fmt.Fprintf(w, "data: %02d\n\n", i)
					_ = http.NewResponseController(w).Flush()
					select {
					case <-next:
					case <-r.Context().Done():
						return
					}
				}
			})
			d := declared(s.URL)
			d.Unbuffered = kind == "unbuffered"
			f := newFront(t, d)
			res, err := client(t).Get(f.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			in := bufio.NewReader(res.Body)
			for i := range 3 {
				line, err := in.ReadString('\n')
				if err != nil || line != fmt.Sprintf("data: %02d\n", i) {
					t.Fatalf("%q %v", line, err)
				}
				if _, err := in.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				next <- struct{}{}
			}
		})
	}
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{"chat"}}

// echo answers each message with itself, and tells how it ended.
func echo(ended chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, http.Header{"X-App": {"1"}, "X-Request-Id": {"theirs"}})
		if err != nil {
			ended <- err
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				ended <- err
				return
			}
			if err := conn.WriteMessage(kind, message); err != nil {
				ended <- err
				return
			}
		}
	}
}

func connect(t *testing.T, f *front) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"chat"}, HandshakeTimeout: limit}
	conn, res, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(f.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("X-App") != "1" || res.Header.Get("X-Request-Id") != "id-1" || conn.Subprotocol() != "chat" {
		t.Errorf("handshake: %v", res.Header)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	return conn
}

func sendsBack(t *testing.T, conn *websocket.Conn, message string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.BinaryMessage, []byte(message)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := conn.ReadMessage(); err != nil || string(got) != message {
		t.Fatalf("%d bytes came back, %v; want %d", len(got), err, len(message))
	}
}

func TestWebSocket(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, echo(ended))
	f := newFront(t, declared(s.URL))
	conn := connect(t, f)
	for _, size := range []int{0, 1, 125, 126, 4096, 65535, 65536, 1 << 20} {
		sendsBack(t, conn, strings.Repeat("x", size))
	}
	if err := conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"), time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !websocket.IsCloseError(err, 4001) {
		t.Errorf("the server was told %v", err)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 4001) {
		t.Errorf("the client was told %v", err)
	}
	until(t, "the server is free", func() bool { return f.meter.count(0, proxy.ResultOK) == 1 })
}

// TestWebSocketsOutliveReloads: as long as the next generation has the server, a
// WebSocket goes on; when none has, both ends are told to go.
func TestWebSocketsOutliveReloads(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, echo(ended))
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	f := newFront(t, declared(s.URL))
	conn := connect(t, f)
	sendsBack(t, conn, "one")
	route := &manifest.Route{Pattern: "/*", URLPath: "/*", Proxy: declared(other.URL, s.URL)}
	next, err := proxy.New(f.pools, route)
	if err != nil {
		t.Fatal(err)
	}
	f.proxy.Close()
	sendsBack(t, conn, "two")
	f.proxy = next
	third, err := proxy.New(f.pools, &manifest.Route{Pattern: "/*", URLPath: "/*", Proxy: declared(other.URL)})
	if err != nil {
		t.Fatal(err)
	}
	f.proxy.Close()
	f.proxy = third
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the client was told %v", err)
	}
	if err := <-ended; !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the server was told %v", err)
	}
}

// TestDrain tells WebSockets to come back while messages are on their way, and ends
// event streams.
func TestDrain(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		echo(ended)(w, r)
	})
	f := newFront(t, declared(s.URL))
	res, err := client(t).Get(f.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	conn := connect(t, f)
	sendsBack(t, conn, "before")
	var reading sync.WaitGroup
	var last error
	messages := 0
	reading.Go(func() {
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				last = err
				return
			}
			if len(message) != 100_000 { // what came is whole
				t.Errorf("a message of %d bytes", len(message))
			}
			messages++
		}
	})
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := range 1000 {
			if conn.WriteMessage(websocket.BinaryMessage, make([]byte, 100_000)) != nil {
				return
			}
			if i == 5 {
				go f.pools.Drain(t.Context())
			}
		}
	}()
	reading.Wait()
	if !websocket.IsCloseError(last, websocket.CloseGoingAway) {
		t.Errorf("the client was told %v after %d messages", last, messages)
	}
	conn.Close()
	<-writing
	<-ended
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "data: 1\n\n" {
		t.Errorf("the event stream ended with %q, %v", rest, err)
	}
	f.pools.Drain(t.Context())
}

// TestDrainDoesNotWaitForEver cuts what does not go.
func TestDrainDoesNotWaitForEver(t *testing.T) {
	address := raw(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello")
		_, _ = io.Copy(io.Discard, in)
	})
	f := newFront(t, declared("http://"+address))
	conn := dial(t, f.Listener.Addr().String())
	fmt.Fprint(conn, "POST /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	hello := make([]byte, 5)
	if _, err := io.ReadFull(in, hello); err != nil || string(hello) != "hello" {
		t.Fatalf("%q %v", hello, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.pools.Drain(ctx)
	if _, err := in.ReadByte(); err == nil {
		t.Error("the connection is open")
	}
}

// TestHalfClose: an end that has said all still listens.
func TestHalfClose(t *testing.T) {
	address := raw(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		all, _ := io.ReadAll(in)
		fmt.Fprintf(conn, "%d bytes", len(all))
	})
	f := newFront(t, declared("http://"+address))
	conn := dial(t, f.Listener.Addr().String())
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	in := bufio.NewReader(conn)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	if _, err := conn.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	if text, err := io.ReadAll(in); err != nil || string(text) != "100000 bytes" {
		t.Errorf("%q %v", text, err)
	}
}

// TestProtocolsThatPassRoutes: what would be HTTP inside is not gone over to.
func TestProtocolsThatPassRoutes(t *testing.T) {
	var seen http.Header
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() })
	f := newFront(t, declared(s.URL))
	for _, protocol := range []string{"h2c", "H2C", "websocket, h2c", "HTTP/2.0", "TLS/1.0", "h2", ""} {
		get(t, client(t), f.URL, "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+protocol, "Http2-Settings: AAMAAABkAAQAAP__")
		if seen["Upgrade"] != nil || seen["Connection"] != nil || seen["Http2-Settings"] != nil {
			t.Errorf("%q: the server got %v", protocol, seen)
		}
	}
	liar := raw(t, func(conn net.Conn) { // goes over though nobody asked
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		}
	})
	f = newFront(t, declared("http://"+liar))
	for _, headers := range [][]string{nil, {"Connection: Upgrade", "Upgrade: websocket"}} {
		if res, _ := get(t, client(t), f.URL, headers...); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%v: %d", headers, res.StatusCode)
		}
	}
}

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
