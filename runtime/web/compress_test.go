package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// compressing is plain with answers compressed as where nothing is said.
func compressing() *manifest.Manifest {
	m := plain()
	m.Server.Compress = &manifest.Compress{Encodings: []string{"zstd", "br", "gzip"}, Min: 1 << 10}
	return m
}

// longText is a body that is worth to be compressed.
var longText = strings.Repeat("it was a bright cold day in April, and the clocks were striking thirteen. ", 60)

// decoded undoes a Content-Encoding.
func decoded(t testing.TB, encoding string, body io.Reader) string {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding {
	case "":
		r = body
	case "gzip":
		r, err = gzip.NewReader(body)
	case "br":
		r = brotli.NewReader(body)
	case "zstd":
		d, failed := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)) // of RFC 9659
		err = failed
		if d != nil {
			defer d.Close()
		}
		r = d
	default:
		t.Fatalf("Content-Encoding %q", encoding)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", encoding, err)
	}
	return string(text)
}

// ask sends a request as it is said, without what http.Client adds by itself.
func ask(t testing.TB, url, method, target string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// everywhere are a site's ways to answer a long text, by path.
func everywhere(t *testing.T) (*site, map[string]string) {
	t.Helper()
	m := compressing()
	big := strings.Repeat(longText, 100)  // more than is kept of a file, and than is encoded whole
	huge := strings.Repeat(longText, 250) // encoded as it goes
	dir := files(t, map[string]string{"a.txt": longText, "big.txt": big, "huge.txt": huge, "small.txt": "small", "a.png": longText})
	for _, name := range []string{"a.txt", "big.txt", "small.txt", "a.png"} { // old enough to be kept
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	m.Functions = []manifest.Function{{Name: "text"}}
	m.Routes = []manifest.Route{
		{Pattern: "/files/*", URLPath: "/files/*", Static: &manifest.Static{Dir: dir}},
		words(manifest.Route{Pattern: "/respond", URLPath: "/respond"}, longText),
		words(manifest.Route{Pattern: "/huge", URLPath: "/huge"}, huge),
		words(manifest.Route{Pattern: "/respond/small", URLPath: "/respond/small"}, "small"),
		{Pattern: "/image", URLPath: "/image", Respond: &manifest.Respond{Body: longText, Headers: map[string]string{"Content-Type": "image/png"}}},
		{Pattern: "/events", URLPath: "/events", Respond: &manifest.Respond{Body: longText, Headers: map[string]string{"Content-Type": "text/event-stream"}}},
		{Pattern: "/asis", URLPath: "/asis", Respond: &manifest.Respond{Body: longText, Headers: map[string]string{"Cache-Control": "public, No-Transform"}}},
		{Pattern: "/done", URLPath: "/done", Respond: &manifest.Respond{Body: longText, Headers: map[string]string{"Content-Encoding": "deflate"}}},
		{Pattern: "/function", URLPath: "/function", Function: &manifest.CallFunction{Name: "text"}},
	}
	f := &functions{do: answers(200, http.Header{"Content-Type": {"text/plain"}, "Etag": {`"f"`}}, longText)}
	s := newSite(t, m, func(o *web.Options) {
		o.Functions = f
		o.OpenAPI = web.OpenAPI{Everyone: []byte(longText), Service: []byte(longText)}
	})
	s.gate.answer = data.Answer{Entry: &cache.Entry{Body: []byte(longText), ETag: `"5-abc"`, Rows: 2, Count: -1}, Status: cache.Hit}
	return s, map[string]string{
		"/files/a.txt": longText, "/files/big.txt": big, "/files/huge.txt": huge, "/respond": longText, "/huge": huge, "/function": longText,
		"/api/data/books": longText, "/api/openapi.json": longText, "/api/export/books": longText,
	}
}

func TestCompressesEverywhere(t *testing.T) {
	s, texts := everywhere(t)
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	for path, text := range texts {
		for _, c := range []struct{ accepts, want string }{
			{"", ""},
			{"gzip", "gzip"},
			{"br", "br"},
			{"zstd", "zstd"},
			{"gzip, deflate, br, zstd", "zstd"},
			{"gzip;q=0.9, br;q=0.8", "gzip"},
			{"identity", ""},
			{"gzip;q=0", ""},
			{"*", "zstd"},
			{"*;q=0.5, zstd;q=0", "br"},
			{"deflate", ""},
		} {
			t.Run(path+" "+c.accepts, func(t *testing.T) {
				var headers []string
				if c.accepts != "" {
					headers = []string{"Accept-Encoding: " + c.accepts}
				}
				for range 2 { // as it is made, and as it is kept
					answer := ask(t, server.url, "GET", path, headers...)
					encoding := answer.Header.Get("Content-Encoding")
					if encoding != c.want {
						t.Fatalf("Content-Encoding %q, want %q", encoding, c.want)
					}
					if got := decoded(t, encoding, answer.Body); got != text {
						t.Errorf("%d bytes came, want %d", len(got), len(text))
					}
					if !strings.Contains(strings.Join(answer.Header.Values("Vary"), ","), "Accept-Encoding") {
						t.Errorf("Vary %q", answer.Header.Values("Vary"))
					}
					if tag := answer.Header.Get("Etag"); tag != "" && strings.HasSuffix(tag, "~"+c.want+`"`) != (c.want != "") {
						t.Errorf("Etag %s", tag)
					}
					if encoding != "" && answer.Header.Get("Accept-Ranges") != "" {
						t.Error("ranges of what is encoded are offered")
					}
					head := ask(t, server.url, "HEAD", path, headers...)
					if path == "/api/export/books" {
						continue
					}
					for _, name := range []string{"Content-Encoding", "Content-Type", "Etag", "Cache-Control"} {
						if got, want := head.Header.Get(name), answer.Header.Get(name); got != want && path != "/function" {
							t.Errorf("HEAD has %s %q, GET %q", name, got, want)
						}
					}
					if head.ContentLength >= 0 && answer.ContentLength >= 0 && head.ContentLength != answer.ContentLength {
						t.Errorf("HEAD says %d bytes, GET %d", head.ContentLength, answer.ContentLength)
					}
				}
			})
		}
	}
}

func TestLeavesAnswersAlone(t *testing.T) {
	s, _ := everywhere(t)
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	for _, c := range []struct {
		target, header string
		encoding       string
		vary           bool // by Accept-Encoding
	}{
		{"/respond/small", "", "", false},
		{"/image", "", "", false},
		{"/events", "", "", false},
		{"/asis", "", "", false},
		{"/done", "", "deflate", false},
		{"/files/small.txt", "", "", true}, // files vary by what stands beside them
		{"/files/a.png", "", "", true},
		{"/files/a.txt", "Range: bytes=0-9", "", true},
		{"/files/big.txt", "Range: bytes=0-1999", "", true},
		{"/health", "", "", false},
	} {
		headers := []string{"Accept-Encoding: gzip"}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		answer := ask(t, server.url, "GET", c.target, headers...)
		if got := answer.Header.Get("Content-Encoding"); got != c.encoding {
			t.Errorf("%s %s: Content-Encoding %q", c.target, c.header, got)
		}
		if got := strings.Contains(answer.Header.Get("Vary"), "Accept-Encoding"); got != c.vary {
			t.Errorf("%s %s: Vary %q", c.target, c.header, answer.Header.Get("Vary"))
		}
		if answer.ContentLength < 0 {
			t.Errorf("%s: no length", c.target)
		}
	}
	// Who takes no answer as it is gets small ones encoded too.
	answer := ask(t, server.url, "GET", "/respond/small", "Accept-Encoding: gzip, identity;q=0")
	if got := decoded(t, answer.Header.Get("Content-Encoding"), answer.Body); got != "small" || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%q, %s", got, answer.Header.Get("Content-Encoding"))
	}
}

// A range of an answer is of it as it is, and 206 of the data API stays as it is.
func TestPartsStayAsTheyAre(t *testing.T) {
	s, _ := everywhere(t)
	s.gate.answer.Count = 9
	w := s.do("GET", "/api/data/books", "", "Accept-Encoding: gzip", "Prefer: count=exact")
	if w.Code != http.StatusPartialContent || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("%d, %q", w.Code, w.Header().Get("Content-Encoding"))
	}
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	tag := ask(t, server.url, "GET", "/files/a.txt", "Accept-Encoding: gzip").Header.Get("Etag")
	if answer := ask(t, server.url, "GET", "/files/a.txt", "Range: bytes=5-9", "If-Range: "+tag); answer.StatusCode != http.StatusOK {
		t.Errorf("a part of the plain file was sent to who has a part of the encoded one: %d", answer.StatusCode)
	}
	if answer := ask(t, server.url, "GET", "/files/a.txt", "Range: bytes=5-9", "If-Range: "+strings.Replace(tag, "~gzip", "", 1)); answer.StatusCode != http.StatusPartialContent {
		t.Errorf("a range was refused: %d", answer.StatusCode)
	}
}

