package front_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

var siteProofs = map[string]proof{
	"several sites": {check: func(t *testing.T, s *site) {
		s.want(t, "http://a.example.com/x", 200, "site a")
		s.want(t, "http://B.example.com:8080/x", 200, "site b")
		s.want(t, "http://c.example.com/x", 404, "")
	}},
	"all names of a domain": {check: func(t *testing.T, s *site) {
		s.want(t, "http://a.example.com/", 200, "site a")
		s.want(t, "http://z.example.com/", 200, "some site")
		s.want(t, "http://example.com/", 404, "")
		s.want(t, "http://x.y.example.com/", 404, "") // a star is one label
	}},
	"the more exact path wins, whatever the order": {check: func(t *testing.T, s *site) {
		for path, body := range map[string]string{"/x": "all", "/app/x": "app", "/app/7/edit": "edit", "/app/new/edit": "new", "/application": "all"} {
			s.want(t, path, 200, body)
		}
		said := s.Run(t, "routes")
		if at := strings.Index(said, "/app/new/edit"); at < 0 || at > strings.Index(said, "/app/{page}/edit") {
			t.Errorf("edge-hive routes:\n%s", said)
		}
	}},
	"a method": {check: func(t *testing.T, s *site) {
		s.want(t, "/form", 200, "a form")
		if g := s.ask(t, "POST", "/form", "x"); g.body != "thanks" {
			t.Errorf("POST: %d %s", g.status, g.body)
		}
		if g := s.ask(t, "DELETE", "/form", ""); g.status != 405 {
			t.Errorf("DELETE: %d", g.status)
		}
	}},
	"where it listens": {check: func(t *testing.T, s *site) { s.want(t, "/ping", 200, "pong") }},
	"an access log": {check: func(t *testing.T, s *site) {
		s.want(t, "/ping?token=secret", 200, "pong")
		s.Stop(t)
		said := s.Log()
		if !strings.Contains(said, "GET /ping") || strings.Contains(said, "token=secret") {
			t.Errorf("the log:\n%s", said)
		}
	}},
	"metrics": {unserved: true, check: func(t *testing.T, s *site) {
		metrics := "127.0.0.1:" + backend.FreePort(t)
		s.Edit(t, func(manifest string) string { return strings.ReplaceAll(manifest, "127.0.0.1:9090", metrics) })
		s.URL = "http://" + s.plain
		s.Serve(t)
		s.want(t, "/ping", 200, "pong")
		s.client.Transport = &http.Transport{DisableKeepAlives: true}
		s.want(t, "http://"+metrics+"/metrics", 200, `edgehive_http_requests_total{`)
	}},
	"a health check of ours": {check: func(t *testing.T, s *site) {
		s.want(t, "/health", 200, "ok")
		s.want(t, "/ready", 200, "ready")
	}},
	"parts that are said once": {upstreams: 1, check: func(t *testing.T, s *site) {
		s.want(t, "/shop/a", 200, "GET /shop/a")
		s.want(t, "/blog/b", 200, "GET /blog/b")
	}},
	"values from outside": {unserved: true, check: func(t *testing.T, s *site) {
		s.URL = "http://" + s.plain
		s.Serve(t, "serve", "-t", "path=/prod/*")
		s.want(t, "/prod/a", 200, "here")
		s.want(t, "/dev/a", 404, "")
	}},
	"a reload": {check: func(t *testing.T, s *site) {
		s.want(t, "/ping", 200, "pong")
		manifest := filepath.Join(s.Dir, "edgehive.cue")
		raw, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		write(t, manifest, strings.Replace(string(raw), "pong", "peng", 1))
		s.Run(t, "reload")
		s.want(t, "/ping", 200, "peng")
	}},
}
