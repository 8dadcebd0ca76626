package trace_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/observe/trace"
	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// received is a collector that keeps what it is sent.
type received struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []*wire.Span
	names  []string // of services
	header http.Header
	path   string
	status int
}

func newCollector(t *testing.T) *received {
	t.Helper()
	c := &received{status: http.StatusOK}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *received) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(body)
	var sent collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(text, &sent)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.status != http.StatusOK {
		w.WriteHeader(max(c.status, http.StatusBadRequest))
		return
	}
	c.header, c.path = r.Header, r.URL.Path
	for _, resource := range sent.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				c.names = append(c.names, a.GetValue().GetStringValue())
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *received) all() []*wire.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*wire.Span(nil), c.spans...)
}

func newTracer(t *testing.T, o trace.Options) *trace.Tracer {
	t.Helper()
	tracer, err := trace.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func closing(t *testing.T, tracer *trace.Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestSpansReachTheCollector(t *testing.T) {
	c := newCollector(t)
	counters := &trace.Counters{}
	tracer := newTracer(t, trace.Options{URL: c.URL, Headers: map[string]string{"X-Api-Key": "hunter2"}, Sample: 1, Name: "shop", Version: "1", Counters: counters, Every: 10 * time.Millisecond})
	from, ok := tracing.ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if !ok {
		t.Fatal("no trace")
	}
	from.State = "vendor=1"
	request := tracer.Start(from, time.Now().Add(-time.Second))
	child := request.Child(tracing.SpanClient, "call")
	if told := request.Trace(); told.ID != from.ID || told.Parent == from.Parent || told.State != "vendor=1" || told.Flags != tracing.Sampled {
		t.Errorf("told %+v", told)
	}
	child.Text("server.address", "a")
	child.End("timeout")
	request.Rename("GET /a")
	request.Number("http.response.status_code", 200)
	request.End("")
	deadline := time.Now().Add(time.Minute)
	for len(c.all()) < 2 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	spans := c.all()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	byName := map[string]*wire.Span{}
	for _, s := range spans {
		byName[s.GetName()] = s
	}
	root, call := byName["GET /a"], byName["call"]
	if root == nil || call == nil {
		t.Fatal("a span is missing")
	}
	if hex.EncodeToString(root.GetTraceId()) != "4bf92f3577b34da6a3ce929d0e0e4736" || hex.EncodeToString(root.GetParentSpanId()) != "00f067aa0ba902b7" ||
		string(call.GetParentSpanId()) != string(root.GetSpanId()) || root.GetKind() != wire.Span_SPAN_KIND_SERVER || call.GetKind() != wire.Span_SPAN_KIND_CLIENT {
		t.Errorf("%v %v", root, call)
	}
	if took := time.Duration(root.GetEndTimeUnixNano() - root.GetStartTimeUnixNano()); took < time.Second {
		t.Errorf("it took %v", took)
	}
	if call.GetStatus().GetCode() != wire.Status_STATUS_CODE_ERROR || call.GetStatus().GetMessage() != "timeout" || root.GetStatus().GetCode() != wire.Status_STATUS_CODE_UNSET {
		t.Errorf("%v %v", call.GetStatus(), root.GetStatus())
	}
	if c.path != "/v1/traces" || c.header.Get("X-Api-Key") != "hunter2" || c.names[0] != "shop" {
		t.Errorf("%s %v %v", c.path, c.header, c.names)
	}
	// What ends just before the end is sent, too.
	tracer.Start(tracing.Trace{}, time.Now()).End("")
	closing(t, tracer)
	if sent, dropped := counters.Read(); len(c.all()) != 3 || sent != 3 || dropped != 0 {
		t.Errorf("%d came, %d sent, %d dropped", len(c.all()), sent, dropped)
	}
	tracer.Start(tracing.Trace{}, time.Now()).End("") // after the end: nobody is harmed
}

func TestSampling(t *testing.T) {
	c := newCollector(t)
	tracer := newTracer(t, trace.Options{URL: c.URL, Sample: 0})
	defer closing(t, tracer)
	yes, _ := tracing.ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	no := yes
	no.Flags = 0
	if s := tracer.Start(yes, time.Now()); !s.Recorded() {
		t.Error("the caller's trace is left out")
	} else {
		s.End("")
	}
	for _, from := range []tracing.Trace{no, {}} {
		s := tracer.Start(from, time.Now())
		told := s.Trace()
		if s.Recorded() || told.Flags != 0 || !told.Valid() {
			t.Errorf("%+v", told)
		}
		s.End("")
	}
	all := newTracer(t, trace.Options{URL: c.URL, Sample: 1})
	defer closing(t, all)
	if s := all.Start(no, time.Now()); s.Recorded() {
		t.Error("what the caller leaves out is recorded")
	}
}

// A collector that is down, or says no, holds nobody up: what it does not take is
// dropped and counted.
func TestCollectorDown(t *testing.T) {
	refusing := newCollector(t)
	refusing.status = http.StatusForbidden
	down := "http://" + porttest.Free(t).Address()
	for _, url := range []string{refusing.URL, down} {
		counters := &trace.Counters{}
		tracer := newTracer(t, trace.Options{URL: url, Sample: 1, Counters: counters, Every: time.Millisecond})
		const spans = 20000 // more than wait
		for range spans {
			tracer.Start(tracing.Trace{}, time.Now()).End("")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_ = tracer.Close(ctx) // it may be too short for the last
		cancel()
		if sent, dropped := counters.Read(); sent != 0 || dropped != spans {
			t.Errorf("%d sent, %d dropped", sent, dropped)
		}
	}
}
