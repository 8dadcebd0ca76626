package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// serveHTTP2 serves a handler to who begins with HTTP/2, as behind TLS.
func serveHTTP2(t *testing.T, h http.Handler) *running {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wire.NewListener(inner, wire.Bounds{Total: 1000, PerAddress: 1000})
	server := wire.NewServer(h, slog.New(slog.DiscardHandler))
	wire.SpeakHTTP2(server, true)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return &running{l, "http://" + inner.Addr().String(), inner.Addr().String()}
}

// client2 speaks HTTP/2 frame by frame.
type client2 struct {
	*http2.Framer
	conn   net.Conn
	block  bytes.Buffer
	hpack  *hpack.Encoder
	stream uint32
}

func dial2(t *testing.T, address string, settings ...http2.Setting) *client2 {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	c := &client2{Framer: http2.NewFramer(conn, conn), conn: conn, stream: 1}
	c.AllowIllegalWrites = true
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.hpack = hpack.NewEncoder(&c.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return c
}

// fields encodes headers, "name=value" each; a colon begins a pseudo header.
func (c *client2) fields(fields ...string) []byte {
	c.block.Reset()
	for _, field := range fields {
		name, value, _ := strings.Cut(field[1:], "=")
		_ = c.hpack.WriteField(hpack.HeaderField{Name: field[:1] + name, Value: value}) // memory takes everything
	}
	return c.block.Bytes()
}

// open sends the headers of a stream, and gives its number.
func (c *client2) open(end bool, fields ...string) (uint32, error) {
	stream := c.stream
	c.stream += 2
	return stream, c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.fields(fields...), EndStream: end, EndHeaders: true})
}

// answer reads until a stream is answered: its status, "reset", or "closed".
func (c *client2) answer(stream uint32) string {
	for {
		frame, err := c.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			if f.StreamID == stream {
				return f.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				return "reset"
			}
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeNo {
				return "closed"
			}
		}
	}
}

func get2(path string) []string {
	return []string{":method=GET", ":scheme=http", ":authority=a", ":path=" + path}
}

