// Package tracing is what requests know of traces: the W3C trace context that callers
// send and servers are sent, strictly read, and the small interfaces of what records
// them. The router and who it calls write to a Span; observe/trace is what keeps
// them. It records nothing itself, and takes no attribute from a request.
package tracing

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
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

// Take reads the trace that a request's headers say it belongs to, the zero value
// for none. What is not well formed is taken out of them, so that nobody behind us
// reads it in another way.
func Take(header http.Header) Trace {
	var from Trace
	if sent := header["Traceparent"]; len(sent) > 0 {
		ok := len(sent) == 1
		if ok {
			from, ok = ParseTraceparent(sent[0])
		}
		if ok {
			from.State = ParseTracestate(header["Tracestate"])
		} else {
			from = Trace{}
			delete(header, "Traceparent")
		}
	}
	if from.State == "" && len(header["Tracestate"]) > 0 {
		delete(header, "Tracestate")
	}
	return from
}

// Put writes the trace into the headers of a request.
func (t *Trace) Put(header http.Header) {
	header["Traceparent"] = []string{t.String()}
	if t.State != "" {
		header["Tracestate"] = []string{t.State}
	}
}
