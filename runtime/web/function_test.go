package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// functions answers as it is told and keeps what it was called for.
type functions struct {
	mu    sync.Mutex
	name  string
	event function.Event
	do    func(function.Answer) error
}

func (f *functions) Call(_ context.Context, name string, e *function.Event, a function.Answer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name, f.event = name, *e
	if f.do == nil {
		return nil
	}
	return f.do(a)
}

func functionSite(t *testing.T, routes ...manifest.Route) (*site, *functions) {
	t.Helper()
	m := plain()
	m.TrustedProxies = []string{"192.0.2.0/24"} // where httptest asks from
	m.Functions = []manifest.Function{{Name: "price"}}
	m.Routes = routes
	f := &functions{}
	return newSite(t, m, func(o *web.Options) { o.Functions = f }), f
}

func answers(status int, header http.Header, body string) func(function.Answer) error {
	return func(a function.Answer) error {
		if err := a.Head(status, header); err != nil {
			return err
		}
		_, err := io.WriteString(a, body)
		return err
	}
}

func TestFunctionSeesTheWholeRequest(t *testing.T) {
	for _, prefix := range []string{"/api/edge/", "/functions/v1/"} {
		s, f := functionSite(t)
		f.do = answers(201, http.Header{
			"Content-Type": {"text/x"}, "Set-Cookie": {"a=1", "b=2"},
			"Access-Control-Allow-Origin": {"https://evil"}, "X-Request-Id": {"forged"}, "Transfer-Encoding": {"chunked"},
		}, "hello")
		trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		w := s.do("PUT", prefix+"price/a/b?x=1&forceFunctionRegion=eu&y=2", "\x00\xff", "Content-Type: image/png", "Content-Language: fr",
			"Authorization: Bearer "+s.token(t, "ann"), "Traceparent: "+trace, "X-Request-Id: abc")
		if w.Code != 201 || w.Body.String() != "hello" {
			t.Fatalf("%s: %d %s", prefix, w.Code, w.Body)
		}
		wantHeader(t, w.Header(), "Content-Type", "text/x")
		wantHeader(t, w.Header(), "X-Request-Id", "abc")
		wantHeader(t, w.Header(), "Cache-Control", "private, no-store")
		if got := w.Header().Values("Set-Cookie"); len(got) != 2 {
			t.Errorf("cookies %q", got)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("origin %q is not the function's to say", got)
		}
		e := f.event
		if f.name != "price" || e.Kind != function.KindRequest || e.ID != "abc" || e.Trace != trace || e.Caller.UID != "ann" || string(e.Body) != "\x00\xff" {
			t.Errorf("%s: event %q %+v", prefix, f.name, e)
		}
		r := e.Request
		if r.Method != http.MethodPut || r.Path != "/a/b" || r.Query != "x=1&y=2" || r.Route != "" || r.Header.Get("Content-Language") != "fr" {
			t.Errorf("%s: request %+v", prefix, r)
		}
	}
}

func TestFunctionRoute(t *testing.T) {
	s, f := functionSite(t, manifest.Route{
		Pattern: "POST /hooks/{from}/*", Method: "POST", URLPath: "/hooks/{from}/*", Function: &manifest.CallFunction{Name: "price"}, Body: 8, Path: `routes."POST /hooks/{from}/*"`,
	})
	f.do = answers(200, nil, "")
	// What is in the header is the hook's own, and no token of ours.
	w := s.do("POST", "/hooks/stripe/a/b", "12345678", "Authorization: Basic abc")
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	r := f.event.Request
	if r.Route != "/hooks/{from}/*" || r.Path != "/hooks/stripe/a/b" || r.Params["from"] != "stripe" || r.Params["*"] != "a/b" || f.event.Caller.Role != "anon" {
		t.Errorf("%+v", r)
	}
	wantFault(t, s.do("POST", "/hooks/stripe/a", "123456789"), 413, "too-large")
	wantFault(t, s.do("GET", "/hooks/stripe/a", ""), 405, "method-not-allowed")
}

