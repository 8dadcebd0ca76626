package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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
