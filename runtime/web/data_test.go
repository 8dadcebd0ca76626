package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func TestGateway(t *testing.T) {
	s := newSite(t, plain())
	bearer := "Authorization: Bearer " + s.token(t, "ann")
	for _, c := range []struct {
		name    string
		path    string
		headers []string
		status  int
		body    string
		role    auth.Role
		uid     string
	}{
		{"rest, nothing", "/rest/v1/books", nil, 401, "{\"message\":\"No API key found in request\",\"hint\":\"No `apikey` request header or url param was found.\"}", "", ""},
		{"rest, key in the URL", "/rest/v1/books?apikey=" + s.keys.Publishable(), nil, 401, "No API key", "", ""},
		{"rest, wrong key", "/rest/v1/books", []string{"apikey: nope"}, 401, "{\"message\":\"Invalid API key\",\"hint\":\"Double check your Supabase `anon` or `service_role` API key.\"}", "", ""},
		{"rest, wrong key, good token", "/rest/v1/books", []string{"apikey: nope", bearer}, 401, "Invalid API key", "", ""},
		{"rest, publishable", "/rest/v1/books", []string{"apikey: " + s.keys.Publishable(), "Authorization: Bearer " + s.keys.Publishable()}, 200, "", auth.Anon, ""},
		{"rest, anon and a token", "/rest/v1/books", []string{"apikey: " + s.keys.AnonJWT(), bearer}, 200, "", auth.Authenticated, "ann"},
		{"rest, a token alone", "/rest/v1/books", []string{bearer}, 200, "", auth.Authenticated, "ann"},
		{"rest, service", "/rest/v1/books", []string{"apikey: " + s.keys.Secret()}, 200, "", auth.Service, ""},
		{"rest, bad token", "/rest/v1/books", []string{"apikey: " + s.keys.AnonJWT(), "Authorization: Bearer a.b"}, 401, "PGRST301", "", ""},
		{"native, nothing", "/api/data/books", nil, 200, "", auth.Anon, ""},
		{"native, a token", "/api/data/books", []string{bearer}, 200, "", auth.Authenticated, "ann"},
		{"native, wrong key", "/api/data/books", []string{"apikey: nope"}, 401, "Invalid API key", "", ""},
		{"native, bad token", "/api/data/books", []string{"Authorization: Bearer x.y.z"}, 401, "PGRST301", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.gate.caller = nil
			w := s.do("GET", c.path, "", c.headers...)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.status != 200 {
				if s.gate.caller != nil {
					t.Error("the gate was asked")
				}
				if !strings.HasPrefix(w.Header().Get("Www-Authenticate"), "Bearer") && strings.Contains(c.body, "PGRST") {
					t.Error("no challenge")
				}
				return
			}
			if s.gate.caller.Role != c.role || s.gate.caller.UID != c.uid {
				t.Errorf("caller %+v", s.gate.caller)
			}
		})
	}
}

