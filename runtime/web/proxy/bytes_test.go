package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

// recorder is a server that keeps all bytes that reach it and answers each request
// that it finds in them.
type recorder struct {
	mu       sync.Mutex
	bytes    bytes.Buffer
	requests []string
}

func (r *recorder) speak(conn net.Conn) {
	in := bufio.NewReader(io.TeeReader(conn, writer(func(p []byte) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bytes.Write(p)
	})))
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		r.mu.Lock()
		r.requests = append(r.requests, request.Method+" "+request.RequestURI)
		r.mu.Unlock()
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

func (r *recorder) seen() (requests []string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...), r.bytes.String()
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// TestSmuggling sends what two readers could take for different requests. Whatever is
// refused, the server behind never sees a request that we did not, nor framing other
// than ours.
func TestSmuggling(t *testing.T) {
	const inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	length := fmt.Sprint(len(inner))
	for _, c := range []struct{ name, request string }{
		{"both lengths", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner},
		{"both, the other way", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: " + length + "\r\n\r\n0\r\n\r\n"},
		{"two lengths", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"a list of lengths", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0, " + length + "\r\n\r\n" + inner},
		{"a signed length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +" + length + "\r\n\r\n" + inner},
		{"two encodings", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + inner},
		{"an unknown encoding", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + inner},
		{"a space before the colon", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"a folded header", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"an underscore", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent_Length: 0\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"named by Connection", "POST /a HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"a GET with a body", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"a chunk with a bare line feed", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\nxx\r\nx\r\n0\r\n\r\n" + inner},
		{"an overlong chunk", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n" + inner},
		{"two hosts", "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
		{"HTTP/1.0 with chunks", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: " + length + "\r\n\r\n" + inner},
		{"a line end in the path", "GET /a%0d%0aGET%20/smuggled%20HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"h2c", "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	} {
		r := &recorder{}
		f := newFront(t, declared("http://"+raw(t, r.speak)))
		var mu sync.Mutex
		var ours []string
		inside := f.Config.Handler
		f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			ours = append(ours, r.Method+" "+r.URL.EscapedPath())
			mu.Unlock()
			inside.ServeHTTP(w, r)
		})
		conn := dial(t, f.Listener.Addr().String())
		fmt.Fprint(conn, c.request)
		in := bufio.NewReader(conn)
		if res, err := http.ReadResponse(in, nil); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
		}
		_ = conn.(*net.TCPConn).CloseWrite() // no more requests: what is left is answered, or given up
		_, _ = io.Copy(io.Discard, in)
		requests, text := r.seen()
		mu.Lock()
		if len(requests) > len(ours) {
			t.Errorf("%s: the server saw %q, we %q", c.name, requests, ours)
		}
		for i, request := range requests {
			if !strings.EqualFold(request, ours[i]) {
				t.Errorf("%s: the server saw %q, we %q", c.name, requests, ours)
			}
		}
		mu.Unlock()
		lower := strings.ToLower(text)
		if strings.Contains(lower, "transfer_encoding") || strings.Contains(lower, "content_length") || strings.Contains(lower, "\r\n chunked") ||
			strings.Contains(lower, "http2-settings") || strings.Count(lower, "content-length:") > strings.Count(lower, " http/1.1\r\n") {
			t.Errorf("%s: the server got %q", c.name, text)
		}
		if strings.Contains(lower, "content-length") && strings.Contains(lower, "transfer-encoding") && len(requests) < 2 {
			t.Errorf("%s: two framings reached the server: %q", c.name, text)
		}
	}
}

// FuzzPath holds the path that a server is asked for against what it may be: one
// that every reader takes for the same, under what the rule says.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/a/b", "/", "/a/..;/b", "/%", "/a b", "/legacy", "/legacy/x", "/legacyx", "/a//b", "/ü/€", "/a\\b", "/a?b#c", "//evil.example/", "/./x"} {
		f.Add(seed, "/legacy", "/to/{*}/{id}", "7")
	}
	pools := proxy.NewPools(proxy.Options{})
	f.Cleanup(pools.Close)
	f.Fuzz(func(t *testing.T, path, strip, rewrite, id string) {
		if !strings.HasPrefix(path, "/") || !strings.HasPrefix(strip, "/") {
			return
		}
		for _, d := range []*manifest.Proxy{{Strip: strip}, {Rewrite: rewrite}} {
			d.To = []string{"http://127.0.0.1:1"}
			asked, ok := proxy.Asked(&manifest.Route{URLPath: "/{id}/*", Proxy: d}, path, func(name string) string {
				if name == "id" {
					return id
				}
				return path[1:]
			})
			if !ok {
				continue
			}
			u, err := url.ParseRequestURI(asked)
			if err != nil || u.Host != "" || u.RawQuery != "" || u.Fragment != "" {
				t.Errorf("%q (strip %q, path %q) is asked for as %q: %v", path, strip, rewrite, asked, err)
				continue
			}
			if strings.ContainsAny(asked, "; \r\n\\#?") {
				t.Errorf("%q is asked for as %q", path, asked)
			}
			if d.Rewrite == "" {
				continue
			}
			for _, segment := range strings.Split(u.Path, "/") {
				if segment == ".." || segment == "." {
					t.Errorf("%q in %q leads to %q", path, rewrite, asked)
				}
			}
		}
	})
}

func TestBodyTime(t *testing.T) { // a body that stands still is given up, an answer that does is not
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Error("the body came whole")
		}
	})
	f := newFront(t, declared(s.URL))
	inner := f.proxy
	told := make(chan error, 1)
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := inner.Serve(w, r, proxy.Origin{ID: "1", Scheme: "http", BodyTime: 50 * time.Millisecond})
		told <- err
		w.WriteHeader(http.StatusRequestTimeout)
	})
	conn := dial(t, f.Listener.Addr().String())
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
	err := <-told
	var body *proxy.BodyError
	var timeout net.Error
	if !errors.As(err, &body) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%v %v", res, err)
	}
}
