package proxy_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

// BenchmarkProxy holds a proxy against httputil.ReverseProxy with a transport of the
// same settings, on the same server. The recorder leaves out what both have in front.
func BenchmarkProxy(b *testing.B) {
	page := strings.Repeat("x", 4<<10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Cache-Control", "no-cache")
		fmt.Fprint(w, page)
	}))
	defer s.Close()
	target, err := url.Parse(s.URL)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 128}
	defer transport.CloseIdleConnections()
	bare := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}
	pools := proxy.NewPools(proxy.Options{Log: slog.New(slog.DiscardHandler)})
	defer pools.Close()
	other := httptest.NewServer(s.Config.Handler)
	defer other.Close()
	one, err := proxy.New(pools, &manifest.Route{Pattern: "/*", URLPath: "/*", Proxy: declared(s.URL)})
	if err != nil {
		b.Fatal(err)
	}
	defer one.Close()
	hash := declared(s.URL, other.URL)
	hash.Balance = "hash"
	two, err := proxy.New(pools, &manifest.Route{Pattern: "/two/*", URLPath: "/two/*", Proxy: hash})
	if err != nil {
		b.Fatal(err)
	}
	defer two.Close()
	origin := proxy.Origin{ID: "0123456789abcdef", Client: netip.MustParseAddr("203.0.113.9"), Scheme: "https", Service: func(string) bool { return false }}
	for _, c := range []struct {
		name  string
		serve func(http.ResponseWriter, *http.Request)
	}{
		{"bare", bare.ServeHTTP},
		{"ours", func(w http.ResponseWriter, r *http.Request) { _ = one.Serve(w, r, origin) }},
		{"ours with two servers", func(w http.ResponseWriter, r *http.Request) { _ = two.Serve(w, r, origin) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "http://www.example.com/a/b?c=d", nil)
			for name, value := range map[string]string{
				"Accept": "*/*", "Accept-Encoding": "gzip, br", "User-Agent": "bench", "Cookie": "session=0123456789", "Accept-Language": "en",
				"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
			} {
				r.Header.Set(name, value)
			}
			for b.Loop() {
				w := &discard{header: http.Header{}}
				c.serve(w, r)
				if w.status != http.StatusOK || w.bytes != len(page) {
					b.Fatal(w.status, w.bytes)
				}
			}
		})
	}
}

type discard struct {
	header http.Header
	status int
	bytes  int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { d.bytes += len(p); return len(p), nil }

var _ io.Writer = (*discard)(nil)
