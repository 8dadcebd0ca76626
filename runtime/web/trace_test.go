package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

const (
	parent     = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	parentID   = "4bf92f3577b34da6a3ce929d0e0e4736"
	ownSpan    = "00000000000000aa"
	newTraceID = "000000000000000000000000000000bb"
)

// tracer remembers its spans.
type tracer struct {
	mu      sync.Mutex
	sampled bool
	spans   []string // as they ended
}

type testSpan struct {
	tracer     *tracer
	trace      tracing.Trace
	name       string
	attributes []string
}

func (r *tracer) Start(from tracing.Trace, _ time.Time) tracing.Span {
	s := &testSpan{tracer: r, trace: from}
	if !from.Valid() {
		s.trace.ID[15] = 0xbb
		if r.sampled {
			s.trace.Flags = tracing.Sampled
		}
	}
	s.trace.Parent = [8]byte{7: 0xaa}
	return s
}

func (s *testSpan) Trace() tracing.Trace { return s.trace }
func (s *testSpan) Recorded() bool       { return s.trace.Flags&tracing.Sampled != 0 }
func (s *testSpan) Rename(n string)      { s.name = n }
func (s *testSpan) Child(_ tracing.Kind, name string) tracing.Span {
	t := s.trace
	t.Parent[0]++
	return &testSpan{tracer: s.tracer, trace: t, name: name}
}
func (s *testSpan) Text(k, v string) { s.attributes = append(s.attributes, k+"="+v) }
func (s *testSpan) Number(k string, n int64) {
	s.attributes = append(s.attributes, fmt.Sprintf("%s=%d", k, n))
}

func (s *testSpan) End(failure string) {
	s.tracer.mu.Lock()
	defer s.tracer.mu.Unlock()
	if s.Recorded() {
		s.tracer.spans = append(s.tracer.spans, s.name+" ["+failure+"] "+strings.Join(s.attributes, " "))
	}
}

func (r *tracer) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.spans
	r.spans = nil
	return taken
}

func tracedSite(t *testing.T, tracer tracing.Tracer) (*site, *functions) {
	t.Helper()
	m := plain()
	m.Observe.LogRequests = 1
	m.Functions = []manifest.Function{{Name: "price"}}
	f := &functions{do: answers(200, http.Header{"Content-Type": {"text/plain"}}, "1")}
	return newSite(t, m, func(o *web.Options) { o.Functions, o.Tracer = f, tracer }), f
}

// Without a tracer a caller's trace goes on, and none is invented: whoever is asked
// would take it for one that is not to be recorded.
func TestTracesGoOn(t *testing.T) {
	s, f := tracedSite(t, nil)
	for _, c := range []struct{ sent, told string }{{parent, parent}, {"", ""}, {"nonsense", ""}, {strings.Replace(parent, "00-", "ff-", 1), ""}} {
		s.do("GET", "/api/edge/price", "", "Traceparent: "+c.sent)
		if f.event.Trace != c.told {
			t.Errorf("sent %q, the function is told %q", c.sent, f.event.Trace)
		}
		lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
		if last := lines[len(lines)-1]; strings.Contains(last, "trace_id="+parentID) != (c.told != "") {
			t.Errorf("sent %q, the log has %s", c.sent, last)
		}
	}
}

func TestSpansOfRequests(t *testing.T) {
	r := &tracer{sampled: true}
	s, f := tracedSite(t, r)
	w := s.do("GET", "/api/data/books?token=hunter2", "")
	spans := r.take()
	if w.Code != 200 || len(spans) != 2 || !strings.HasPrefix(spans[0], "select books [] db.operation.name=select db.collection.name=books") || !strings.HasPrefix(spans[1], "GET /api/data/{table} [] http.route=/api/data/{table} http.request.method=GET url.path=/api/data/books url.scheme=http") {
		t.Fatalf("%d %q", w.Code, spans)
	}
	for _, want := range []string{"http.response.status_code=200", "http.response.body.size=", "network.protocol.version=1.1", "client.address=192.0.2.1"} {
		if !strings.Contains(spans[1], want) {
			t.Errorf("no %s in %s", want, spans[1])
		}
	}
	if strings.Contains(strings.Join(spans, ""), "hunter2") {
		t.Error("a token is in the span")
	}
	if !strings.Contains(s.log.String(), "trace_id="+newTraceID) {
		t.Errorf("log: %s", s.log)
	}
	s.do("GET", "/api/edge/price", "", "Traceparent: "+parent, "Tracestate: a=1")
	if want := "00-" + parentID + "-01" + ownSpan[2:] + "-01"; f.event.Trace != want {
		t.Errorf("the function is told %s, want %s", f.event.Trace, want)
	}
	if state := f.event.Request.Header.Get("Tracestate"); state != "a=1" {
		t.Errorf("tracestate %q", state)
	}
	if spans := r.take(); len(spans) != 2 || spans[0] != "function price [] faas.invoked_name=price" {
		t.Errorf("%q", spans)
	}
	s.gate.err = errSecret
	s.do("GET", "/api/data/books", "")
	if spans := r.take(); len(spans) != 2 || !strings.HasPrefix(spans[0], "select books [XX000]") || !strings.Contains(spans[1], "error.type=XX000") || strings.Contains(strings.Join(spans, ""), "fire") {
		t.Errorf("%q", spans)
	}
	s.do("GET", "/"+strings.Repeat("x", 5000), "")
	if spans := r.take(); len(spans) != 1 || len(spans[0]) > 1000 || !strings.HasPrefix(spans[0], "GET none [] ") {
		t.Errorf("%q", spans)
	}
	s.gate.panics = true
	s.do("GET", "/api/data/books", "")
	if spans := r.take(); len(spans) != 2 || !strings.HasPrefix(spans[0], "select books [panic]") {
		t.Errorf("%q", spans)
	}
}

