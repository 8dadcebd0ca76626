package front_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// number is which server behind answered.
func (s *site) number(t *testing.T, path string, headers ...string) string {
	t.Helper()
	g := s.get(t, path, headers...)
	if g.status != 200 {
		t.Errorf("%s: %d %s", path, g.status, g.body)
	}
	return g.Header.Get("X-Behind")
}

// numbers counts which servers behind answer.
func (s *site) numbers(t *testing.T, times int, headers ...string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for range times {
		count[s.number(t, "/", headers...)]++
	}
	return count
}

func both(t *testing.T, s *site) {
	soon(t, "both servers are asked", func() bool { return len(s.numbers(t, 4)) == 2 })
}

// always sends what a hash is made of, and wants one server for it each time, and
// both for some of them.
func always(header string) func(*testing.T, *site) {
	return func(t *testing.T, s *site) {
		seen := map[string]bool{}
		for i := range 32 {
			value := fmt.Sprintf(header, i)
			first := s.number(t, "/", value)
			seen[first] = true
			for range 2 {
				if next := s.number(t, "/", value); next != first {
					t.Errorf("%s: %s, then %s", value, first, next)
				}
			}
		}
		if len(seen) != 2 {
			t.Errorf("all went to %v", seen)
		}
	}
}

var proxyProofs = map[string]proof{
	"one server": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/a/b?c=d&e", 200, "GET /a/b?c=d&e of example.com, 0 bytes")
		if g := s.ask(t, "PUT", "/a", "12345"); g.status != 200 || !strings.Contains(g.body, "PUT /a of example.com, 5 bytes") {
			t.Errorf("PUT: %d %s", g.status, g.body)
		}
	}},
	"several servers":                  {upstreams: 2, check: both},
	"the one with the fewest requests": {upstreams: 2, check: both},
	"any of them":                      {upstreams: 2, check: both},
	"each in turn": {upstreams: 2, check: func(t *testing.T, s *site) {
		if count := s.numbers(t, 10); count["0"] != 5 || count["1"] != 5 {
			t.Errorf("%v", count)
		}
	}},
	"the same for the same address": {upstreams: 2, more: `trustedProxies: ["127.0.0.1/32"]`, check: always("X-Forwarded-For: 192.0.2.%d")},
	"the same for the same cookie":  {upstreams: 2, check: always("Cookie: session=%d")},
	"they are asked how they are": {upstreams: 2, check: func(t *testing.T, s *site) {
		both(t, s)
		s.behind[0].ill.Store(true)
		soon(t, "the ill server is left alone", func() bool { c := s.numbers(t, 10); return c["1"] == 10 })
		s.behind[0].ill.Store(false)
		both(t, s)
	}},
	"those that fail are left alone": {upstreams: 2, more: `routes: "/*": proxy: retries: 1`, check: func(t *testing.T, s *site) {
		both(t, s)
		if err := s.behind[0].server.Close(); err != nil {
			t.Fatal(err)
		}
		if count := s.numbers(t, 20); count["1"] != 20 {
			t.Errorf("%v", count)
		}
	}},
	"another is tried": {upstreams: 2, check: func(t *testing.T, s *site) {
		if err := s.behind[1].server.Close(); err != nil {
			t.Fatal(err)
		}
		if count := s.numbers(t, 20); count["0"] != 20 {
			t.Errorf("%v", count)
		}
	}},
	"a prefix is cut off": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/legacy/a/b?c", 200, "GET /a/b?c of")
		s.want(t, "/legacy/", 200, "GET / of")
		s.want(t, "/other", 404, "")
	}},
	"another path": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/users/7/photo?size=2", 200, "GET /people/7/photo?size=2 of")
	}},
	"who asks": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil.example")
		for name, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "example.com"} {
			if is := s.behind[0].header(name); is != want {
				t.Errorf("%s: %q, want %q", name, is, want)
			}
		}
	}},
	"the caller's address alone": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "", "X-Real-IP: 6.6.6.6")
		if is := s.behind[0].header("X-Real-IP"); is != "127.0.0.1" {
			t.Errorf("%q", is)
		}
	}},
	"a header of the request": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "", "X-Tenant: evil")
		if is := s.behind[0].header("X-Tenant"); is != "shop" {
			t.Errorf("%q", is)
		}
	}},
	"the request's own Host": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "http://shop.example.com/", 200, "of shop.example.com")
	}},
	"another Host": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "of legacy.internal")
	}},
	"a header of the answer goes": {upstreams: 1, check: func(t *testing.T, s *site) {
		g := s.want(t, "/", 200, "GET /")
		g.header(t, "X-Powered-By", "")
		g.header(t, "X-Behind", "0")
	}},
	"no cookies, no credentials": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "", "Cookie: a=b", "Authorization: Basic YTpi")
		if s.behind[0].header("Cookie")+s.behind[0].header("Authorization") != "" {
			t.Error("they were sent on")
		}
	}},
	"WebSockets": {upstreams: 1, check: func(t *testing.T, s *site) {
		conn, reader := s.raw(t, "GET /socket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		answer, err := http.ReadResponse(reader, nil)
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %v", answer, err)
		}
		for _, line := range []string{"one\n", "two\n"} {
			if _, err := fmt.Fprint(conn, line); err != nil {
				t.Fatal(err)
			}
			if back, err := reader.ReadString('\n'); err != nil || back != line {
				t.Errorf("%q %v", back, err)
			}
		}
	}},
	"event streams":            {upstreams: 1, check: firstOf("/events")},
	"every answer as it comes": {upstreams: 1, check: firstOf("/parts")},
	"how long to wait": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/slow", 504, `"code"`)
		soon(t, "who is quick is answered", func() bool { return s.get(t, "/quick").status == 200 })
	}},
	"a Unix socket": {check: func(t *testing.T, s *site) {
		s.want(t, "/a", 200, "GET /a of example.com").header(t, "X-Behind", "7")
	}},
	"gRPC": {check: func(t *testing.T, s *site) {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		s.client.Transport = &http.Transport{Protocols: protocols}
		t.Cleanup(s.client.CloseIdleConnections)
		g := s.ask(t, "POST", "http://"+s.plain+"/shop.Books/List", "\x00\x00\x00\x00\x00", "Content-Type: application/grpc", "TE: trailers")
		if g.status != 200 || g.ProtoMajor != 2 || !strings.Contains(g.body, "POST /shop.Books/List") {
			t.Errorf("%s %d %q", g.Proto, g.status, g.body)
		}
		if is := s.behind[0].header("TE"); is != "trailers" {
			t.Errorf("TE: %q", is)
		}
	}},
	"a server that speaks TLS, of an authority of your own": {check: func(t *testing.T, s *site) {
		s.want(t, "/a", 200, "GET /a of example.com").header(t, "X-Behind", "9")
	}},
}

// firstOf wants the first part of an answer that has no end yet.
func firstOf(path string) func(*testing.T, *site) {
	return func(t *testing.T, s *site) {
		_, reader := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: example.com\r\n\r\n")
		answer, err := http.ReadResponse(reader, nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		if line, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil || line != "data: one\n" {
			t.Errorf("%q %v", line, err)
		}
	}
}

// handshake connects by TLS and gives what was agreed on.
func (s *site) handshake(config *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", s.secure, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}
