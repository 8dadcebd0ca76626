package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// quiet is a handler as production runs it: log at info, rates that never say no.
func quiet(b *testing.B, m *manifest.Manifest) *site {
	m.Rates[0].Requests = 1 << 30
	return newSite(b, m, func(o *web.Options) {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	})
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkHandler is what stands around the gate, without net/http.
func BenchmarkHandler(b *testing.B) {
	m := compressing()
	m.Routes = []manifest.Route{words(manifest.Route{URLPath: "/word"}, "word"), words(manifest.Route{Host: "a.example", URLPath: "/{x}"}, "x")}
	s := quiet(b, m)
	token := "Bearer " + s.token(b, "ann")
	for _, c := range []struct{ name, method, target, authorization, body string }{
		{"read list", "GET", "/api/data/books?id=gt.1", "", ""},
		{"read by key", "GET", "/api/data/books/1", "", ""},
		{"read by key, codings taken", "GET", "/api/data/books/1", "", ""},
		{"read with a token", "GET", "/rest/v1/books", token, ""},
		{"not modified", "GET", "/api/data/books", "", ""},
		{"insert", "POST", "/api/data/books", "", `{"title":"Emma"}`},
		{"route", "GET", "/word", "", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(c.method, c.target, nil)
			r.Header.Set("Accept", "*/*")
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
				r.Header.Set("Origin", "https://www.example.com")
			}
			if c.name == "not modified" {
				r.Header.Set("If-None-Match", `"abc"`)
			}
			if strings.HasSuffix(c.name, "codings taken") {
				r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
			}
			if c.body != "" {
				r.Header.Set("Content-Type", "application/json")
				r.ContentLength = int64(len(c.body))
			}
			w := &discard{header: make(http.Header, 16)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if c.body != "" {
					r.Body = io.NopCloser(strings.NewReader(c.body))
				}
				s.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkLoopback is a whole request over a socket, beside the least that
// net/http can do.
func BenchmarkLoopback(b *testing.B) {
	body := twoRows().Body
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body)
	})
	s := quiet(b, plain())
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"edge-hive", s.Handler}} {
		b.Run(c.name, func(b *testing.B) {
			server := serve(b, c.handler, wire.Bounds{Total: 1000, PerAddress: 1000})
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			b.ReportAllocs()
			for b.Loop() {
				response, err := client.Get(server.url + "/api/data/books/1")
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		})
	}
}
