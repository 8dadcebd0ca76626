package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func TestCORS(t *testing.T) {
	declared := plain()
	declared.CORS = manifest.CORS{Declared: true, Origins: []string{"https://www.example.com"}}
	for _, c := range []struct {
		name     string
		manifest *manifest.Manifest
		origin   string
		want     string // Access-Control-Allow-Origin
	}{
		{"any", plain(), "https://elsewhere.example", "*"},
		{"any, opaque", plain(), "null", ""},
		{"listed", declared, "https://www.example.com", "https://www.example.com"},
		{"not listed", declared, "https://www.example.com.evil.example", ""},
		{"another scheme", declared, "http://www.example.com", ""},
		{"another port", declared, "https://www.example.com:8443", ""},
		{"listed, opaque", declared, "null", ""},
		{"own host of the request", declared, "http://example.com", "http://example.com"}, // httptest's Host
		{"own by server.url", declared, "http://api.example.com", "http://api.example.com"},
		{"garbage", declared, "https://%zz", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.manifest)
			w := s.do("GET", "/api/data/books", "", "Origin: "+c.origin)
			if w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
			wantHeader(t, w.Header(), "Access-Control-Allow-Origin", c.want)
			if !strings.Contains(w.Header().Get("Vary"), "Origin") {
				t.Errorf("Vary %q", w.Header().Get("Vary"))
			}
			if _, ok := w.Header()["Access-Control-Allow-Credentials"]; ok {
				t.Error("credentials are allowed")
			}
			if exposed := w.Header().Get("Access-Control-Expose-Headers"); strings.Contains(exposed, "content-range") != (c.want != "") {
				t.Errorf("exposed %q", exposed)
			}

			w = s.do("OPTIONS", "/rest/v1/books", "", "Origin: "+c.origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: apikey, x-mine")
			wantHeader(t, w.Header(), "Access-Control-Allow-Origin", c.want)
			if c.want == "" {
				wantFault(t, w, http.StatusForbidden, "origin-not-allowed")
				return
			}
			if w.Code != http.StatusNoContent {
				t.Errorf("preflight %d", w.Code)
			}
			wantHeader(t, w.Header(), "Access-Control-Allow-Headers", "apikey, x-mine")
			wantHeader(t, w.Header(), "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
			wantHeader(t, w.Header(), "Access-Control-Max-Age", "3600")
		})
	}
}

func TestCORSOnErrors(t *testing.T) {
	s := newSite(t, plain())
	w := s.do("GET", "/rest/v1/books", "", "Origin: https://a.example")
	if w.Code != http.StatusUnauthorized {
		t.Fatalf("status %d", w.Code)
	}
	wantHeader(t, w.Header(), "Access-Control-Allow-Origin", "*")
}

func TestServiceKeyInBrowser(t *testing.T) {
	s := newSite(t, plain())
	w := s.do("GET", "/api/data/books", "", "Origin: https://a.example", "apikey: "+s.keys.Secret())
	wantFault(t, w, http.StatusUnauthorized, "service-key-in-browser")
	if s.gate.caller != nil {
		t.Error("the gate was asked")
	}
}