func TestFunctionFailures(t *testing.T) {
	for _, c := range []struct {
		err          error
		status       int
		code         string
		relayStatus  int
		relayCode    string
		header       string
		isRelayError bool
	}{
		{fault.New(function.CodeFailed, "the function failed").WithCause(errors.New("secret stack")), 500, "function-failed", 500, `"WORKER_ERROR"`, "EDGE_FUNCTION_ERROR", false},
		{fault.New(function.CodeTimeout, "too slow"), 504, "function-timeout", 504, `"IDLE_TIMEOUT"`, "IDLE_TIMEOUT", true},
		{fault.New(function.CodeMemory, "too much"), 500, "function-memory", 546, `"WORKER_LIMIT"`, "WORKER_RESOURCE_LIMIT", true},
		{fault.New(function.CodeAnswer, "too large"), 500, "function-answer-too-large", 546, `"WORKER_LIMIT"`, "WORKER_RESOURCE_LIMIT", true},
		{fault.New(function.CodeBusy, "busy"), 503, "function-busy", 503, `"WORKER_BUSY"`, "WORKER_BUSY", true},
		{fault.New(function.CodeModule, "no module"), 503, "function-module", 503, `"BOOT_ERROR"`, "BOOT_ERROR", true},
		{errors.New("ours"), 500, "XX000", 500, `"WORKER_ERROR"`, "EDGE_FUNCTION_ERROR", false},
	} {
		s, f := functionSite(t)
		f.do = func(function.Answer) error { return c.err }
		w := s.do("POST", "/api/edge/price", "")
		wantFault(t, w, c.status, c.code)
		if !strings.Contains(w.Body.String(), "request "+w.Header().Get("X-Request-Id")) {
			t.Errorf("%s: no request id in %s", c.code, w.Body)
		}
		w = s.do("POST", "/functions/v1/price", "")
		if w.Code != c.relayStatus || !strings.Contains(w.Body.String(), `"code":`+c.relayCode) || w.Header().Get("Sb-Error-Code") != c.header ||
			(w.Header().Get("X-Relay-Error") == "true") != c.isRelayError || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %v %s", c.code, w.Code, w.Header(), w.Body)
		}
	}
}

func TestFunctionDenied(t *testing.T) {
	s, f := functionSite(t)
	f.do = answers(200, nil, "ran")
	s.gate.err = fault.New(data.CodeDenied, "permission denied for function price")
	wantFault(t, s.do("POST", "/api/edge/price", ""), 401, "42501")
	wantFault(t, s.do("POST", "/api/edge/price", "", "Authorization: Bearer "+s.token(t, "ann")), 403, "42501")
	wantFault(t, s.do("POST", "/api/edge/price", "", "Authorization: Bearer x.y.z"), 401, "PGRST301")
	w := s.do("POST", "/functions/v1/price", "")
	if w.Code != 401 || !strings.Contains(w.Body.String(), `{"code":401,`) || w.Header().Get("X-Relay-Error") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = s.do("POST", "/functions/v1/price", "", "Authorization: Bearer x.y.z")
	if w.Code != 401 || !strings.Contains(w.Body.String(), `{"code":401,"message":"Invalid JWT"}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if f.name != "" {
		t.Error("it ran")
	}
	w = s.do("OPTIONS", "/api/edge/price", "")
	if w.Code != 204 {
		t.Errorf("OPTIONS %d", w.Code)
	}
	wantFault(t, s.do("TRACE", "/api/edge/price", ""), 405, "method-not-allowed")
}

// TestFunctionCutOff has a function fail after its answer began: the client must
// not take what it has for the whole.
func TestFunctionCutOff(t *testing.T) {
	s, f := functionSite(t)
	f.do = func(a function.Answer) error {
		if err := answers(200, nil, "half")(a); err != nil {
			return err
		}
		if err := a.Flush(); err != nil {
			return err
		}
		return fault.New(function.CodeFailed, "the function failed")
	}
	server := httptest.NewServer(s.Handler)
	defer server.Close()
	response, err := http.Get(server.URL + "/api/edge/price")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil || string(body) != "half" {
		t.Errorf("%q, %v", body, err)
	}
	server.Close()
	if !strings.Contains(s.log.String(), "code=function-failed") {
		t.Errorf("the log does not say why: %s", s.log)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestFunctionHead(t *testing.T) {
	s, f := functionSite(t)
	f.do = answers(200, http.Header{"Content-Type": {"text/plain"}}, "body")
	w := s.do("HEAD", "/api/edge/price", "")
	if w.Code != 200 || w.Body.Len() != 0 || f.event.Request.Method != http.MethodHead {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	f.do = nil
	if w := s.do("GET", "/api/edge/price", ""); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "" {
		t.Errorf("an empty answer: %d %v", w.Code, w.Header())
	}
}
