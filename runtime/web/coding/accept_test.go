package coding_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

// choose gives the coding that Accept-Encoding leads to, and whether an answer as it
// is is refused.
func choose(header string) (string, bool) {
	o := coding.ParseAccept([]string{header})
	return o.Choose([]string{"zstd", "br", "gzip"}), o.RefusesIdentity()
}

func TestAcceptEncoding(t *testing.T) {
	for _, c := range []struct {
		header, want string
		refuses      bool
	}{
		{"", "", false},
		{"gzip", "gzip", false},
		{"GZIP", "gzip", false},
		{"x-gzip", "gzip", false},
		{"gzip, br", "br", false},
		{"gzip;q=1, br;q=0.999", "gzip", false},
		{"br;q=0.001", "br", false},
		{"br;q=0.000", "", false},
		{"br;q=0", "", false},
		{"*", "zstd", false},
		{"*;q=0", "", true},
		{"gzip, *;q=0", "gzip", true},
		{"identity;q=0", "", true},
		{"identity;q=0, gzip;q=0.1", "gzip", true},
		{"identity, gzip;q=0.5", "", false},
		{"identity;q=0.5, gzip;q=0.5", "gzip", false},
		{"gzip;q=2", "", false},
		{"gzip;q=-1", "", false},
		{"gzip;q=0.1234", "", false},
		{"gzip;q=", "", false},
		{"gzip;q", "", false},
		{"gzip;x=1", "", false},
		{"gzip ; q = 0.5 , br;q=0.4", "gzip", false},
		{",,gzip,,", "gzip", false},
		{"deflate, compress", "", false},
		{"gzip;q=1.001", "", false},
	} {
		got, refuses := choose(c.header)
		if got != c.want || refuses != c.refuses {
			t.Errorf("%q: %q, refuses identity %v", c.header, got, refuses)
		}
	}
}

func FuzzAcceptEncoding(f *testing.F) {
	for _, seed := range []string{"gzip, br;q=0.5", "*;q=0", "identity;q=0,zstd;q=1.000", ";;q=,=", "gzip;q=0.5;q=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		chosen, refuses := choose(header)
		if chosen != "" && !strings.Contains(header, "*") && !strings.Contains(strings.ToLower(header), chosen) {
			t.Errorf("%q: %s was not offered", header, chosen)
		}
		if refuses && !strings.Contains(header, "0") {
			t.Errorf("%q: nothing is refused", header)
		}
	})
}
