package outbound_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/outbound"
)

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"api.example.com": "api.example.com", "API.Example.com:443": "api.example.com", "https://api.example.com": "api.example.com",
		"api.example.com:8443": "api.example.com:8443", "http://api.example.com": "http://api.example.com", "http://api.example.com:80": "http://api.example.com",
		"http://api.example.com:443": "http://api.example.com:443", "localhost": "localhost", "a_b.c-d.e1": "a_b.c-d.e1",
		"10.0.0.5:8443": "10.0.0.5:8443", "127.0.0.1": "127.0.0.1", "[fd00::1]": "[fd00::1]", "[FD00:0::1]:8443": "[fd00::1]:8443", "http://[::1]:8080": "http://[::1]:8080",
		"xn--bcher-kva.example": "xn--bcher-kva.example",
	} {
		target, err := outbound.ParseTarget(text)
		if err != nil || target.String() != want {
			t.Errorf("%q: %s, %v; want %s", text, target, err, want)
			continue
		}
		again, err := outbound.ParseTarget(target.String())
		if err != nil || again != target {
			t.Errorf("%q: its text is %q, which is %s, %v", text, target, again, err)
		}
	}
	for _, text := range []string{
		"", ":443", "example.com:", "example.com:0", "example.com:65536", "example.com:0443", "example.com:x", "example.com:-1", "example.com:443:443",
		"ftp://example.com", "//example.com", "http:example.com", "https://", "example.com/", "example.com/v1", "example.com?x", "user@example.com", "user:pw@example.com",
		"*.example.com", "*", "example.com.", ".example.com", "exa mple.com", "example..com", "-a.com", "a-.com", "bücher.example", "a\x00b.com", "a%2eb.com", "http://http://a.com",
		"127.1", "2130706433", "0x7f000001", "0177.0.0.1", "1.2.3", "1.2.3.4.5", "example.1", "127.0.0.01",
		"::1", "fd00::1", "[10.0.0.1]", "[fd00::1", "fd00::1]", "[::1]x", "[::ffff:127.0.0.1]", "[fe80::1%eth0]", "0.0.0.0", "[::]", "224.0.0.1", "[ff02::1]", "255.255.255.255",
		strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "com",
	} {
		if target, err := outbound.ParseTarget(text); !fault.Is(err, outbound.CodeTarget) {
			t.Errorf("%q is %s, %v", text, target, err)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"api.example.com", "http://10.0.0.5:80", "[fd00::1]:8443", "[::ffff:1.2.3.4]", "a:b:c", "0x7f.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := outbound.ParseTarget(text)
		if err != nil {
			return
		}
		again, err := outbound.ParseTarget(target.String())
		if err != nil || again != target {
			t.Errorf("%q is %q, which is %q, %v", text, target, again, err)
		}
	})
}

// FuzzURLs sends anything as a URL and as a redirect: what is let through leads to
// a target, by whatever way it is read.
func FuzzURLs(f *testing.F) {
	for _, seed := range []string{
		"https://api.example.com/a?b#c", "https://API.example.com:443", "http://10.0.0.5:8080/", "https://[fd00::1]/", "//api.example.com\\@evil.example/", "https://api.example.com@evil.example",
		"https://evil.example\t.api.example.com", "/\\evil.example", "https:///evil.example", "https://api.example.com%00.evil.example", "https://[::ffff:10.0.0.5]:8080", "?x", "",
	} {
		f.Add(seed, seed)
	}
	granted := []string{"api.example.com", "http://10.0.0.5:8080", "[fd00::1]"}
	hosts := map[string]bool{"https://api.example.com": true, "http://10.0.0.5:8080": true, "https://[fd00::1]": true}
	f.Fuzz(func(t *testing.T, text, location string) {
		all := targets(t, granted...)
		for _, ask := range []func() (string, error){
			func() (string, error) { return outbound.Aim(&outbound.Request{URL: text, Targets: all}) },
			func() (string, error) {
				return outbound.Follow(&outbound.Request{URL: "https://api.example.com/a/b?c", Targets: all}, 302, location)
			},
		} {
			sent, err := ask()
			if err != nil {
				continue
			}
			u, err := url.Parse(sent)
			if err != nil || !hosts[u.Scheme+"://"+u.Host] || u.User != nil {
				t.Errorf("%q or %q leads to %q, %v", text, location, sent, err)
			}
			if _, err := http.NewRequest(http.MethodGet, sent, http.NoBody); err != nil {
				t.Errorf("%q or %q cannot be sent: %v", text, location, err)
			}
		}
	})
}
