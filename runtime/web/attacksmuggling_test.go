package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// exchangeRaw sends bytes and gives everything that comes until the server closes
// the connection; ended is false where it keeps it open.
func exchangeRaw(t *testing.T, address, text string) (answers []string, ended bool) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return nil, true
	}
	// What is left unanswered is ended by us, so that nobody waits for it.
	// Where the server has ended the connection before, there is nothing left to end.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answers, true
		}
		body, err := io.ReadAll(answer.Body)
		answers = append(answers, fmt.Sprintf("%d %s", answer.StatusCode, body))
		if err != nil {
			return answers, true
		}
	}
}

// smuggled is what must never be answered: it stands where a body is.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

func smugglingSite(t *testing.T) (*site, *running) {
	t.Helper()
	m := plain()
	m.Routes = []manifest.Route{
		words(manifest.Route{Pattern: "/smuggled", URLPath: "/smuggled"}, "SMUGGLED"),
		words(manifest.Route{Pattern: "/sink", URLPath: "/sink"}, "sink"),
		words(manifest.Route{Pattern: "b.example/who", URLPath: "/who", Host: "b.example"}, "b"),
		words(manifest.Route{Pattern: "/who", URLPath: "/who"}, "any"),
	}
	s := newSite(t, m)
	return s, serve(t, s.Handler, wire.Bounds{Total: 1000, PerAddress: 1000})
}

