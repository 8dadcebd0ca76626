package forward_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/engine/forward"
)

// pair is the two processes: one that carries requests over, and one that answers.
func pair(t *testing.T, answer http.HandlerFunc) (before *httptest.Server) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Skip("no Unix sockets here: ", err)
	}
	after := &http.Server{Handler: forward.From(answer), DisableGeneralOptionsHandler: true}
	served := make(chan error, 1)
	go func() { served <- after.Serve(l) }()
	refuse := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	before = httptest.NewUnstartedServer(forward.To(path, refuse, slog.New(slog.DiscardHandler)))
	before.Config.DisableGeneralOptionsHandler = true
	t.Cleanup(func() {
		before.Close()
		_ = after.Close()
		<-served
	})
	return before
}

// TestRequestIsAsItCame: what a handler sees of a request is what it would have seen
// without the hop.
func TestRequestIsAsItCame(t *testing.T) {
	seen := make(chan *http.Request, 1)
	before := pair(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r })
	direct := make(chan *http.Request, 1)
	reached := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { direct <- r }))
	reached.Config.DisableGeneralOptionsHandler = true
	reached.Start()
	defer reached.Close()
	before.Start()
	for _, raw := range []string{
		"GET /a%2Fb/%20c?x=1;y=2&z=%zz HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=1\r\nAccept: */*\r\n\r\n",
		"GET //double/../slash? HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x\r\nEdge-Hive-Forwarded: forged\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n",
		"POST /p HTTP/1.0\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n",
	} {
		requests := make([]*http.Request, 2)
		for i, server := range []struct {
			address string
			seen    chan *http.Request
		}{{before.Listener.Addr().String(), seen}, {reached.Listener.Addr().String(), direct}} {
			conn, err := net.Dial("tcp", server.address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, raw); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%q: %v", raw, err)
			}
			_ = response.Body.Close()
			if i == 0 && !response.Close {
				t.Errorf("%q: the connection is not said to end", raw)
			}
			if response.StatusCode != http.StatusOK {
				t.Fatalf("%q: %s", raw, response.Status)
			}
			requests[i] = <-server.seen
			if got, want := requests[i].RemoteAddr, conn.LocalAddr().String(); got != want {
				t.Errorf("%q comes from %s, want %s", raw, got, want)
			}
			_ = conn.Close()
		}
		for what, of := range map[string]func(*http.Request) any{
			"method": func(r *http.Request) any { return r.Method }, "host": func(r *http.Request) any { return r.Host },
			"path": func(r *http.Request) any { return r.URL.Path }, "escaped path": func(r *http.Request) any { return r.URL.EscapedPath() },
			"query": func(r *http.Request) any { return r.URL.RawQuery }, "version": func(r *http.Request) any { return r.Proto },
			"length": func(r *http.Request) any { return r.ContentLength }, "RequestURI": func(r *http.Request) any { return strings.TrimSuffix(r.RequestURI, "?") },
			"headers": func(r *http.Request) any {
				h := r.Header.Clone()
				h.Del("Edge-Hive-Forwarded") // the forged one, which no handler reads
				h.Del("Content-Length")
				return h
			},
		} {
			if got, want := of(requests[0]), of(requests[1]); !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %s is %q, want %q", raw, what, got, want)
			}
		}
	}
}

// TestTLSIsKnown: what TLS has found of the client arrives, and over HTTP/2 the
// connection is said to end.
func TestTLSIsKnown(t *testing.T) {
	before := pair(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Proto, " ", r.TLS.ServerName, " ", r.TLS.NegotiatedProtocol, " ", r.TLS.Version == tls.VersionTLS13, " ", len(r.TLS.PeerCertificates))
	})
	before.EnableHTTP2 = true
	before.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13}
	before.StartTLS()
	client := before.Client()
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig.Certificates = before.TLS.Certificates
	transport.TLSClientConfig.ServerName = "example.com"
	connections := map[string]bool{}
	for range 2 {
		var address string
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, before.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		transport.DialContext = func(ctx context.Context, network, to string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, to)
			if err == nil {
				address = conn.LocalAddr().String()
			}
			return conn, err
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if want := "HTTP/2.0 example.com h2 true 1"; err != nil || string(text) != want {
			t.Errorf("%q %v, want %q", text, err, want)
		}
		connections[address] = true
	}
	if len(connections) != 2 {
		t.Errorf("a connection was used again: %v", connections)
	}
}

// TestStreams: bodies go both ways while they come, as do trailers and other
// protocols.
func TestStreams(t *testing.T) {
	before := pair(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.Header.Get("Upgrade") == "echo" {
			conn, buffered, err := control.Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_, _ = io.CopyN(conn, buffered, 4)
			return
		}
		if err := control.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-End")
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = fmt.Fprintf(w, "got %s\n", lines.Text())
			_ = control.Flush()
		}
		w.Header().Set("X-End", "yes")
	})
	before.Start()
	r, w := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, before.URL, r)
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := io.WriteString(w, "one\n")
		first <- err
	}()
	response, err := before.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(response.Body)
	if line, err := lines.ReadString('\n'); line != "got one\n" {
		t.Fatalf("%q %v before the body had ended", line, err)
	}
	if _, err := io.WriteString(w, "two\n"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "got two\n" || response.Trailer.Get("X-End") != "yes" {
		t.Errorf("%q %v %v", rest, err, response.Trailer)
	}

	conn, err := net.Dial("tcp", before.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewReader(conn)
	switched, err := http.ReadResponse(buffered, nil)
	if err != nil || switched.StatusCode != http.StatusSwitchingProtocols || switched.Header.Get("Connection") != "Upgrade" {
		t.Fatalf("%v %v", switched, err)
	}
	_ = switched.Body.Close()
	if _, err := io.WriteString(conn, "ping"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(buffered); err != nil || string(text) != "ping" {
		t.Errorf("%q %v", text, err)
	}
}

// TestNobodyThere: a process that is gone is an answer, not a cut connection.
func TestNobodyThere(t *testing.T) {
	refuse := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	recorder := httptest.NewRecorder()
	forward.To(filepath.Join(t.TempDir(), "none"), refuse, slog.New(slog.DiscardHandler)).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if recorder.Code != http.StatusServiceUnavailable || recorder.Header().Get("Connection") != "close" {
		t.Errorf("%d %v", recorder.Code, recorder.Header())
	}
}

// FuzzFrom: the socket takes nothing that is not whole.
func FuzzFrom(f *testing.F) {
	f.Add(`{"remote":"1.2.3.4:5","proto":"HTTP/1.1"}`)
	f.Add(`{"remote":"1.2.3.4:5","proto":"HTTP/2.0","tls":{"version":772,"certificates":["AA=="]}}`)
	f.Add(`{"proto":"HTTP/9"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Edge-Hive-Forwarded", base64.StdEncoding.EncodeToString([]byte(text)))
		recorder := httptest.NewRecorder()
		forward.From(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.RemoteAddr == "" || r.Header.Get("Edge-Hive-Forwarded") != "" || r.ProtoMajor == 0 && r.ProtoMinor == 0 {
				t.Errorf("%q was taken: %+v", text, r)
			}
		})).ServeHTTP(recorder, r)
	})
}
