package front_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// anyone is a client that asks for a name and believes everybody.
func anyone(name string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true} // who signed it is looked at afterwards
}

// starts proves of certificates that no authority gives here that the manifest is
// sound, and that the backend starts without them. That an authority is asked, and
// by which proof, is tested with one beside the code.
func starts(t *testing.T, s *site) {
	if said := s.Run(t, "validate"); !strings.Contains(said, "valid") {
		t.Errorf("validate: %s", said)
	}
	host := "example.com"
	if strings.Contains(s.row.manifest, "*.example.com") {
		host = "shop.example.com"
	}
	s.Launch(t)
	s.Answers(t, func() error {
		response, err := s.client.Get("http://" + host + "/a?b")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if location := response.Header.Get("Location"); response.StatusCode != http.StatusPermanentRedirect || !strings.HasPrefix(location, "https://"+host) {
			t.Errorf("HTTP: %d to %q", response.StatusCode, location)
		}
		return nil
	})
	if state, err := s.handshake(anyone("other.example")); err == nil {
		t.Errorf("a certificate for a name of nobody: %v", state.PeerCertificates[0].DNSNames)
	}
}

var secureProofs = map[string]proof{
	"certificates by themselves":    {unserved: true, check: starts},
	"for names with a star, by DNS": {unserved: true, check: starts},
	"another authority":             {unserved: true, check: starts},
	"an authority of this machine's": {check: func(t *testing.T, s *site) {
		s.want(t, "/", 200, "home").header(t, "Strict-Transport-Security", "")
		state, err := s.handshake(anyone("app.localhost"))
		if err != nil {
			t.Fatal(err)
		}
		if names := state.PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != "app.localhost" {
			t.Errorf("%v", names)
		}
		if _, err := s.handshake(anyone("other.example")); err == nil {
			t.Error("a certificate for a name of nobody")
		}
	}},
	"files": {check: func(t *testing.T, s *site) {
		state, err := s.handshake(anyone("example.com"))
		if err != nil {
			t.Fatal(err)
		}
		if issuer := state.PeerCertificates[0].Issuer.CommonName; issuer != "an authority of the tests" {
			t.Errorf("issued by %q", issuer)
		}
		s.want(t, "/", 200, "home")
	}},
	"HTTP goes to HTTPS": {check: func(t *testing.T, s *site) {
		g := s.get(t, "http://app.localhost/a/b?c=d")
		location := g.Header.Get("Location")
		if g.status != 308 || !strings.HasPrefix(location, "https://app.localhost") || !strings.HasSuffix(location, "/a/b?c=d") {
			t.Errorf("%d to %q", g.status, location)
		}
		// Nobody is sent to where a request wants to.
		if to := s.get(t, "http://evil.example/a").Header.Get("Location"); strings.Contains(to, "evil") {
			t.Errorf("sent to %q", to)
		}
	}},
	"HTTPS alone, from now on (HSTS)": {check: func(t *testing.T, s *site) {
		s.get(t, "/").header(t, "Strict-Transport-Security", "max-age=31536000")
		s.get(t, "http://example.com/").header(t, "Strict-Transport-Security", "")
	}},
	"TLS 1.3 alone": {check: func(t *testing.T, s *site) {
		old := anyone("app.localhost")
		old.MaxVersion = tls.VersionTLS12
		if _, err := s.handshake(old); err == nil {
			t.Error("TLS 1.2 is spoken")
		}
		if _, err := s.handshake(anyone("app.localhost")); err != nil {
			t.Error(err)
		}
	}},
	"HTTP/2": {check: func(t *testing.T, s *site) {
		if g := s.want(t, "/", 200, "home"); g.ProtoMajor != 2 {
			t.Errorf("%s", g.Proto)
		}
	}},
	"HTTP/3": {check: func(t *testing.T, s *site) {
		if told := s.get(t, "/").Header.Get("Alt-Svc"); !strings.Contains(told, `h3=`) {
			t.Errorf("Alt-Svc: %q", told)
		}
		transport := &http3.Transport{TLSClientConfig: anyone("app.localhost")}
		defer transport.Close()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.secure+"/app.js", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "app.localhost"
		var response *http.Response
		soon(t, "it is answered", func() bool { // a handshake has 5 s, which a loaded machine may exceed
			response, err = transport.RoundTrip(request)
			return err == nil
		})
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || response.ProtoMajor != 3 {
			t.Errorf("%s %s", response.Proto, response.Status)
		}
	}},
}