// What a caller leaves out is left out, and told on.
func TestSpansNotSampled(t *testing.T) {
	r := &tracer{}
	s, f := tracedSite(t, r)
	s.do("GET", "/api/edge/price", "", "Traceparent: "+strings.TrimSuffix(parent, "1")+"0")
	if want := "00-" + parentID + "-" + ownSpan + "-00"; f.event.Trace != want || len(r.take()) != 0 {
		t.Errorf("%s", f.event.Trace)
	}
}

func TestAccessLog(t *testing.T) {
	for _, c := range []struct {
		share float64
		least int
		most  int
	}{{0, 0, 0}, {1, 200, 200}, {0.5, 40, 160}} {
		m := plain()
		m.Observe.LogRequests = c.share
		out := &logged{}
		s := newSite(t, m, func(o *web.Options) { o.Log = slog.New(slog.NewJSONHandler(out, nil)) })
		for range 200 {
			s.do("GET", "/health", "")
		}
		if got := strings.Count(out.String(), "\n"); got < c.least || got > c.most {
			t.Errorf("share %v: %d of 200", c.share, got)
		}
		before := strings.Count(out.String(), "\n")
		s.do("GET", "/nothing", "")
		if got := strings.Count(out.String(), "\n") - before; got != 1 {
			t.Errorf("share %v: %d lines of what failed", c.share, got)
		}
	}
}

// A line has what docs/operations.md says, once for each request, whatever it became.
func TestAccessLogLine(t *testing.T) {
	m := compressing()
	m.Observe.LogRequests = 1
	m.Functions = []manifest.Function{{Name: "price"}}
	m.Routes = []manifest.Route{words(manifest.Route{Pattern: "/long", URLPath: "/long"}, longText)}
	out := &logged{}
	f := &functions{do: func(function.Answer) error { return context.DeadlineExceeded }}
	upgraded := make(chan struct{})
	s := newSite(t, m, func(o *web.Options) {
		o.Log, o.Functions = slog.New(slog.NewJSONHandler(out, nil)), f
		o.Realtime = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			<-upgraded
			_ = conn.Close()
		})
	})
	server := serve(t, s.Handler, wire.Bounds{Total: 10, PerAddress: 10})
	answer := ask(t, server.url, "GET", "/long", "Accept-Encoding: gzip")
	sent := len(readAll(t, answer))
	eventually(t, func() bool { return strings.Count(out.String(), "\n") == 1 })
	for _, want := range []string{`"level":"INFO"`, `"request_id":"`, `"method":"GET"`, `"path":"/long"`, `"route":"/long"`, `"status":200`, fmt.Sprintf(`"bytes":%d,`, sent), `"duration":`, `"client":"127.0.0.1"`, `"protocol":"HTTP/1.1"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	if got := raw(t, server.address, "GET /api/realtime/books HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"); !strings.Contains(got, "101") {
		t.Fatal(got)
	}
	if strings.Contains(out.String(), "realtime") {
		t.Error("a WebSocket that is open has its line already")
	}
	close(upgraded)
	eventually(t, func() bool { return strings.Contains(out.String(), `"status":101`) })
	readAll(t, ask(t, server.url, "GET", "/api/edge/price"))
	eventually(t, func() bool { return strings.Contains(out.String(), `"status":504`) })
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, `"level":"ERROR"`) }) {
		t.Errorf("%d lines: %s", len(lines), out)
	}
}
