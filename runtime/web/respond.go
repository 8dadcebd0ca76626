package web

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// respond answers fixed bytes.
type respond struct {
	status int
	header http.Header
	body   []byte

	codings cache.Codings
}

// framing are the headers that net/http alone may set.
var framing = []string{"Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade", "Keep-Alive"}

func newRespond(t *route) (*respond, error) {
	declared := t.declared.Respond
	a := &respond{status: declared.Status, header: make(http.Header, len(declared.Headers)+1), body: []byte(declared.Body)}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	for name, value := range declared.Headers {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || slices.Contains(framing, key) {
			return nil, t.fault("bad-header", "header "+strconv.Quote(name)+" cannot be set")
		}
		a.header[key] = []string{value}
	}
	if _, ok := a.header["Content-Type"]; !ok && len(a.body) > 0 {
		a.header["Content-Type"] = typePlain
	}
	if bodyless(a.status) {
		a.body = nil
		return a, nil
	}
	a.header["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	return a, nil
}

// bodyless reports whether answers of a status have no body.
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

func (a *respond) answer(x *exchange, r *http.Request) {
	for key, values := range a.header {
		x.header[key] = values
	}
	body := a.body
	if x.compress != nil {
		var length int
		if body, length = x.encodeBody(a.status, body, &a.codings, len(body)); length < 0 {
			delete(x.header, "Content-Length")
		} else if length != len(a.body) {
			x.set("Content-Length", strconv.Itoa(length))
		}
	}
	x.WriteHeader(a.status)
	if r.Method != http.MethodHead && len(body) > 0 {
		// A client that is gone is noticed by net/http.
		_, _ = x.Write(body)
	}
}

// redirect answers a Location: fixed text, with path parameters between, and the
// request's query where the text has none.
type redirect struct {
	status int
	parts  []redirectPart
	asked  bool // the text has a query of its own, or a fragment, which ends it
}

// redirectPart is fixed text, then a path parameter ("" for none).
type redirectPart struct{ text, param string }

// newRedirect parses the target. Parameters, {name} and {*} for the wildcard,
// stand after the host only, so that no request chooses where it is sent.
func newRedirect(t *route) (*redirect, error) {
	declared := t.declared.Redirect
	a := &redirect{status: declared.Status, asked: strings.ContainsAny(declared.To, "?#")}
	if a.status == 0 {
		a.status = http.StatusPermanentRedirect
	}
	rest := declared.To
	fixed := rest
	if i := strings.IndexByte(rest, '{'); i >= 0 {
		fixed = rest[:i]
	}
	if !redirectBase(fixed, fixed == rest) {
		return nil, t.fault("bad-redirect", "the target must be a path, or an http(s) address whose host is fixed")
	}
	for rest != "" {
		text, tail, found := strings.Cut(rest, "{")
		part := redirectPart{text: text}
		if found {
			name, after, closed := strings.Cut(tail, "}")
			if !closed || !strings.Contains(t.declared.URLPath, param(name)) {
				return nil, t.fault("bad-redirect", "the route's path has no parameter "+strconv.Quote(name))
			}
			part.param, tail = name, after
		}
		a.parts = append(a.parts, part)
		rest = tail
	}
	return a, nil
}

// param is a parameter as the route's path spells it.
func param(name string) string {
	if name == "*" {
		return "*"
	}
	return "{" + name + "}"
}

// redirectBase judges the fixed beginning of a target; whole says that nothing
// follows it.
func redirectBase(base string, whole bool) bool {
	if strings.ContainsAny(base, "\\\r\n\t ") {
		return false
	}
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	if u.Scheme == "" {
		return u.Host == "" && strings.HasPrefix(base, "/") && !strings.HasPrefix(base, "//")
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && (whole || u.Path != "")
}

func (a *redirect) answer(x *exchange, r *http.Request) {
	if len(a.parts) == 1 && a.parts[0].param == "" && (a.asked || r.URL.RawQuery == "") {
		x.set("Location", a.parts[0].text)
	} else {
		x.set("Location", a.target(r))
	}
	x.header["Content-Length"] = zero
	x.WriteHeader(a.status)
}

// target fills the parameters in, escaped so that each stays one segment.
func (a *redirect) target(r *http.Request) string {
	var b strings.Builder
	for _, part := range a.parts {
		b.WriteString(part.text)
		switch part.param {
		case "":
		case "*":
			for i, segment := range strings.Split(r.PathValue("*"), "/") {
				if i > 0 {
					b.WriteByte('/')
				}
				b.WriteString(url.PathEscape(segment))
			}
		default:
			b.WriteString(url.PathEscape(r.PathValue(part.param)))
		}
	}
	if !a.asked && r.URL.RawQuery != "" && httpguts.ValidHeaderFieldValue(r.URL.RawQuery) {
		b.WriteByte('?')
		b.WriteString(r.URL.RawQuery)
	}
	return b.String()
}

var zero = []string{"0"}
