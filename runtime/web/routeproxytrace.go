package web

import (
	"net"
	"net/http"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/web/proxy"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

// tries records what is asked of other servers, below the span of a request.
type tries struct{ parent tracing.Span }

// begin begins the span of a try, by the names of OpenTelemetry's conventions for HTTP
// clients.
func (t tries) begin(try proxy.Try) proxy.Span {
	method := knownMethod(try.Method)
	name := method
	if method == "OTHER" {
		method, name = "_OTHER", "HTTP"
	}
	span := t.parent.Child(tracing.SpanClient, name)
	span.Text("http.request.method", method)
	shown := try.Address
	host, port, err := net.SplitHostPort(try.Address)
	switch {
	case try.Socket:
		shown = "localhost"
		span.Text("server.address", try.Address)
		span.Text("network.transport", "unix")
	case err != nil: // no port is said
		span.Text("server.address", try.Address)
		span.Number("server.port", standardPort(try.Scheme))
	default:
		span.Text("server.address", host)
		if number, err := strconv.Atoi(port); err == nil {
			span.Number("server.port", int64(number))
		}
	}
	span.Text("url.full", try.Scheme+"://"+shown+cutPath(try.Path))
	span.Number("edgehive.proxy.upstream", int64(try.Server))
	if try.Before > 0 {
		span.Number("http.request.resend_count", int64(try.Before))
	}
	return tried{span}
}

func standardPort(scheme string) int64 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// tried is a proxy.Span.
type tried struct{ span tracing.Span }

// Tell names the span as the parent of what the server does.
func (t tried) Tell(header http.Header) {
	own := t.span.Trace()
	own.Put(header)
}

// End says what became of it. To who asked, a status of 400 is a failure, too.
func (t tried) End(status int, result string) {
	if status > 0 {
		t.span.Number("http.response.status_code", int64(status))
	}
	t.span.Text("edgehive.proxy.result", result)
	failure := ""
	switch {
	case result != proxy.ResultOK && result != proxy.ResultError:
		failure = result
	case status >= http.StatusBadRequest:
		failure = strconv.Itoa(status)
	}
	if failure != "" {
		t.span.Text("error.type", failure)
	}
	t.span.End(failure)
}