// Requests that HTTP/1.1 could not carry, or would carry as others, are refused.
func TestAttackHTTP2Requests(t *testing.T) {
	s, _ := smugglingSite(t)
	server := serveHTTP2(t, s.Handler)
	for _, c := range []struct {
		name   string
		fields []string
		want   string // one of them
	}{
		{"fine", get2("/sink"), "200"},
		{"Connection", append(get2("/sink"), "connection=keep-alive"), "reset 400"},
		{"Keep-Alive", append(get2("/sink"), "keep-alive=1"), "reset 400"},
		{"Upgrade", append(get2("/sink"), "upgrade=h2c"), "reset 400"},
		{"Proxy-Connection", append(get2("/sink"), "proxy-connection=close"), "reset 400"},
		{"Transfer-Encoding", append(get2("/sink"), "transfer-encoding=chunked"), "reset 400"},
		{"TE gzip", append(get2("/sink"), "te=gzip"), "reset 400"},
		{"TE trailers", append(get2("/sink"), "te=trailers"), "200"},
		{"upper case", append(get2("/sink"), "X-Upper=1"), "reset 400 closed"},
		{"a name with a colon", append(get2("/sink"), "x:y=1"), "reset 400 closed"},
		{"a name with a space", append(get2("/sink"), "x y=1"), "reset 400 closed"},
		{"a name with CRLF", append(get2("/sink"), "x\r\ny=1"), "reset 400 closed"},
		{"a value with CRLF", append(get2("/sink"), "x=1\r\nTransfer-Encoding: chunked"), "reset 400 closed"},
		{"a value with NUL", append(get2("/sink"), "x=\x00"), "reset 400 closed"},
		{"a path with CRLF", get2("/sink HTTP/1.1\r\nHost: b\r\n\r\nGET /smuggled"), "reset 400 closed"},
		{"a path with a space", get2("/sink x"), "reset 400 404"},
		{"a path with NUL", get2("/sink\x00"), "reset 400 closed"},
		{"no path", []string{":method=GET", ":scheme=http", ":authority=a"}, "reset 400"},
		{"an empty path", get2(""), "reset 400"},
		{"a path without a slash", get2("sink"), "reset 400"},
		{"a star", get2("*"), "reset 400"},
		{"an address as path", get2("http://b/sink"), "reset 400"},
		{"two slashes", get2("//sink"), "reset 400"},
		{"dots", get2("/x/../sink"), "reset 400"},
		{"an encoded slash", get2("/x%2fsink"), "reset 400"},
		{"a fragment", get2("/sink#x"), "200 400 reset 404"},
		{"two paths", append(get2("/sink"), ":path=/smuggled"), "reset 400 closed"},
		{"two methods", append(get2("/sink"), ":method=POST"), "reset 400 closed"},
		{"two authorities", append(get2("/sink"), ":authority=b"), "reset 400 closed"},
		{"an unknown pseudo header", append(get2("/sink"), ":x=1"), "reset 400 closed"},
		{"an answer's pseudo header", append(get2("/sink"), ":status=200"), "reset 400 closed"},
		{"a pseudo header behind others", []string{":method=GET", ":scheme=http", "x=1", ":path=/sink"}, "reset 400 closed"},
		{"no method", []string{":scheme=http", ":authority=a", ":path=/sink"}, "reset 400"},
		{"a method with a space", []string{":method=GET /smuggled HTTP/1.1\r\nx:", ":scheme=http", ":authority=a", ":path=/sink"}, "reset 400 closed"},
		{"no scheme", []string{":method=GET", ":authority=a", ":path=/sink"}, "reset 400"},
		{"another scheme", []string{":method=GET", ":scheme=file", ":authority=a", ":path=/sink"}, "reset 400 200"},
		{"CONNECT with a path", []string{":method=CONNECT", ":scheme=http", ":authority=a:80", ":path=/sink"}, "reset 400 405"},
		{"CONNECT", []string{":method=CONNECT", ":authority=a:80"}, "405 reset 400"},
		{"extended CONNECT", []string{":method=CONNECT", ":scheme=http", ":authority=a", ":path=/sink", ":protocol=websocket"}, "reset 400 405 closed"},
		{"an authority with user info", []string{":method=GET", ":scheme=http", ":authority=u@a", ":path=/sink"}, "reset 400 200"},
		{"an authority with a path", []string{":method=GET", ":scheme=http", ":authority=a/b", ":path=/sink"}, "reset 400"},
		{"a length that is no number", append(get2("/sink"), "content-length=x"), "reset 400 200"},
		{"two lengths", append(get2("/sink"), "content-length=1", "content-length=2"), "reset 400 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dial2(t, server.address)
			stream, err := client.open(true, c.fields...)
			if err != nil {
				t.Fatal(err)
			}
			if got := client.answer(stream); !strings.Contains(c.want, got) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// A body that is longer or shorter than its length is no body.
func TestAttackHTTP2Lengths(t *testing.T) {
	s := newSite(t, plain())
	server := serveHTTP2(t, s.Handler)
	for _, c := range []struct{ length, body string }{{"2", "{}{}"}, {"9", "{}"}} {
		client := dial2(t, server.address)
		stream, err := client.open(false, ":method=POST", ":scheme=http", ":authority=a", ":path=/api/data/t", "content-type=application/json", "content-length="+c.length)
		if err == nil {
			err = client.WriteData(stream, true, []byte(c.body))
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := client.answer(stream); got != "reset" && got != "400" {
			t.Errorf("a length of %s and a body of %d: %s", c.length, len(c.body), got)
		}
		s.gate.mu.Lock()
		if s.gate.write.Body != nil {
			t.Error("it was written")
		}
		s.gate.mu.Unlock()
	}
}

func TestHeaderFloods(t *testing.T) {
	s, server := smugglingSite(t)
	two := serveHTTP2(t, s.Handler)
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, headers string
		status        string
	}{
		{"99 of them", many(97, "x-%d: y\r\n"), "200"},
		{"101 of them", many(101, "x-%d: y\r\n"), "431"},
		{"101 of one name", strings.Repeat("x: y\r\n", 101), "431"},
		{"30 KiB", "x: " + strings.Repeat("a", 30<<10) + "\r\n", "200"},
		{"40 KiB in one", "x: " + strings.Repeat("a", 40<<10) + "\r\n", "431"},
		{"40 KiB in many", many(40, "x-%d: "+strings.Repeat("a", 1<<10)+"\r\n"), "431"},
		{"10 MiB", many(100, "x-%d: "+strings.Repeat("a", 100<<10)+"\r\n"), "431"},
		{"10 MiB without an end", strings.Repeat("a", 10<<20), "431"},
		{"100 000 empty ones", strings.Repeat("a:\r\n", 100_000), "431"},
		{"10 MiB folded", "x: a\r\n" + strings.Repeat(" a\r\n", 2<<20), "431"},
	} {
		answers, _ := exchangeRaw(t, server.address, "GET /sink HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+c.headers+"\r\n")
		// What comes after 40 KiB is not read any more, and the answer may be lost in
		// that.
		if lost := len(answers) == 0 && c.status == "431" && len(c.headers) > 100<<10; !lost && (len(answers) != 1 || !strings.HasPrefix(answers[0], c.status)) {
			t.Errorf("%s: %.100q, want %s", c.name, answers, c.status)
		}
	}
	for _, c := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"101 of them", manyFields(101, "y"), "431"},
		{"40 KiB", manyFields(40, strings.Repeat("a", 1<<10)), "431"},
		{"101 cookies", strings.Split(strings.Repeat("cookie=a ", 101), " ")[:101], "431 200"},
	} {
		client := dial2(t, two.address)
		block := append([]byte(nil), client.fields(append(get2("/sink"), c.fields...)...)...)
		if err := client.headers(1, block); err != nil {
			t.Fatal(err)
		}
		if got := client.answer(1); !strings.Contains(c.want, got) {
			t.Errorf("HTTP/2, %s: %s", c.name, got)
		}
	}
}

func manyFields(n int, value string) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("x-%d=%s", i, value)
	}
	return fields
}