func TestExpiredToken(t *testing.T) {
	s := newSite(t, plain())
	now := time.Now()
	token, err := s.keys.Issue(auth.Claims{Subject: "ann", Issued: now.Add(-2 * time.Hour), Expires: now.Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	w := s.do("GET", "/api/data/books", "", "Authorization: Bearer "+token)
	wantFault(t, w, 401, "PGRST303")
	if !strings.Contains(w.Body.String(), "JWT expired") {
		t.Errorf("body %s", w.Body)
	}
	wantHeader(t, w.Header(), "Www-Authenticate", `Bearer error="invalid_token", error_description="JWT expired"`)
}

func TestReadHeaders(t *testing.T) {
	s := newSite(t, plain())
	w := s.do("GET", "/api/data/books", "")
	if w.Code != 200 || w.Body.String() != `[{"id":1},{"id":2}]` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Content-Range": "0-1/*", "X-Cache": "hit", "Etag": `"abc"`,
		"Cache-Control": "private, no-cache", "Vary": "Origin, Authorization, apikey", "X-Content-Type-Options": "nosniff",
		"Content-Length": "19", "Server": "", "Preference-Applied": "", "Content-Profile": "",
	} {
		wantHeader(t, w.Header(), name, value)
	}
	head := s.do("HEAD", "/api/data/books", "")
	if head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD %d %q", head.Code, head.Body)
	}
	for _, name := range []string{"Content-Range", "Etag", "Content-Length", "Content-Type"} {
		wantHeader(t, head.Header(), name, w.Header().Get(name))
	}
}

func TestConditionalReads(t *testing.T) {
	s := newSite(t, plain())
	for tags, status := range map[string]int{
		`"abc"`: 304, `W/"abc"`: 304, `"x", "abc"`: 304, `*`: 304, `"x"`: 200, `abc`: 200,
	} {
		w := s.do("GET", "/api/data/books", "", "If-None-Match: "+tags)
		if w.Code != status || (status == 304) != (w.Body.Len() == 0) {
			t.Errorf("%s: %d %q", tags, w.Code, w.Body)
		}
	}
	if w := s.do("GET", "/api/data/books", "", `If-None-Match: "abc"`, "Prefer: count=exact"); w.Code != 206 {
		t.Errorf("a count is not in the tag: %d", w.Code)
	}
	for _, header := range []string{`If-None-Match: "abc"`, "If-Unmodified-Since: Mon, 01 Jan 2024 00:00:00 GMT"} {
		w := s.do("PATCH", "/api/data/books/1", "{}", sendsJSON, header)
		wantFault(t, w, 400, "preference-not-supported")
	}
}

func TestCountsAndRanges(t *testing.T) {
	for _, c := range []struct {
		name          string
		rows, offset  int
		total         int64
		prefer        string
		status        int
		contentRange  string
		wantPreferred string
	}{
		{"not asked", 2, 0, -1, "", 200, "0-1/*", ""},
		{"no rows", 0, 0, -1, "", 200, "*/*", ""},
		{"all", 2, 0, 2, "count=exact", 200, "0-1/2", "count=exact"},
		{"part", 2, 3, 9, "count=exact", 206, "3-4/9", "count=exact"},
		{"planned is exact", 2, 0, 9, "count=planned", 206, "0-1/9", "count=exact"},
		{"estimated is exact", 2, 0, 9, "count=estimated", 206, "0-1/9", "count=exact"},
		{"none at all", 0, 0, 0, "count=exact", 200, "*/0", "count=exact"},
		{"at the end", 0, 3, 3, "count=exact", 206, "*/3", "count=exact"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, plain())
			s.gate.answer = data.Answer{Entry: &cache.Entry{Body: []byte("[]"), Rows: c.rows, Count: c.total}, Offset: c.offset, Status: cache.Miss}
			w := s.do("GET", "/rest/v1/books", "", "apikey: "+s.keys.AnonJWT(), "Prefer: "+c.prefer)
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			wantHeader(t, w.Header(), "Content-Range", c.contentRange)
			wantHeader(t, w.Header(), "Preference-Applied", c.wantPreferred)
			if s.gate.read.Count != (c.prefer != "") {
				t.Errorf("count asked: %v", s.gate.read.Count)
			}
		})
	}
	s := newSite(t, plain())
	s.gate.answer = data.Answer{Entry: &cache.Entry{Body: []byte("[]"), Count: 3}, Offset: 50}
	w := s.do("GET", "/api/data/books?offset=50", "", "Prefer: count=exact")
	wantFault(t, w, 416, "PGRST103")
	if !strings.Contains(w.Body.String(), "An offset of 50 was requested, but there are only 3 rows.") {
		t.Errorf("body %s", w.Body)
	}
}

func TestRangeHeader(t *testing.T) {
	for header, want := range map[string][2]int{ // offset, limit
		"0-9": {0, 10}, "5-5": {5, 1}, "3-": {3, -1}, "items=2-4": {2, 3},
	} {
		s := newSite(t, plain())
		s.do("GET", "/api/data/books", "", "Range-Unit: items", "Range: "+header)
		r := s.gate.read.Request
		if r == nil || r.Offset != want[0] || r.Limit != want[1] || !r.Star {
			t.Errorf("%s: %+v", header, r)
		}
	}
	s := newSite(t, plain())
	for _, header := range []string{"bytes=0-9", "x", "-5", "0-99999999999999999999"} {
		s.do("GET", "/api/data/books", "", "Range: "+header)
		if s.gate.read.Request != nil {
			t.Errorf("%s was taken: %+v", header, s.gate.read.Request)
		}
	}
	wantFault(t, s.do("GET", "/api/data/books", "", "Range: 9-0"), 416, "PGRST103")
	s.do("POST", "/api/data/books", "{}", sendsJSON, "Range: 0-1")
	if s.gate.write.Request != nil {
		t.Error("a write took a Range")
	}
}

