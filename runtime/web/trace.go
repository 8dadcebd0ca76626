package web

import (
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

// startTrace finds the trace of a request, or begins one. What the request hands on
// names the span that is ours.
func (h *Handler) startTrace(x *exchange, r *http.Request) *http.Request {
	from := tracing.Take(r.Header)
	if h.tracer == nil {
		if from.Valid() {
			kept := from // from itself stays off the heap
			x.trace = &kept
		}
		return r
	}
	x.span = h.tracer.Start(from, x.began)
	own := x.span.Trace()
	x.trace = &own
	own.Put(r.Header)
	if !x.span.Recorded() {
		return r
	}
	return r.WithContext(tracing.With(r.Context(), x.span))
}

// traceparent is what functions are told of the trace, "" where there is none.
func (x *exchange) traceparent() string {
	if x.trace == nil {
		return ""
	}
	return x.trace.String()
}

// endTrace says what the request was, by the names of OpenTelemetry's conventions.
// What a client chooses is bounded, and its query is not told.
func (x *exchange) endTrace(r *http.Request, status int) {
	if x.span == nil {
		return
	}
	if !x.span.Recorded() {
		x.span.End("")
		return
	}
	method := knownMethod(r.Method)
	if method == "OTHER" {
		method = "_OTHER"
		x.span.Text("http.request.method_original", printable(r.Method))
	}
	name := method
	if method == "_OTHER" {
		name = "HTTP"
	}
	if x.route != "" {
		name += " " + x.route
		x.span.Text("http.route", x.route)
	}
	x.span.Rename(name)
	x.span.Text("http.request.method", method)
	x.span.Text("url.path", loggedPath(r))
	x.span.Text("url.scheme", x.scheme())
	x.span.Text("network.protocol.version", protocolVersion(r))
	x.span.Text("client.address", x.client.String())
	x.span.Text("edgehive.request.id", x.id)
	x.span.Number("http.response.status_code", int64(status))
	x.span.Number("http.response.body.size", x.bytes)
	failure := ""
	if status >= http.StatusInternalServerError {
		failure = http.StatusText(status)
		if x.fault != nil {
			failure = x.fault.Code
		}
		x.span.Text("error.type", failure)
	}
	x.span.End(failure)
}

func (x *exchange) scheme() string {
	if x.request.TLS != nil {
		return "https"
	}
	return "http"
}

func protocolVersion(r *http.Request) string {
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		return "1.0"
	}
	switch r.ProtoMajor {
	case 2:
		return "2"
	case 3:
		return "3"
	}
	return "1.1"
}
