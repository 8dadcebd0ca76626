package proxy

import "net/http"

// Try is one request to one server, as a trace has it.
type Try struct {
	Method string
	// Scheme, Address and Path are what is asked; of a server on a Unix socket the
	// address is the socket's path, and Socket is set. The query is not told.
	Scheme, Address, Path string
	Socket                bool
	Server                int // its place in the route's list
	Before                int // tries of the request before this one
}

// Span records a try.
type Span interface {
	// Tell writes into the headers of the try that this span asks.
	Tell(header http.Header)
	// End ends it; status is 0 where there was no answer, result one of Results.
	End(status int, result string)
}

// startSpan begins the span of a try, where the request is recorded.
func (f *forward) startSpan(s *upstream, out *http.Request, before int) {
	f.span = nil
	if f.from.Trace == nil {
		return
	}
	try := Try{Method: out.Method, Scheme: s.scheme, Address: s.authority, Path: out.URL.Path, Server: s.index, Before: before}
	if s.socket != "" {
		try.Address, try.Socket = s.socket, true
	}
	f.span = f.from.Trace(try)
	if out.Header["Traceparent"] != nil { // no rule of the route has taken it out
		f.span.Tell(out.Header)
	}
}

// over says that the server has done with the request.
func (f *forward) over(s *upstream, result string) {
	s.end(result)
	if f.span != nil {
		f.span.End(f.status, result)
	}
}
