package web_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// behindCoded answers by path, in the ways in which applications do.
func behindCoded(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	body := longText
	switch r.URL.Path {
	case "/plain", "/no-transform", "/picture", "/events", "/varied":
		h.Set("Etag", `"abc"`)
		h.Set("Accept-Ranges", "bytes")
	case "/small":
		body = "small"
	}
	switch r.URL.Path {
	case "/no-transform":
		h.Set("Cache-Control", "public, no-transform")
	case "/picture":
		h.Set("Content-Type", "image/png")
	case "/varied":
		h.Set("Vary", "Cookie")
	case "/coded": // whatever the caller takes, as some do
		h.Set("Content-Encoding", "gzip")
		h.Set("Etag", `"theirs"`)
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, body)
		_ = z.Close()
		return
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/accepts":
		h.Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%q", r.Header["Accept-Encoding"])
		return
	}
	switch {
	case h.Get("Etag") != "" && r.Header.Get("If-None-Match") == `"abc"`:
		w.WriteHeader(http.StatusNotModified)
		return
	case h.Get("Etag") != "" && r.Header.Get("Range") == "bytes=0-1999" && (r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == `"abc"`):
		h.Set("Content-Range", fmt.Sprintf("bytes 0-1999/%d", len(body)))
		h.Set("Content-Length", "2000")
		w.WriteHeader(http.StatusPartialContent)
		body = body[:2000]
	case r.Method == http.MethodPut:
		if tag := r.Header.Get("If-Match"); tag != `"abc"` {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	case r.URL.Path == "/chunked":
		w.(http.Flusher).Flush()
	default:
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// What a server leaves plain is encoded for who takes it; what is not to be touched
// arrives as it was sent.
func TestProxiedAnswersAreEncoded(t *testing.T) {
	m := proxied(behind(t, behindCoded))
	m.Server.Compress = compressing().Server.Compress
	s := newSite(t, m)
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	length := strconv.Itoa(len(longText))
	for _, c := range []struct {
		request string
		headers []string
		status  int
		coding  string // Content-Encoding
		want    map[string]string
		body    string
	}{
		{"GET /plain", []string{"Accept-Encoding: gzip"}, 200, "gzip", map[string]string{"Etag": `"abc~gzip"`, "Vary": "Origin, Accept-Encoding", "Accept-Ranges": ""}, longText},
		{"GET /plain", []string{"Accept-Encoding: gzip, br, zstd"}, 200, "zstd", map[string]string{"Etag": `"abc~zstd"`}, longText},
		{"GET /plain", nil, 200, "", map[string]string{"Etag": `"abc"`, "Vary": "Origin, Accept-Encoding", "Accept-Ranges": "bytes", "Content-Length": length}, longText},
		{"GET /plain", []string{"Accept-Encoding: gzip;q=0"}, 200, "", map[string]string{"Content-Length": length}, longText},
		{"GET /varied", []string{"Accept-Encoding: br"}, 200, "br", map[string]string{"Vary": "Origin, Cookie, Accept-Encoding"}, longText},
		{"GET /chunked", []string{"Accept-Encoding: gzip"}, 200, "gzip", map[string]string{"Vary": "Origin, Accept-Encoding"}, longText},
		{"GET /chunked", nil, 200, "", nil, longText},
		{"GET /small", []string{"Accept-Encoding: gzip"}, 200, "", map[string]string{"Content-Length": "5"}, "small"},
		{"GET /picture", []string{"Accept-Encoding: gzip"}, 200, "", map[string]string{"Etag": `"abc"`, "Vary": "Origin", "Content-Length": length}, longText},
		{"GET /no-transform", []string{"Accept-Encoding: gzip"}, 200, "", map[string]string{"Etag": `"abc"`, "Cache-Control": "public, no-transform", "Content-Length": length}, longText},
		{"GET /coded", []string{"Accept-Encoding: zstd, gzip"}, 200, "gzip", map[string]string{"Etag": `"theirs"`}, longText},
		{"GET /coded", nil, 200, "gzip", map[string]string{"Etag": `"theirs"`}, longText},
		{"GET /empty", []string{"Accept-Encoding: gzip"}, 204, "", nil, ""},
		{"HEAD /plain", []string{"Accept-Encoding: gzip"}, 200, "gzip", map[string]string{"Etag": `"abc~gzip"`, "Vary": "Origin, Accept-Encoding", "Content-Length": ""}, ""},
		{"HEAD /plain", nil, 200, "", map[string]string{"Etag": `"abc"`, "Content-Length": length}, ""},
		{"GET /plain", []string{"Accept-Encoding: gzip", `If-None-Match: "abc~gzip"`}, 304, "", map[string]string{"Etag": `"abc~gzip"`, "Vary": "Origin, Accept-Encoding"}, ""},
		{"GET /plain", []string{`If-None-Match: "abc"`}, 304, "", map[string]string{"Etag": `"abc"`}, ""},
		{"GET /plain", []string{"Accept-Encoding: br", `If-None-Match: "abc~gzip"`}, 200, "br", map[string]string{"Etag": `"abc~br"`}, longText},
		{"GET /plain", []string{"Accept-Encoding: gzip", "Range: bytes=0-1999"}, 206, "", map[string]string{"Content-Range": "bytes 0-1999/" + length, "Etag": `"abc"`, "Content-Length": "2000"}, longText[:2000]},
		{"GET /plain", []string{"Accept-Encoding: gzip", "Range: bytes=0-1999", `If-Range: "abc~gzip"`}, 200, "gzip", map[string]string{"Content-Range": ""}, longText},
		{"GET /plain", []string{"Accept-Encoding: gzip", "Range: bytes=0-1999", `If-Range: "abc"`}, 206, "", nil, longText[:2000]},
		{"PUT /plain", []string{"Accept-Encoding: gzip", `If-Match: "abc~gzip"`}, 200, "gzip", nil, longText},
		{"PUT /plain", []string{`If-Match: "old~gzip"`}, 412, "", nil, longText},
		// Servers may encode themselves: they learn what the caller takes, no more.
		{"GET /accepts", []string{"Accept-Encoding: gzip, br"}, 200, "", nil, `["gzip, br"]`},
		{"GET /accepts", nil, 200, "", nil, `[]`},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		answer := ask(t, server.url, method, "/app"+path, c.headers...)
		if answer.StatusCode != c.status || answer.Header.Get("Content-Encoding") != c.coding {
			t.Errorf("%s %q: %d, Content-Encoding %q", c.request, c.headers, answer.StatusCode, answer.Header.Get("Content-Encoding"))
			continue
		}
		for name, value := range c.want {
			if got := strings.Join(answer.Header[name], ", "); got != value {
				t.Errorf("%s %q: %s: %q, want %q", c.request, c.headers, name, got, value)
			}
		}
		coding := c.coding
		if method == http.MethodHead {
			coding = ""
		}
		if body := decoded(t, coding, answer.Body); body != c.body {
			t.Errorf("%s %q: %.60q", c.request, c.headers, body)
		}
	}
}

// What a server sends of an answer that goes on reaches the caller while it does,
// whatever the caller takes: events as they are, other text in its coding.
func TestProxiedStreamsAreNotHeldBack(t *testing.T) {
	for _, c := range []struct{ media, coding string }{{"text/event-stream", ""}, {"text/plain", "gzip"}, {"application/grpc", ""}} {
		for _, length := range []string{"", "3000000"} {
			if length != "" && c.media == "text/plain" {
				continue // as buffers fill
			}
			t.Run(c.media+length, func(t *testing.T) {
				read := make(chan struct{})
				m := proxied(behind(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", c.media)
					if length != "" {
						w.Header().Set("Content-Length", length)
					}
					for i := range 3 {
						w.(http.Flusher).Flush() // first the header alone
						select {
						case <-read:
						case <-r.Context().Done():
							return
						}
						fmt.Fprintf(w, "data: %d\n\n", i)
					}
				}))
				m.Server.Compress = &manifest.Compress{Encodings: []string{"gzip"}, Min: 1 << 10}
				s := newSite(t, m)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
				asked, err := http.NewRequestWithContext(ctx, http.MethodGet, server.url+"/app/x", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				asked.Header.Set("Accept-Encoding", "gzip")
				transport := &http.Transport{DisableCompression: true}
				defer transport.CloseIdleConnections()
				answer, err := transport.RoundTrip(asked) // the header is there before any body
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				if got := answer.Header.Get("Content-Encoding"); got != c.coding {
					t.Fatalf("Content-Encoding %q", got)
				}
				read <- struct{}{}
				var text io.Reader = answer.Body
				if c.coding != "" {
					if text, err = gzip.NewReader(answer.Body); err != nil {
						t.Fatal(err)
					}
				}
				lines := bufio.NewReader(text)
				for i := range 3 {
					if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
						t.Fatalf("%q, %v", line, err)
					}
					if i < 2 {
						read <- struct{}{} // nothing more comes before what came is read
						_, _ = lines.ReadString('\n')
					}
				}
			})
		}
	}
}
