package web

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Trace is a W3C trace context (https://www.w3.org/TR/trace-context): which trace a
// request belongs to, and what in it asks. The zero value is none.
type Trace struct {
	ID     [16]byte
	Parent [8]byte
	Flags  byte
	// State is the tracestate that comes with it, handed on as it is.
	State string
}

// Sampled is the flag that says that the caller records the trace.
const Sampled = 1

// Valid reports whether it is a trace at all.
func (t *Trace) Valid() bool { return t.ID != [16]byte{} && t.Parent != [8]byte{} }

// TraceID is the trace's id as it is written.
func (t *Trace) TraceID() string { return hex.EncodeToString(t.ID[:]) }

// String is the traceparent.
func (t *Trace) String() string {
	var text [55]byte
	copy(text[:], "00-")
	hex.Encode(text[3:35], t.ID[:])
	text[35] = '-'
	hex.Encode(text[36:52], t.Parent[:])
	text[52] = '-'
	hex.Encode(text[53:55], []byte{t.Flags})
	return string(text[:])
}

// ParseTraceparent reads a traceparent strictly. Of versions to come it takes what
// is said today.
func ParseTraceparent(s string) (Trace, bool) {
	var t Trace
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || !lowerHex(s[:2]) || s[:2] == "ff" {
		return Trace{}, false
	}
	if len(s) > 55 && (s[:2] == "00" || s[55] != '-') {
		return Trace{}, false
	}
	if !lowerHex(s[3:35]) || !lowerHex(s[36:52]) || !lowerHex(s[53:55]) {
		return Trace{}, false
	}
	var flags [1]byte
	_, err1 := hex.Decode(t.ID[:], []byte(s[3:35]))
	_, err2 := hex.Decode(t.Parent[:], []byte(s[36:52]))
	_, err3 := hex.Decode(flags[:], []byte(s[53:55]))
	if errors.Join(err1, err2, err3) != nil || !t.Valid() {
		return Trace{}, false
	}
	t.Flags = flags[0]
	if s[:2] != "00" {
		t.Flags &= Sampled
	}
	return t, true
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

const (
	maxTraceState   = 512 // bytes, all of it
	maxTraceMembers = 32
)

// ParseTracestate joins tracestate headers, "" for what is not well formed: then it
// is not handed on.
func ParseTracestate(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	joined := strings.Join(headers, ",")
	if len(joined) > maxTraceState {
		return ""
	}
	var members [maxTraceMembers]string
	n := 0
	for member := range strings.SplitSeq(joined, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		if !found || n == maxTraceMembers || !traceKey(key) || !traceValue(value) {
			return ""
		}
		for _, other := range members[:n] {
			if name, _, _ := strings.Cut(other, "="); name == key {
				return ""
			}
		}
		members[n] = member
		n++
	}
	return strings.Join(members[:n], ",")
}

// traceKey judges a vendor's name: of lower case letters, digits, _ - * and /, with
// a tenant before an @ at most.
func traceKey(key string) bool {
	tenant, system, found := strings.Cut(key, "@")
	if found {
		return len(tenant) <= 241 && len(system) <= 14 && traceName(tenant, true) && traceName(system, false)
	}
	return len(key) <= 256 && traceName(key, false)
}

func traceName(s string, digitFirst bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z':
		case c >= '0' && c <= '9':
			if i == 0 && !digitFirst {
				return false
			}
		case i > 0 && (c == '_' || c == '-' || c == '*' || c == '/'):
		default:
			return false
		}
	}
	return s != ""
}

func traceValue(value string) bool {
	if value == "" || len(value) > 256 || value[len(value)-1] == ' ' {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == ',' || c == '=' {
			return false
		}
	}
	return true
}

// Tracer records what requests do, as traces. Implementations are safe for
// concurrent use, and no request ever waits for them.
type Tracer interface {
	// Start begins the span of a request in a caller's trace, or, where that is none,
	// in a new one.
	Start(from Trace, began time.Time) Span
}

// Kind is what a span is about.
type Kind int

// The kinds of spans below a request's.
const (
	SpanInternal Kind = iota // work of our own
	SpanClient               // a request to somebody else
)

// Span is a piece of work in a trace. It is for one goroutine at a time, but for
// Child.
type Span interface {
	// Trace is what those are told who are asked on its behalf.
	Trace() Trace
	// Recorded reports whether it is kept; of others attributes are of no use.
	Recorded() bool
	Child(kind Kind, name string) Span
	Rename(name string)
	Text(key, value string)
	Number(key string, value int64)
	// End ends it; failure says what kind of failure it was, "" that it went well.
	End(failure string)
}

// startTrace finds the trace of a request, or begins one. What the request hands on
// names the span that is ours.
func (h *Handler) startTrace(x *exchange, r *http.Request) *http.Request {
	var from Trace
	if sent := r.Header["Traceparent"]; len(sent) > 0 {
		ok := len(sent) == 1
		if ok {
			from, ok = ParseTraceparent(sent[0])
		}
		if ok {
			from.State = ParseTracestate(r.Header["Tracestate"])
		} else {
			from = Trace{}
			delete(r.Header, "Traceparent")
		}
	}
	if from.State == "" && len(r.Header["Tracestate"]) > 0 {
		delete(r.Header, "Tracestate")
	}
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
	carryTrace(r.Header, own)
	if !x.span.Recorded() {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), spanKey{}, x.span))
}

// traceparent is what functions are told of the trace, "" where there is none.
func (x *exchange) traceparent() string {
	if x.trace == nil {
		return ""
	}
	return x.trace.String()
}

// carryTrace writes a trace into the headers of a request.
func carryTrace(header http.Header, t Trace) {
	header["Traceparent"] = []string{t.String()}
	if t.State != "" {
		header["Tracestate"] = []string{t.State}
	}
}

type spanKey struct{}

// spanOf is the span that a context belongs to, nil where nothing is recorded.
func spanOf(ctx context.Context) Span {
	span, _ := ctx.Value(spanKey{}).(Span)
	return span
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