func TestAccept(t *testing.T) {
	s := newSite(t, plain())
	s.gate.answer.Entry = &cache.Entry{Body: []byte(`{"id":1}`), Rows: 1}
	for accept, want := range map[string]string{
		"*/*": "application/json; charset=utf-8", "application/json": "application/json; charset=utf-8", "": "application/json; charset=utf-8",
		"text/html, application/xhtml+xml, */*;q=0.8":               "application/json; charset=utf-8",
		"Application/JSON;charset=utf-8":                            "application/json; charset=utf-8",
		"application/vnd.pgrst.object+json":                         "application/vnd.pgrst.object+json; charset=utf-8",
		"image/png, application/vnd.pgrst.object+json":              "application/vnd.pgrst.object+json; charset=utf-8",
		"application/vnd.pgrst.array+json":                          "application/json; charset=utf-8",
		"text/csv":                                                  "text/csv; charset=utf-8",
		"TEXT/CSV;q=0.9, application/json":                          "text/csv; charset=utf-8",
		"application/geo+json":                                      "",
		"application/vnd.pgrst.object+json;nulls=stripped":          "application/vnd.pgrst.object+json; charset=utf-8",
		`application/vnd.pgrst.plan+text; for="application/json"`:   "",
		"application/vnd.pgrst.array+json;nulls=stripped, text/csv": "application/json; charset=utf-8",
	} {
		w := s.do("GET", "/api/data/books", "", "Accept: "+accept)
		if want == "" {
			wantFault(t, w, 406, "PGRST107")
			if first, _, _ := strings.Cut(accept, ";"); !strings.Contains(w.Body.String(), first) {
				t.Errorf("body %s", w.Body)
			}
			continue
		}
		wantHeader(t, w.Header(), "Content-Type", want)
		if single := strings.Contains(want, "object"); s.gate.read.Single != single {
			t.Errorf("%s: single %v", accept, s.gate.read.Single)
		}
	}
}

func TestProfiles(t *testing.T) {
	s := newSite(t, plain())
	w := s.do("GET", "/api/data/books", "", "Accept-Profile: public", "Content-Profile: ignored on reads")
	wantHeader(t, w.Header(), "Content-Profile", "public")
	wantFault(t, s.do("GET", "/api/data/books", "", "Accept-Profile: private"), 406, "PGRST106")
	wantFault(t, s.do("POST", "/api/data/books", "{}", sendsJSON, "Content-Profile: private"), 406, "PGRST106")
}

func TestPathsAndMethods(t *testing.T) {
	s := newSite(t, plain())
	key := "apikey: " + s.keys.AnonJWT()
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"PUT", "/rest/v1/books", 405, "PGRST117"},
		{"QUERY", "/api/data/books", 405, "PGRST117"},
		{"POST", "/api/data/books/1", 405, "method-not-allowed"},
		{"GET", "/rest/v1/books/1", 404, "PGRST125"},
		{"GET", "/rest/v1/books/", 404, "PGRST125"},
		{"GET", "/api/data/books/", 404, "PGRST125"},
		{"GET", "/api/data/", 404, "PGRST125"},
		{"GET", "/api/data/books/1/2", 404, "PGRST125"},
		{"GET", "/rest/v1/", 404, "PGRST126"},
		{"GET", "/rest/v1", 404, "PGRST126"},
		{"PUT", "/rest/v1/rpc/f", 405, "PGRST101"},
		{"POST", "/auth/v1/token", 404, "not-in-this-version"},
		{"GET", "/storage/v1/object/x", 404, "not-in-this-version"},
		{"POST", "/api/edge/f", 404, "function-unknown"},
		{"POST", "/graphql/v1", 404, "not-in-this-version"},
		{"GET", "/realtime/v1/websocket", 404, "not-in-this-version"},
		{"POST", "/api/rpc/f", 415, "unsupported-media-type"},
		{"GET", "/api/realtime/books", 404, "not-found"},
		{"GET", "/api", 404, "not-found"},
		{"GET", "/API/data/books", 404, "not-found"},
		{"GET", "/nothing", 404, "not-found"},
		{"POST", "/health", 405, "method-not-allowed"},
	} {
		wantFault(t, s.do(c.method, c.path, "", key), c.status, c.code)
	}
	w := s.do("OPTIONS", "/rest/v1/books", "")
	wantHeader(t, w.Header(), "Allow", "OPTIONS,GET,HEAD,POST,PATCH,DELETE")
	if w.Code != 204 {
		t.Errorf("OPTIONS %d", w.Code)
	}
	wantHeader(t, s.do("POST", "/health", "").Header(), "Allow", "OPTIONS, GET, HEAD")
	wantHeader(t, s.do("PUT", "/api/data/t", "").Header(), "Allow", "OPTIONS,GET,HEAD,POST,PATCH,DELETE")
	wantHeader(t, s.do("POST", "/api/data/t/1", "").Header(), "Allow", "OPTIONS,GET,HEAD,PATCH,DELETE")
}

