package address_test

import (
	"net/http"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/address"
)

func TestClient(t *testing.T) {
	trusted, err := address.ParseTrusted([]string{"10.0.0.0/8", "2001:db8:1::/48"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		said       []string
		want       string
	}{
		{"a stranger is not believed", "192.0.2.1:1", []string{"203.0.113.5"}, "192.0.2.1"},
		{"nothing said", "10.0.0.1:1", nil, "10.0.0.1"},
		{"one", "10.0.0.1:1", []string{"203.0.113.5"}, "203.0.113.5"},
		{"the right-most", "10.0.0.1:1", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		{"through proxies", "10.0.0.1:1", []string{"198.51.100.1, 203.0.113.5", "10.1.1.1 ,10.2.2.2"}, "203.0.113.5"},
		{"with a port", "10.0.0.1:1", []string{"198.51.100.1, 203.0.113.5:4711"}, "203.0.113.5"},
		{"a proxy with a port", "10.0.0.1:1", []string{"203.0.113.5:80, 10.1.1.1:4711"}, "203.0.113.5"},
		{"IPv6", "[2001:db8:1::1]:1", []string{"2001:db8:2::5"}, "2001:db8:2::5"},
		{"IPv6 with a port", "[2001:db8:1::1]:1", []string{"[2001:db8:2::5]:443"}, "2001:db8:2::5"},
		{"IPv4 as IPv6", "[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"nobody", "10.0.0.1:1", []string{"203.0.113.5, unknown"}, "10.0.0.1"},
		{"not beyond what is none", "10.0.0.1:1", []string{"203.0.113.5, unknown, 10.1.1.1"}, "10.1.1.1"},
		{"a name", "10.0.0.1:1", []string{"evil.example:80"}, "10.0.0.1"},
		{"a port that is none", "10.0.0.1:1", []string{"203.0.113.5:99999"}, "10.0.0.1"},
	} {
		if got := trusted.Client(&http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.said}}); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