// Where framing is ambiguous, or another reader could see it otherwise, the request
// is refused or the connection ends with it: what follows is no request.
func TestAttackSmuggling(t *testing.T) {
	_, server := smugglingSite(t)
	n := len(smuggled)
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	const json = "Content-Type: application/json\r\n"
	for _, c := range []struct{ name, text, first string }{
		// Content-Length against Transfer-Encoding.
		{"CL.TE", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: " + fmt.Sprint(5+n) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"TE.CL", "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunk(smuggled) + "0\r\n\r\n", "200"},
		{"CL.TE, kept alive", "POST /sink HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"CL.0", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: " + fmt.Sprint(n) + "\r\n\r\n" + smuggled, "200"},
		{"GET with a body", "GET /sink HTTP/1.1\r\nHost: a\r\nContent-Length: " + fmt.Sprint(n) + "\r\n\r\n" + smuggled, "200"},
		{"HEAD with a body", "GET /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(smuggled) + "0\r\n\r\n", "200"},
		// Several and strange Transfer-Encodings.
		{"TE twice", "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE twice, alike", "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE list", "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE identity", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE xchunked", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE chunked;", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE quoted", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE vertical tab", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, "400 501"},
		{"TE NUL", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"TE empty", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n" + smuggled, "501"},
		{"TE upper case", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"TE tab", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"TE space before the colon", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"TE folded", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"TE after a folded line", "POST /sink HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\nContent-Length: " + fmt.Sprint(5+n) + "\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"TE behind a bare CR", "POST /sink HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, "400"},
		{"TE of HTTP/1.0", "POST /sink HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "200"},
		{"TE of HTTP/1.0 alone", "POST /sink HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled, "200"},
		// Content-Lengths.
		{"two lengths", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: " + fmt.Sprint(n) + "\r\n\r\n" + smuggled, "400"},
		{"a list of lengths", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0, " + fmt.Sprint(n) + "\r\n\r\n" + smuggled, "400"},
		{"a list of equal lengths", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n" + smuggled, "400"},
		{"a length with plus", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n" + smuggled, "400"},
		{"a length with minus", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n" + smuggled, "400"},
		{"a length in hex", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n" + smuggled, "400"},
		{"a length with a space", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0 0\r\n\r\n" + smuggled, "400"},
		{"a length with underscore", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0_0\r\n\r\n" + smuggled, "400"},
		{"a length with a point", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0.0\r\n\r\n" + smuggled, "400"},
		{"a length of nothing", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" + smuggled, "400"},
		{"a length beyond 64 bits", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n" + smuggled, "400"},
		{"a length in other digits", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: ٠\r\n\r\n" + smuggled, "400"},
		{"a length, space before the colon", "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n" + smuggled, "400"},
		{"a length with another name", "POST /sink HTTP/1.1\r\nHost: a\r\nContent_Length: 0\r\nContent-Length: " + fmt.Sprint(n) + "\r\n\r\n" + smuggled, "200"},
		// Chunks.
		{"a chunk's size with plus", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + smuggled, "400"},
		{"a chunk's size with minus", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n" + smuggled, "400"},
		{"a chunk's size with 0x", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + smuggled, "400"},
		{"a chunk's size beyond 64 bits", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n" + smuggled, "400"},
		{"a chunk's size that is huge", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n" + smuggled, "400 413"},
		{"a chunk with a bare LF", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n" + smuggled, "400"},
		{"an extension with a bare LF", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n2;a\n{}\r\n0\r\n\r\n" + smuggled, "400"},
		{"a chunk that does not end", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n" + smuggled, "400"},
		{"no last chunk", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "400"},
		{"an extension", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0;c\r\n\r\n" + smuggled, "201"},
		{"a flood of extensions", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("a", 3000)+"\r\n \r\n", 20) + "0\r\n\r\n" + smuggled, "400"},
		{"a trailer that frames", "POST /api/data/t HTTP/1.1\r\nHost: a\r\n" + json + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n" + smuggled, "400"},
		// Lines.
		{"a NUL in a header", "GET /sink HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n" + smuggled, "400"},
		{"a NUL in a name", "GET /sink HTTP/1.1\r\nHost: a\r\nX\x00: y\r\n\r\n" + smuggled, "400"},
		{"a NUL in the path", "GET /sink\x00 HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"a header without a name", "GET /sink HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n" + smuggled, "400"},
		{"a header without a colon", "GET /sink HTTP/1.1\r\nHost: a\r\nxyz\r\n\r\n" + smuggled, "400"},
		{"a first line that is folded", "GET /sink HTTP/1.1\r\n Host: a\r\n\r\n" + smuggled, "400"},
		{"a space in the path", "GET /sink x HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"a tab between", "GET\t/sink\tHTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"a bare CR", "GET /sink HTTP/1.1\rHost: a\r\n\r\n" + smuggled, "400"},
		{"no version", "GET /sink\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"version 0.9", "GET /sink HTTP/0.9\r\nHost: a\r\n\r\n" + smuggled, "505 400"},
		{"version 2.0", "GET /sink HTTP/2.0\r\nHost: a\r\n\r\n" + smuggled, "505 400"},
		{"version 1.10", "GET /sink HTTP/1.10\r\nHost: a\r\n\r\n" + smuggled, "505 400"},
		{"a version in lower case", "GET /sink http/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled, "505 400 405"},
		{"a method that is no word", "GE(T /sink HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"an expectation", "POST /sink HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: " + fmt.Sprint(n) + "\r\n\r\n" + smuggled, "417"},
		// Hosts and targets.
		{"two hosts", "GET /sink HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + smuggled, "400"},
		{"a host with a path", "GET /sink HTTP/1.1\r\nHost: a/b\r\n\r\n" + smuggled, "400"},
		{"a host with a space", "GET /sink HTTP/1.1\r\nHost: a b\r\n\r\n" + smuggled, "400"},
		{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "405"},
		{"a path in CONNECT", "CONNECT /sink HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "405"},
		{"TRACE", "TRACE /sink HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "405"},
		{"an authority as target", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"a star as target", "GET * HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "400"},
		{"another scheme as target", "GET file:///sink HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "200 400 404"},
		{"user info in the target", "GET http://u:p@a/sink HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled, "200 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers, _ := exchangeRaw(t, server.address, c.text)
			if len(answers) == 0 {
				t.Fatal("no answer")
			}
			status, _, _ := strings.Cut(answers[0], " ")
			if !strings.Contains(c.first, status) {
				t.Errorf("%q, want %s", answers[0], c.first)
			}
			// What is behind a request that was well framed is one itself.
			framed := c.first == "405" || strings.HasPrefix(c.text, "GET file") || strings.Contains(c.text, "u:p@") || c.name == "a star as target" || c.name == "an authority as target"
			if !framed && len(answers) > 1 && strings.Contains(strings.Join(answers, "\n"), "SMUGGLED") {
				t.Errorf("it was answered: %q", answers)
			}
		})
	}
}

// The one host of a request is that of its target, where that has one.
func TestAttackHosts(t *testing.T) {
	_, server := smugglingSite(t)
	for _, c := range []struct{ text, want string }{
		{"GET /who HTTP/1.1\r\nHost: b.example\r\n\r\n", "200 b"},
		{"GET /who HTTP/1.1\r\nHost: B.EXAMPLE\r\n\r\n", "200 b"},
		{"GET /who HTTP/1.1\r\nHost: b.example.\r\n\r\n", "200 b"},
		{"GET /who HTTP/1.1\r\nHost: b.example:80\r\n\r\n", "200 b"},
		{"GET /who HTTP/1.1\r\nHost: b.example.:8080\r\n\r\n", "200 b"},
		{"GET /who HTTP/1.1\r\nHost: a\r\n\r\n", "200 any"},
		{"GET http://b.example/who HTTP/1.1\r\nHost: a\r\n\r\n", "200 b"},
		{"GET http://a/who HTTP/1.1\r\nHost: b.example\r\n\r\n", "200 any"},
		{"GET http://B.example:99/who HTTP/1.1\r\nHost: a\r\n\r\n", "200 b"},
	} {
		if answers, _ := exchangeRaw(t, server.address, c.text); len(answers) != 1 || answers[0] != c.want {
			t.Errorf("%q: %q, want %s", c.text, answers, c.want)
		}
	}
	// What is no host of ours is that of nobody, never another's.
	for _, host := range []string{"b.example:", "b.example:x", "b.example:99999", "b.example..", ".b.example", "xb.example", "b.example@a", "[b.example]", "b%2eexample", "b.example,a", "[::1", "a b.example"} {
		answers, _ := exchangeRaw(t, server.address, "GET /who HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		if len(answers) != 1 {
			t.Errorf("%s: %q", host, answers)
			continue
		}
		if answers[0] == "200 b" && host != "b.example:" && host != "b.example:99999" {
			t.Errorf("Host %s is taken for b.example", host)
		}
	}
}
