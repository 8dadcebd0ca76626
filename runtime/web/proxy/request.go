package proxy

import (
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
)

// added is how many headers a request gets from us.
const added = 5

// noAgent keeps the transport from naming itself where the caller named nobody.
var noAgent, acceptsTrailers, connectionUpgrade = []string{""}, []string{"trailers"}, []string{"Upgrade"}

// request makes what is sent on. Values of headers are shared with what came, and
// nobody writes to them; the map is not.
func (f *forward) request() *http.Request {
	p, in := f.proxy, f.in
	f.url = url.URL{RawQuery: in.URL.RawQuery, ForceQuery: in.URL.ForceQuery}
	setPath(&f.url, f.path)
	if service := f.from.Service; service != nil {
		f.url.RawQuery = withoutKeys(f.url.RawQuery, service)
	}
	f.trace.Got1xxResponse = f.inform
	header := f.header()
	host := in.Host
	switch {
	case p.host != "":
		host = p.host
	case host == "":
		host = "localhost" // of HTTP/1.0, which knows no hosts
	}
	out := (&http.Request{
		Method: in.Method, URL: &f.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Host: host,
		ContentLength: in.ContentLength, TransferEncoding: in.TransferEncoding,
	}).WithContext(httptrace.WithClientTrace(in.Context(), &f.trace))
	if in.ContentLength != 0 && in.Body != nil {
		out.Trailer = f.trailersAhead()
		f.body = newRequestBody(f, out)
		out.Body = f.body
	}
	return out
}

// header are the headers that are sent on: of those that came what belongs to the
// request and may be said, then what is ours to say.
func (f *forward) header() http.Header {
	p, in := f.proxy, f.in
	header := make(http.Header, len(in.Header)+added)
	for name, values := range in.Header {
		if p.passes(name) && !withheld(values, f.from.Service) {
			header[name] = values
		}
	}
	dropNamed(header, in.Header["Connection"])
	if hasToken(in.Header["Te"], "trailers") {
		header["Te"] = acceptsTrailers
	}
	if asked := in.Header["Upgrade"]; asked != nil && !p.pool.steady.all(p.pool.servers) && !withheld(asked, f.from.Service) {
		if f.switches = upgrade(in.Header); f.switches != "" {
			header["Connection"], header["Upgrade"] = connectionUpgrade, []string{f.switches}
		}
	}
	f.said = [4]string{f.client, in.Host, f.from.Scheme, f.from.ID}
	if f.client != "" {
		header["X-Forwarded-For"] = f.said[:1:1]
		header["X-Real-Ip"] = f.said[:1:1]
	}
	header["X-Forwarded-Host"] = f.said[1:2:2]
	header["X-Forwarded-Proto"] = f.said[2:3:3]
	header["X-Request-Id"] = f.said[3:4:4]
	p.request.apply(header, f)
	if _, named := header["User-Agent"]; !named {
		header["User-Agent"] = noAgent
	}
	return header
}

// trailersAhead names the headers that the body says it will end with.
func (f *forward) trailersAhead() http.Header {
	var ahead http.Header
	for name := range f.in.Trailer {
		if f.proxy.passes(name) {
			if ahead == nil {
				ahead = http.Header{}
			}
			ahead[name] = nil
		}
	}
	return ahead
}

// dropNamed removes the headers that Connection says are of the connection alone (RFC
// 9110, 7.6.1).
func dropNamed(header http.Header, connection []string) {
	for _, list := range connection {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.TrimString(name)
			switch {
			case name == "", strings.EqualFold(name, "keep-alive"), strings.EqualFold(name, "close"), strings.EqualFold(name, "upgrade"):
			default:
				delete(header, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
}