// headers sends a block in as many frames as it takes.
func (c *client2) headers(stream uint32, block []byte) error {
	const most = 16 << 10
	first := block[:min(most, len(block))]
	block = block[len(first):]
	err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: true, EndHeaders: len(block) == 0})
	for len(block) > 0 && err == nil {
		next := block[:min(most, len(block))]
		block = block[len(next):]
		err = c.WriteContinuation(stream, len(block) == 0, next)
	}
	return err
}

// heap is the memory in use, garbage collected.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// Floods of frames end with their connection or are read past. Meanwhile everybody
// else is answered, and neither handlers nor memory grow beyond their bounds.
func TestAttackHTTP2Floods(t *testing.T) {
	const frames = 20_000
	var inside atomic.Int64
	var mu sync.Mutex
	most, of := 0, map[string]int{} // handlers, by connection
	hold := make(chan struct{})
	s := newSite(t, plain())
	blocking := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hold" {
			s.ServeHTTP(w, r)
			return
		}
		inside.Add(1)
		defer inside.Add(-1)
		mu.Lock()
		of[r.RemoteAddr]++
		most = max(most, of[r.RemoteAddr])
		mu.Unlock()
		select {
		case <-r.Context().Done():
			<-hold // as a handler that does not notice
		case <-hold:
		}
	})
	server := serveHTTP2(t, blocking)
	legal := func() {
		t.Helper()
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols}
		defer transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.url+"/health", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatalf("a legal client got no answer: %v", err)
		}
		readAll(t, answer)
		if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
			t.Errorf("a legal client got %d over %s", answer.StatusCode, answer.Proto)
		}
	}
	legal()
	before := heap()
	floods := []struct {
		name  string
		flood func(c *client2) error
	}{
		{"rapid reset", func(c *client2) error {
			for range frames {
				stream, err := c.open(true, get2("/hold")...)
				if err == nil {
					err = c.WriteRSTStream(stream, http2.ErrCodeCancel)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"more streams than there may be", func(c *client2) error {
			for range 500 {
				if _, err := c.open(true, get2("/hold")...); err != nil {
					return err
				}
			}
			return nil
		}},
		{"CONTINUATION", func(c *client2) error {
			err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.fields(get2("/")...)})
			block := append([]byte(nil), c.fields(manyFields(100, "y")...)...)
			for range frames {
				if err == nil {
					err = c.WriteContinuation(1, false, block)
				}
			}
			return err
		}},
		{"empty CONTINUATION", func(c *client2) error {
			err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.fields(get2("/")...)})
			for range frames {
				if err == nil {
					err = c.WriteContinuation(1, false, nil)
				}
			}
			return err
		}},
		{"PING", func(c *client2) error {
			var err error
			for range 3 * frames {
				if err == nil {
					err = c.WritePing(false, [8]byte{})
				}
			}
			return err
		}},
		{"SETTINGS", func(c *client2) error {
			var err error
			for i := range 3 * frames {
				if err == nil {
					err = c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
				}
			}
			return err
		}},
		{"empty DATA", func(c *client2) error {
			stream, err := c.open(false, ":method=POST", ":scheme=http", ":authority=a", ":path=/hold")
			for range frames {
				if err == nil {
					err = c.WriteData(stream, false, nil)
				}
			}
			return err
		}},
		{"PRIORITY", func(c *client2) error {
			var err error
			for i := range frames {
				if err == nil {
					err = c.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: 0, Weight: 1})
				}
			}
			return err
		}},
		{"a table of headers that grows", func(c *client2) error {
			c.hpack.SetMaxDynamicTableSizeLimit(1 << 20)
			c.hpack.SetMaxDynamicTableSize(1 << 20)
			var err error
			for i := range 200 {
				if err == nil {
					_, err = c.open(true, append(get2("/health"), fmt.Sprintf("x-%d=%s", i, strings.Repeat("a", 8<<10)))...)
				}
			}
			return err
		}},
		{"WINDOW_UPDATE", func(c *client2) error {
			var err error
			for range frames {
				if err == nil {
					err = c.WriteWindowUpdate(0, 1)
				}
			}
			return err
		}},
	}
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			client := dial2(t, server.address)
			if err := client.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			flooded := make(chan struct{})
			go func() { // nothing is read: what is to be told fills up
				defer close(flooded)
				_ = f.flood(client) // it may be cut off, and shall be
			}()
			legal()
			// It may stall on a server that reads no more: its end is ours to make.
			select {
			case <-flooded:
			case <-time.After(2 * time.Second):
			}
			legal()
			mu.Lock()
			if most > 100 {
				t.Errorf("%d handlers of one connection", most)
			}
			mu.Unlock()
			_ = client.conn.Close()
			<-flooded
		})
	}
	close(hold)
	long(t, func() bool { return inside.Load() == 0 && server.Open() == 0 })
	long(t, func() bool { return heap() < before+32<<20 })
}

// Who opens streams and lets nothing through is cut off.
func TestAttackHTTP2Stalled(t *testing.T) {
	m := plain()
	m.Routes = []manifest.Route{words(manifest.Route{Pattern: "/big", URLPath: "/big"}, strings.Repeat("x", 1<<20)), words(manifest.Route{Pattern: "/small", URLPath: "/small"}, "x")}
	s := newSite(t, m)
	s.SetPace(300 * time.Millisecond)
	var running atomic.Int64
	server := serveHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		s.ServeHTTP(w, r)
	}))
	client := dial2(t, server.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	big, err := client.open(true, get2("/big")...)
	if err != nil {
		t.Fatal(err)
	}
	small, err := client.open(true, get2("/small")...)
	if err != nil {
		t.Fatal(err)
	}
	resets := map[uint32]bool{}
	for !resets[big] || !resets[small] {
		frame, err := client.ReadFrame()
		if err != nil {
			t.Fatalf("reset: %v: %v", resets, err)
		}
		if f, ok := frame.(*http2.RSTStreamFrame); ok {
			resets[f.StreamID] = true
		}
	}
	long(t, func() bool { return running.Load() == 0 })
}
