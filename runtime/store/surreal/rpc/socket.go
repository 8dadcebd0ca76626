package rpc

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// dialTime bounds reaching the server and the WebSocket's handshake. A server
	// that comes back while an attempt hangs is noticed by the next one.
	dialTime = 1500 * time.Millisecond
	// startTime is the same for the first connections: a server that is slow just
	// then must not keep a backend from starting.
	startTime = 10 * time.Second
	// bufferSize is what is read and written at once.
	bufferSize = 32 << 10
)

// endpoint is where a server is.
type endpoint struct {
	url     string // with the path of the RPC
	address string // HOST:PORT, for people
	dialer  websocket.Dialer
}

func newEndpoint(o *Options) (*endpoint, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		// The parser's error repeats the address, and that may hold a password.
		return nil, fmt.Errorf("the address of a SurrealDB server is ws://HOST:PORT or wss://HOST:PORT")
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("the address of a SurrealDB server begins with ws:// or wss://, not %s://", u.Scheme)
	case u.User != nil:
		return nil, fmt.Errorf("the address of the SurrealDB server at %s holds credentials: give the user and the password on their own", u.Host)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the address of the SurrealDB server at %s has more than a path", u.Host)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	if !strings.HasSuffix(u.Path, "/rpc") {
		u.Path += "/rpc"
	}
	return &endpoint{
		url: u.String(), address: u.Host,
		dialer: websocket.Dialer{
			Subprotocols:    []string{"cbor"},
			ReadBufferSize:  bufferSize,
			WriteBufferSize: bufferSize,
			TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		},
	}, nil
}

// dial opens a WebSocket within a time.
func (e *endpoint) dial(ctx context.Context, within time.Duration) (*websocket.Conn, *line, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no answer within %s", within))
	defer cancel()
	var l *line
	stop := func() bool { return true }
	dialer := e.dialer
	dialer.NetDialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l = &line{Conn: c}
		stop = context.AfterFunc(ctx, func() { _ = c.Close() }) // the handshake knows deadlines alone
		return l, nil
	}
	socket, response, err := dialer.DialContext(ctx, e.url, nil)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done() // its deadline was the socket's
	}
	untrusted := &tls.CertificateVerificationError{}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, e.away(context.Cause(ctx))
	case err != nil && response != nil:
		_ = response.Body.Close()
		err = fmt.Errorf("there is no SurrealDB: the answer to the WebSocket's handshake is %s", response.Status)
		if response.StatusCode >= http.StatusInternalServerError { // of what stands before it
			return nil, nil, e.away(err)
		}
		return nil, nil, err
	case errors.As(err, &untrusted):
		return nil, nil, err
	case err != nil:
		return nil, nil, e.away(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols || socket.Subprotocol() != "cbor" {
		_ = socket.Close()
		return nil, nil, fmt.Errorf("the server does not speak SurrealDB's CBOR protocol")
	}
	socket.SetReadLimit(maxAnswer)
	l.hold()
	return socket, l, nil
}

// away is the error of a server that may be there at another try.
func (e *endpoint) away(cause error) error {
	return &UnavailableError{Address: e.address, Cause: cause}
}

// line is the network's connection under a WebSocket. It notes signs of life,
// and holds what is written until flush, so that several requests leave at once.
type line struct {
	net.Conn
	// alive counts signs of life: whatever was read, and large pieces written,
	// which nothing takes for long when nobody reads them.
	alive atomic.Uint64
	// buffer is nil during the handshake. The writer fills it, and TLS from
	// whichever goroutine it runs on.
	mu     sync.Mutex
	buffer *bufio.Writer
}

func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.alive.Add(1)
	}
	return n, err
}

func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buffer == nil {
		return l.Conn.Write(p)
	}
	n, err := l.buffer.Write(p)
	if n >= bufferSize/2 {
		l.alive.Add(1)
	}
	return n, err
}

func (l *line) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Flush()
}

// hold begins to hold what is written, after the handshake.
func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buffer = bufio.NewWriterSize(l.Conn, bufferSize)
}

// SetWriteDeadline does nothing: a write that hangs ends with the connection,
// when no sign of life is seen.
func (l *line) SetWriteDeadline(time.Time) error { return nil }

// scratch holds the message that is being read.
type scratch struct{ bytes []byte }

// read gives the next message, in memory of its own.
func (s *scratch) read(socket *websocket.Conn) ([]byte, error) {
	_, r, err := socket.NextReader()
	if err != nil {
		return nil, err
	}
	if s.bytes == nil {
		s.bytes = make([]byte, bufferSize)
	}
	n := 0
	for {
		if n == len(s.bytes) {
			s.bytes = append(s.bytes, make([]byte, len(s.bytes))...)
		}
		m, err := r.Read(s.bytes[n:])
		n += m
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(s.bytes) > maxKept && n > len(s.bytes)/2 {
		message := s.bytes[:n:n]
		s.bytes = nil
		return message, nil
	}
	message := append([]byte(nil), s.bytes[:n]...)
	if len(s.bytes) > maxKept {
		s.bytes = nil
	}
	return message, nil
}