func TestFaults(t *testing.T) {
	denied := fault.New("42501", "permission denied for table t")
	for _, c := range []struct {
		err      error
		signedIn bool
		status   int
		code     string
	}{
		{denied, false, 401, "42501"},
		{denied, true, 403, "42501"},
		{fault.New("23505", "duplicate"), true, 409, "23505"},
		{fault.New("23503", "reference"), true, 409, "23503"},
		{fault.New("23502", "null"), true, 400, "23502"},
		{fault.New("PGRST205", "no table"), true, 404, "PGRST205"},
		{fault.New("42703", "no column"), true, 400, "42703"},
		{fault.New("PGRST116", "not single"), true, 406, "PGRST116"},
		{fault.New("57014", "slow"), true, 504, "57014"},
		{fault.New("PGRST002", "migrating"), true, 503, "PGRST002"},
		{hiddenFault(), true, 500, "XX000"},
		{errSecret, true, 500, "XX000"},
		{store.ErrFull, true, 507, "53100"},
		{store.ErrClosed, true, 503, "unavailable"},
		{store.ErrUnavailable, true, 503, "unavailable"},
		{context.DeadlineExceeded, true, 504, "57014"},
	} {
		s := newSite(t, plain())
		s.gate.err = c.err
		var headers []string
		if c.signedIn {
			headers = []string{"Authorization: Bearer " + s.token(t, "ann")}
		}
		w := s.do("GET", "/api/data/t", "", headers...)
		wantFault(t, w, c.status, c.code)
		wantHeader(t, w.Header(), "Cache-Control", "private, no-store")
		if strings.Contains(w.Body.String(), "secret_things") {
			t.Errorf("leaked: %s", w.Body)
		}
		if (w.Header().Get("Www-Authenticate") != "") != (c.status == 401) || (w.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%d: headers %v", c.status, w.Header())
		}
		if c.status == 500 && (!strings.Contains(s.log.String(), "secret_things") || !strings.Contains(s.log.String(), w.Header().Get("X-Request-Id"))) {
			t.Errorf("the log does not say why: %s", s.log)
		}
	}
	s := newSite(t, plain())
	s.gate.err = fault.New("PGRST116", "not single")
	for _, method := range []string{"GET", "DELETE"} {
		wantFault(t, s.do(method, "/api/data/t/1", ""), 404, "PGRST116")
	}
}

func TestTimeout(t *testing.T) {
	m := plain()
	m.Limits.Timeout = time.Millisecond
	s := newSite(t, m)
	s.gate.blocks = true
	wantFault(t, s.do("GET", "/api/data/t", ""), http.StatusGatewayTimeout, "57014")
}

func TestPanic(t *testing.T) {
	s := newSite(t, plain())
	s.gate.panics = true
	wantFault(t, s.do("GET", "/api/data/t", ""), http.StatusInternalServerError, "XX000")
	if !strings.Contains(s.log.String(), "boom") {
		t.Error("the panic is not in the log")
	}
}

func TestRequestID(t *testing.T) {
	m := plain()
	m.TrustedProxies = []string{"192.0.2.0/24"} // where httptest asks from
	s := newSite(t, m)
	for sent, taken := range map[string]bool{"abc-1.2_Z": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 65): false} {
		got := s.do("GET", "/health", "", "X-Request-Id: "+sent).Header().Get("X-Request-Id")
		if got == "" || (got == sent) != taken {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
	if a, b := s.do("GET", "/health", ""), s.do("GET", "/health", ""); a.Header().Get("X-Request-Id") == b.Header().Get("X-Request-Id") {
		t.Error("two requests, one id")
	}
	if got := newSite(t, plain()).do("GET", "/health", "", "X-Request-Id: mine").Header().Get("X-Request-Id"); got == "mine" {
		t.Error("the id of somebody who is no trusted proxy was taken")
	}
}
