package guards_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/guards"
)

func FuzzBasic(f *testing.F) {
	for _, seed := range []string{"Basic YTpi", "basic  YTo=", "Basic", "Basic Og==", "Bearer YTpi", "Basic YQ==", "Basic /////w=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		name, password, ok := guards.ParseBasic(header)
		if !ok {
			if name != "" || password != "" {
				t.Error("refused, and something of it is there")
			}
			return
		}
		if strings.Contains(name, ":") || strings.ContainsAny(name+password, "\x00\r\n\x7f") {
			t.Errorf("%q %q", name, password)
		}
		again := "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
		if n, p, ok := guards.ParseBasic(again); !ok || n != name || p != password {
			t.Errorf("%q is read as %q %q", again, n, p)
		}
	})
}
