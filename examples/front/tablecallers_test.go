package front_test

import (
	"crypto/tls"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"testing"
)

func basic(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

var callerProofs = map[string]proof{
	"a name and a password": {check: func(t *testing.T, s *site) {
		s.want(t, "/admin/", 401, "").header(t, "Www-Authenticate", `Basic realm="staff", charset="UTF-8"`)
		s.want(t, "/admin/", 401, "", basic("ann", "wrong"))
		s.want(t, "/admin/", 401, "", basic("bob", "correct horse"))
		s.want(t, "/admin/", 200, "home", basic("ann", "correct horse"))
		s.want(t, "/admin/nothing", 401, "")
	}},
	"some addresses alone": {more: `trustedProxies: ["127.0.0.1/32"]`, check: func(t *testing.T, s *site) {
		s.want(t, "/admin/", 403, "")
		s.want(t, "/admin/", 403, "", "X-Forwarded-For: 192.0.2.1")
		s.want(t, "/admin/", 200, "home", "X-Forwarded-For: 10.1.2.3")
	}},
	"all but some addresses": {more: `trustedProxies: ["127.0.0.1/32"]`, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "home")
		s.want(t, "/", 403, "", "X-Forwarded-For: 192.0.2.7")
		s.want(t, "/api/nothing", 403, "", "X-Forwarded-For: 192.0.2.7")
	}},
	"callers with a certificate (mutual TLS)": {check: func(t *testing.T, s *site) {
		s.want(t, "/partners/", 403, "")
		s.want(t, "/ready", 200, "ready")
		pair, err := tls.X509KeyPair([]byte(clientCert), []byte(clientKey))
		if err != nil {
			t.Fatal(err)
		}
		s.client = s.newClient(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
		s.want(t, "/partners/", 200, "home")
		other, err := tls.X509KeyPair([]byte(serverCert), []byte(serverKey)) // made with the same authority, for servers
		if err != nil {
			t.Fatal(err)
		}
		s.client = s.newClient(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{other}})
		s.want(t, "/partners/", 403, "")
	}},
	"signed-in callers (a token)": {check: func(t *testing.T, s *site) {
		if g := s.get(t, "/members/"); g.status != 401 && g.status != 403 {
			t.Errorf("nobody: %d %s", g.status, g.body)
		}
		service := s.Run(t, "keys", "--only", "service_role")
		if g := s.ask(t, "POST", "/api/data/users", `{"email":"ann@example.com"}`, "Authorization: Bearer "+service, "Content-Type: application/json"); g.status != 201 {
			t.Fatalf("a user: %d %s", g.status, g.body)
		}
		s.want(t, "/members/", 200, "home", "Authorization: Bearer "+s.Run(t, "token", "--user", "ann@example.com"))
	}},
	"a proxy before us is believed": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "", "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 127.0.0.2")
		if is := s.behind[0].header("X-Forwarded-For"); !strings.Contains(is, "192.0.2.7") || strings.Contains(is, "6.6.6.6") {
			t.Errorf("X-Forwarded-For: %q", is)
		}
	}},
	"requests a second": {check: func(t *testing.T, s *site) {
		g := s.want(t, "/ping", 200, "pong")
		g.header(t, "Ratelimit-Limit", "5")
		soon(t, "there were too many", func() bool { // at once: one after the other may take more than a second
			answers := make([]got, 30)
			var asking sync.WaitGroup
			for i := range answers {
				asking.Go(func() { answers[i] = s.get(t, "/ping") })
			}
			asking.Wait()
			many := slices.IndexFunc(answers, func(g got) bool { return g.status == 429 })
			if many >= 0 && answers[many].Header.Get("Retry-After") == "" {
				t.Errorf("%v", answers[many].Header)
			}
			return many >= 0
		})
		soon(t, "another second came", func() bool { return s.get(t, "/ping").status == 200 })
	}},
	"connections from an address": {check: func(t *testing.T, s *site) {
		open := 0
		for ; open < 100; open++ {
			_, reader := s.raw(t, "GET /ping HTTP/1.1\r\nHost: example.com\r\n\r\n")
			if line, err := reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
				break // one too many, which is closed
			}
		}
		if open > 20 || open < 15 { // what was asked before may not be closed yet
			t.Errorf("%d connections may be open", open)
		}
	}},
	"the largest body": {upstreams: 1, check: func(t *testing.T, s *site) {
		if g := s.ask(t, "POST", "/", strings.Repeat("x", 2<<20)); g.status != 200 || !strings.Contains(g.body, "2097152 bytes") {
			t.Errorf("2 MiB: %d %s", g.status, g.body)
		}
		_, reader := s.raw(t, "POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 10485761\r\n\r\n")
		if line, err := reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 413") {
			t.Errorf("one byte too much: %q %v", line, err)
		}
	}},
	"how long a request may take": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/slow", 504, "")
		soon(t, "who is quick is answered", func() bool { return s.get(t, "/quick").status == 200 })
	}},
	"answers are kept": {upstreams: 1, check: func(t *testing.T, s *site) {
		first := s.want(t, "/a?b", 200, "number 1")
		s.want(t, "/a?b", 200, first.body).header(t, "X-Cache", "hit")
		s.want(t, "/a?c", 200, "number 2")
		s.want(t, "/a?b", 200, "number 3", basic("ann", "x")) // callers of their own
		if g := s.ask(t, "POST", "/a?b", "x"); !strings.Contains(g.body, "number 4") {
			t.Errorf("POST: %s", g.body)
		}
	}},
}