func TestTagsOfCodings(t *testing.T) {
	s, texts := everywhere(t)
	server := serve(t, s.Handler, wire.Bounds{Total: 100, PerAddress: 100})
	for path := range texts {
		answer := ask(t, server.url, "GET", path, "Accept-Encoding: br")
		tag := answer.Header.Get("Etag")
		if tag == "" || path == "/function" {
			continue
		}
		plain := strings.Replace(tag, "~br", "", 1)
		if plain == tag {
			t.Fatalf("%s: tag %s", path, tag)
		}
		for _, c := range []struct {
			accepts, known string
			status         int
			confirmed      string
		}{
			{"br", tag, 304, tag},
			{"br", "W/" + tag, 304, tag},
			{"br, gzip", `"x", ` + tag, 304, tag},
			{"br", plain, 304, plain}, // as it is, every client takes it
			{"", plain, 304, plain},
			{"gzip", tag, 200, ""}, // it has no use for what is in br
			{"gzip", `"x"`, 200, ""},
			{"br", strings.Replace(tag, "br", "compress", 1), 200, ""},
			{"gzip", tag + ", " + strings.Replace(tag, "~br", "~gzip", 1), 304, strings.Replace(tag, "~br", "~gzip", 1)},
		} {
			headers := []string{"If-None-Match: " + c.known}
			if c.accepts != "" {
				headers = append(headers, "Accept-Encoding: "+c.accepts)
			}
			got := ask(t, server.url, "GET", path, headers...)
			if got.StatusCode != c.status || c.status == 304 && got.Header.Get("Etag") != c.confirmed {
				t.Errorf("%s, has %s, takes %q: %d %s", path, c.known, c.accepts, got.StatusCode, got.Header.Get("Etag"))
			}
			if !strings.Contains(got.Header.Get("Vary"), "Accept-Encoding") {
				t.Errorf("%s: Vary %q of %d", path, got.Header.Get("Vary"), got.StatusCode)
			}
		}
	}
	// A write that demands what was read in a coding finds the revision.
	s.do("PATCH", "/api/data/books/1", `{"a":1}`, sendsJSON, `If-Match: "5-abc~zstd"`)
	if m := s.gate.write.Match; m == nil || len(m.Revisions) != 1 || m.Revisions[0] != 5 {
		t.Errorf("If-Match became %+v", m)
	}
}

