package web_test

import (
	"net/http"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web"
)

// TestOpenAPI answers each caller with the document that is his.
func TestOpenAPI(t *testing.T) {
	const path, everyone, service = "/api/openapi.json", `{"openapi":"3.1.0"}`, `{"openapi":"3.1.0","x":1}`
	s := newSite(t, plain(), func(o *web.Options) {
		o.OpenAPI = web.OpenAPI{Everyone: []byte(everyone), Service: []byte(service)}
	})
	key := "Authorization: Bearer " + s.keys.ServiceJWT()
	tag := s.do("GET", path, "").Header().Get("Etag")
	whole := s.do("GET", path, "", key).Header().Get("Etag")
	if tag == "" || tag == whole {
		t.Fatalf("the tags are %q and %q", tag, whole)
	}
	always := map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "private, no-cache", "Vary": "Origin, Authorization, apikey"}
	s.walk(t, []step{
		{method: "GET", target: path, status: 200, has: everyone, want: always},
		{method: "GET", target: path, status: 200, has: everyone, headers: []string{"Authorization: Bearer " + s.token(t, annUID)}},
		{method: "GET", target: path, status: 200, has: service, headers: []string{key}, want: always},
		{method: "GET", target: path, status: 304, headers: []string{"If-None-Match: " + tag}, want: map[string]string{"Etag": tag}},
		{method: "GET", target: path, status: 200, has: service, headers: []string{key, "If-None-Match: " + tag}},
		{method: "GET", target: path, status: 401, has: "PGRST301", headers: []string{"Authorization: Bearer not.a.token"}},
		{method: "GET", target: path, status: 401, has: "Invalid API key", headers: []string{"apikey: stranger"}},
		{method: "GET", target: path, status: 401, has: "service-key-in-browser", headers: []string{key, "Origin: https://www.example.com"}},
		{method: "POST", target: path, status: 405, has: "method-not-allowed", want: map[string]string{"Allow": "OPTIONS, GET, HEAD"}},
		{method: "DELETE", target: path, status: 405, has: "method-not-allowed"},
		{method: "OPTIONS", target: path, status: 204, want: map[string]string{"Allow": "OPTIONS, GET, HEAD"}},
		{method: "GET", target: path + "/x", status: 404, has: "not-found"},
	})
	if head := s.do("HEAD", path, ""); head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != "19" {
		t.Errorf("HEAD: %d, %q, %s bytes", head.Code, head.Body, head.Header().Get("Content-Length"))
	}
	if got := s.do("GET", path, "").Body.String(); got != everyone {
		t.Errorf("everyone gets %s", got)
	}
	if without := newSite(t, plain()).do("GET", path, ""); without.Code != http.StatusNotFound {
		t.Errorf("without a document: %d", without.Code)
	}
}
