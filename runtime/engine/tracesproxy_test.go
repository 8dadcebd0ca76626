package engine_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spansOf is what a collector was sent.
func (c *collector) spansOf(t *testing.T, key string) []*spans.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var sent spans.TracesData // deliveries one after the other are one message
	if err := proto.Unmarshal([]byte(c.keys[key]), &sent); err != nil {
		t.Fatal(err)
	}
	var all []*spans.Span
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			all = append(all, scope.GetSpans()...)
		}
	}
	return all
}

func said(s *spans.Span) string {
	var words []string
	for _, a := range s.GetAttributes() {
		value := a.GetValue().GetStringValue()
		if value == "" {
			value = fmt.Sprint(a.GetValue().GetIntValue())
		}
		words = append(words, a.GetKey()+"="+value)
	}
	return strings.Join(words, " ")
}

// Each try of a request that is sent on is a span below the request's, and what the
// server is told of is the try's own.
func TestTracesOfProxies(t *testing.T) {
	c := newCollector(t)
	told := make(chan http.Header, 10)
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Clone()
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(well.Close)
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}))
	t.Cleanup(gone.Close)
	b := start(t, base+`
observe: traces: {url: "`+c.URL+`", sample: 0}
routes: {
	"/tried": proxy: {to: ["`+gone.URL+`", "`+well.URL+`"], balance: "roundRobin"}
	"/untold": proxy: {to: ["`+well.URL+`"], request: remove: ["traceparent"]}
}
`)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	send := func(path string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		r.Header.Set("Tracestate", "vendor=1")
		if res, text := b.do(r); res.StatusCode != http.StatusTeapot {
			t.Fatal(res.StatusCode, text)
		}
	}
	for range 2 { // one of them is sent to each first
		send("/tried?token=hunter2")
	}
	asked := map[string]string{}
	for range 2 {
		header := <-told
		asked[header.Get("Traceparent")] = header.Get("Tracestate")
	}
	send("/untold")
	if untold := <-told; untold.Get("Traceparent") != "" {
		t.Errorf("told %v", untold)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	all := c.spansOf(t, "")
	var request, first, second *spans.Span
	for _, s := range all {
		if s.GetKind() == spans.Span_SPAN_KIND_CLIENT && strings.Contains(said(s), "http.request.resend_count=1") {
			second = s
		}
	}
	if second == nil {
		t.Fatal("the second try is not recorded")
	}
	for _, s := range all {
		switch {
		case string(s.GetSpanId()) == string(second.GetParentSpanId()):
			request = s
		case string(s.GetParentSpanId()) == string(second.GetParentSpanId()) && s != second:
			first = s
		}
	}
	if request == nil || first == nil || request.GetKind() != spans.Span_SPAN_KIND_SERVER || request.GetName() != "GET /tried" {
		t.Fatalf("request %v, first try %v", request, first)
	}
	host, port, err := net.SplitHostPort(well.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, gonePort, err := net.SplitHostPort(gone.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	want := "http.request.method=GET server.address=" + host + " server.port=" + gonePort + " url.full=" + gone.URL + "/tried edgehive.proxy.upstream=0 edgehive.proxy.result=unreachable error.type=unreachable"
	if got := said(first); got != want || first.GetStatus().GetCode() != spans.Status_STATUS_CODE_ERROR || first.GetName() != "GET" {
		t.Errorf("first try: %s\nwant %s", got, want)
	}
	want = "http.request.method=GET server.address=" + host + " server.port=" + port + " url.full=" + well.URL +
		"/tried edgehive.proxy.upstream=1 http.request.resend_count=1 http.response.status_code=418 edgehive.proxy.result=ok error.type=418"
	if got := said(second); got != want || second.GetStatus().GetMessage() != "418" {
		t.Errorf("second try: %s\nwant %s", got, want)
	}
	if want := "00-" + trace + "-" + hex.EncodeToString(second.GetSpanId()) + "-01"; asked[want] != "vendor=1" {
		t.Errorf("the server was told %v, and not %s", asked, want)
	}
	if hex.EncodeToString(request.GetParentSpanId()) != "00f067aa0ba902b7" || request.GetStatus().GetCode() != spans.Status_STATUS_CODE_UNSET {
		t.Errorf("request: %v", request)
	}
}