// What a function flushes reaches the client at once, encoded or not.
func TestStreamsReachTheClient(t *testing.T) {
	for _, encoding := range []string{"", "gzip", "br", "zstd"} {
		t.Run(encoding, func(t *testing.T) {
			m := compressing()
			m.Functions = []manifest.Function{{Name: "stream"}}
			read := make(chan struct{})
			f := &functions{do: func(a function.Answer) error {
				if err := a.Head(200, http.Header{"Content-Type": {"text/plain"}}); err != nil {
					return err
				}
				for i := range 3 {
					if _, err := fmt.Fprintf(a, "line %d\n", i); err != nil {
						return err
					}
					if err := a.Flush(); err != nil {
						return err
					}
					select {
					case <-read:
					case <-time.After(time.Minute):
						return context.DeadlineExceeded
					}
				}
				return nil
			}}
			s := newSite(t, m, func(o *web.Options) { o.Functions = f })
			server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
			answer := ask(t, server.url, "GET", "/api/edge/stream", "Accept-Encoding: "+encoding)
			if got := answer.Header.Get("Content-Encoding"); got != encoding {
				t.Fatalf("Content-Encoding %q", got)
			}
			var text io.Reader = answer.Body
			switch encoding {
			case "gzip":
				r, err := gzip.NewReader(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				text = r
			case "br":
				text = brotli.NewReader(answer.Body)
			case "zstd":
				d, err := zstd.NewReader(answer.Body, zstd.WithDecoderConcurrency(1))
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				text = d
			}
			lines := bufio.NewReader(text)
			for i := range 3 {
				line, err := lines.ReadString('\n')
				if err != nil || line != fmt.Sprintf("line %d\n", i) {
					t.Fatalf("%q, %v", line, err)
				}
				read <- struct{}{}
			}
			if rest, err := io.ReadAll(lines); err != nil || len(rest) != 0 {
				t.Errorf("%q %v", rest, err)
			}
		})
	}
}

// An answer that is cut off does not look whole, whatever its coding.
func TestCutStreamsLookCut(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip", "br", "zstd"} {
		m := compressing()
		m.Functions = []manifest.Function{{Name: "breaks"}}
		f := &functions{do: func(a function.Answer) error {
			err := answers(200, http.Header{"Content-Type": {"text/plain"}}, longText)(a)
			_ = a.Flush()
			if err == nil {
				err = context.DeadlineExceeded
			}
			return err
		}}
		s := newSite(t, m, func(o *web.Options) { o.Functions = f })
		server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
		answer := ask(t, server.url, "GET", "/api/edge/breaks", "Accept-Encoding: "+encoding)
		if _, err := io.ReadAll(answer.Body); err == nil {
			t.Errorf("%s: it ended as if it were whole", encoding)
		}
	}
}

