package front_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what will come.
const patience = 60 * time.Second

// newClient makes a client that finds every host at the site, and follows nothing.
func (s *site) newClient(config *tls.Config) *http.Client {
	var dialer net.Dialer
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true, DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if strings.HasSuffix(address, ":443") {
					return dialer.DialContext(ctx, network, s.secure)
				}
				return dialer.DialContext(ctx, network, s.plain)
			},
		},
	}
}

// got is an answer.
type got struct {
	*http.Response
	status int
	body   string
}

// get asks for a URL: a path of example.com, or a whole one. Headers are "Name:
// value".
func (s *site) get(t *testing.T, url string, headers ...string) got {
	t.Helper()
	return s.ask(t, http.MethodGet, url, "", headers...)
}

func (s *site) ask(t *testing.T, method, url, body string, headers ...string) got {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		scheme := "http://"
		if s.secure != "" {
			scheme = "https://"
		}
		url = scheme + s.name() + url
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return got{response, response.StatusCode, string(raw)}
}

// want asks for a URL, and wants a status and a part of the body.
func (s *site) want(t *testing.T, url string, status int, part string, headers ...string) got {
	t.Helper()
	g := s.get(t, url, headers...)
	if g.status != status || !strings.Contains(g.body, part) {
		t.Errorf("%s: %d %q, want %d and %q", url, g.status, g.body, status, part)
	}
	return g
}

// header wants the value of an answer's header.
func (g got) header(t *testing.T, name, value string) {
	t.Helper()
	if is := g.Header.Get(name); is != value {
		t.Errorf("%s is %q, want %q", name, is, value)
	}
}

// to wants a redirect.
func (s *site) to(t *testing.T, url string, status int, location string) {
	t.Helper()
	g := s.get(t, url)
	if is := g.Header.Get("Location"); g.status != status || is != location {
		t.Errorf("%s: %d to %q, want %d to %q", url, g.status, is, status, location)
	}
}

// soon waits until something holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// raw sends text over a connection of its own and gives what reads the answer.
func (s *site) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprint(conn, text) // a connection that is closed tells when it is read
	return conn, bufio.NewReader(conn)
}
