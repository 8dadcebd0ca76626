package web_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/data"
)

func TestWrites(t *testing.T) {
	for _, c := range []struct {
		name           string
		method, target string
		headers        []string
		status         int
		body           string
		want           map[string]string
	}{
		{"insert", "POST", "/api/data/t", nil, 201, "", map[string]string{"Content-Range": "*/*", "Preference-Applied": ""}},
		{"insert, minimal", "POST", "/api/data/t", []string{"Prefer: return=minimal"}, 201, "", map[string]string{"Preference-Applied": "return=minimal"}},
		{"insert, rows", "POST", "/api/data/t", []string{"Prefer: return=representation,count=exact"}, 201, `[{"id":1}]`, map[string]string{"Content-Range": "*/1", "Preference-Applied": "return=representation, count=exact"}},
		{"insert, headers", "POST", "/api/data/t", []string{"Prefer: return=headers-only"}, 201, "", map[string]string{"Location": "/t?id=eq.1"}},
		{"insert, default", "POST", "/api/data/t", []string{"Prefer: missing=default"}, 201, "", map[string]string{"Preference-Applied": "missing=default"}},
		{"update", "PATCH", "/api/data/t?id=eq.1", nil, 204, "", map[string]string{"Content-Range": "0-0/*"}},
		{"update, rows", "PATCH", "/api/data/t?id=eq.1", []string{"Prefer: return=representation", "Prefer: count=exact"}, 200, `[{"id":1}]`, map[string]string{"Content-Range": "0-0/1"}},
		{"delete", "DELETE", "/api/data/t?id=eq.1", []string{sendsJSON}, 204, "", map[string]string{"Content-Range": "*/*"}},
		{"delete, count", "DELETE", "/api/data/t?id=eq.1", []string{"Prefer: count=exact"}, 204, "", map[string]string{"Content-Range": "*/1"}},
		{"delete, rows", "DELETE", "/api/data/t?id=eq.1", []string{"Prefer: return=representation"}, 200, `[{"id":1}]`, nil},
		{"update by key", "PATCH", "/api/data/t/1", nil, 204, "", map[string]string{"Content-Range": ""}},
		{"update by key, row", "PATCH", "/api/data/t/1", []string{"Prefer: return=representation"}, 200, `[{"id":1}]`, map[string]string{"Content-Type": "application/json; charset=utf-8"}},
		{"delete by key", "DELETE", "/api/data/t/1", nil, 204, "", nil},
		{"unknown preference", "DELETE", "/api/data/t/1", []string{"Prefer: respond-async"}, 204, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, plain())
			body, headers := "", c.headers
			if c.method != "DELETE" {
				body, headers = "{}", append(headers, sendsJSON)
			}
			w := s.do(c.method, c.target, body, headers...)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q", w.Code, w.Body)
			}
			for name, value := range c.want {
				wantHeader(t, w.Header(), name, value)
			}
			byKey := strings.HasSuffix(c.target, "/1")
			if g := s.gate.write; g.HasKey != byKey || g.Single != byKey || string(g.Body) != body || !g.Unfiltered || g.Table != "t" {
				t.Errorf("the gate got %+v", g)
			}
		})
	}
}

func TestRefusedWrites(t *testing.T) {
	m := plain()
	m.Limits.Body = 100
	s := newSite(t, m)
	long := `{"a":"` + strings.Repeat("x", 200) + `"}`
	for _, c := range []struct {
		name    string
		body    string
		headers []string
		status  int
		code    string
	}{
		{"form", "a=1", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "unsupported-media-type"},
		{"text", "{}", []string{"Content-Type: text/plain"}, 415, "unsupported-media-type"},
		{"no type", "{}", nil, 415, "unsupported-media-type"},
		{"two types", "{}", []string{sendsJSON, "Content-Type: text/plain"}, 415, "unsupported-media-type"},
		{"another charset", "{}", []string{"Content-Type: application/json; charset=utf-16"}, 415, "unsupported-media-type"},
		{"compressed", "{}", []string{sendsJSON, "Content-Encoding: gzip"}, 415, "unsupported-media-type"},
		{"compressed twice", "{}", []string{sendsJSON, "Content-Encoding: identity", "Content-Encoding: gzip"}, 415, "unsupported-media-type"},
		{"large", long, []string{sendsJSON}, 413, "too-large"},
		{"if it matches", "{}", []string{sendsJSON, `If-Match: "1-x"`}, 400, "preference-not-supported"},
		{"if none matches", "{}", []string{sendsJSON, "If-None-Match: *"}, 400, "preference-not-supported"},
		{"strict", "{}", []string{sendsJSON, "Prefer: handling=strict, max-affected=1, timezone=UTC"}, 400, "PGRST122"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.gate.write = data.Write{}
			wantFault(t, s.do("POST", "/api/data/t", c.body, c.headers...), c.status, c.code)
			if s.gate.write.Table != "" {
				t.Error("the gate was asked")
			}
		})
	}
	if w := s.do("POST", "/api/data/t", "{}", "Content-Type: application/json; charset=UTF-8"); w.Code != 201 {
		t.Errorf("with charset: %d", w.Code)
	}
}

func TestUnfilteredIsNative(t *testing.T) {
	s := newSite(t, plain())
	s.do("DELETE", "/rest/v1/t", "", "apikey: "+s.keys.Secret())
	if s.gate.write.Unfiltered {
		t.Error("/rest/v1 may delete everything")
	}
	s.do("DELETE", "/api/data/t", "", "apikey: "+s.keys.Secret())
	if !s.gate.write.Unfiltered {
		t.Error("/api/data may not delete everything")
	}
}