// narrow has the kernel hold little of what is sent: who writes waits soon for who reads.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(16 << 10)
	}
	return conn, err
}

// Readers that do not read hold encoders up to their bound; others get their answers
// as they are.
func TestEncodersAreBounded(t *testing.T) {
	m := compressing()
	random := make([]byte, 2<<20) // much more than the kernel holds of a narrow connection
	seed := uint32(1)
	for i := range random {
		seed = seed*1664525 + 1013904223
		random[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[seed>>26]
	}
	m.Routes = []manifest.Route{words(manifest.Route{Pattern: "/big", URLPath: "/big"}, string(random)), words(manifest.Route{Pattern: "/", URLPath: "/"}, longText)}
	s := newSite(t, m)
	server := serve(t, s.Handler, wire.Bounds{Total: 1000, PerAddress: 1000}, func(l net.Listener) net.Listener { return narrow{l} })
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	for range coding.MostEncoders + 40 {
		conn, err := net.Dial("tcp", server.address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = fmt.Fprint(conn, "GET /big HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
	}
	long(t, func() bool { return !encoderFree() })
	answer := ask(t, server.url, "GET", "/", "Accept-Encoding: gzip")
	if got := answer.Header.Get("Content-Encoding"); got != "" || readAll(t, answer) != longText {
		t.Errorf("Content-Encoding %q", got)
	}
	if !strings.Contains(answer.Header.Get("Vary"), "Accept-Encoding") {
		t.Errorf("Vary %q", answer.Header.Get("Vary"))
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	long(t, encoderFree)
}

// encoderFree reports whether another answer would be encoded.
func encoderFree() bool {
	e := coding.Encode(manifest.Gzip, io.Discard)
	if e == nil {
		return false
	}
	e.Release()
	return true
}

// long is eventually for what a loaded machine takes its time for.
func long(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it did not come to hold")
}

// What is kept is encoded once, however many ask, and is charged to the cache.
func TestKeptAnswersAreEncodedOnce(t *testing.T) {
	s, _ := everywhere(t)
	entry := s.gate.answer.Entry
	first := s.do("GET", "/api/data/books", "", "Accept-Encoding: gzip").Body.Bytes()
	kept := entry.Codings.Get("gzip")
	if !bytes.Equal(first, kept) || len(kept) == 0 {
		t.Fatalf("%d bytes were sent, %d are kept", len(first), len(kept))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			w := s.do("GET", "/api/data/books", "", "Accept-Encoding: gzip")
			if !bytes.Equal(w.Body.Bytes(), kept) || w.Header().Get("Content-Length") != strconv.Itoa(len(kept)) {
				t.Error("another answer came")
			}
		})
	}
	all.Wait()
	if again := entry.Codings.Get("gzip"); &again[0] != &kept[0] {
		t.Error("it was encoded again")
	}
	s.gate.answer.Entry, s.gate.answer.Status = &cache.Entry{Body: []byte(longText), Count: -1}, cache.Bypass
	s.do("GET", "/api/data/books", "", "Accept-Encoding: gzip")
	if s.gate.answer.Codings.Get("gzip") != nil {
		t.Error("of an answer that is not kept, a coding is")
	}
}
