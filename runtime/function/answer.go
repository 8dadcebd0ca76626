package function

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// answer collects what a guest answers. Until it flushes, nothing of it has gone
// anywhere: a guest that fails leaves nothing half-answered.
type answer struct {
	running *running
	to      Answer
	limit   int64
	written int64
	status  int
	header  http.Header
	body    *[]byte // pooled
	begun   bool    // the head has gone out
	gone    bool    // nobody listens any more
	over    bool    // it was larger than its limit
}

const (
	maxHead    = 64 << 10
	maxHeaders = 128
	// kept is what a pooled buffer may have grown to.
	kept = 1 << 20
)

var bodies = sync.Pool{New: func() any { return new([]byte) }}

func newAnswer(r *running, to Answer) *answer {
	a := &r.instance.answer
	*a = answer{running: r, to: to, limit: r.function.definition.Limits.Answer}
	return a
}

// release forgets the answer.
func (a *answer) release() {
	if a.body != nil && cap(*a.body) <= kept {
		clear(*a.body)
		*a.body = (*a.body)[:0]
		bodies.Put(a.body)
	}
	*a = answer{}
}

// write appends to the body.
func (a *answer) write(p []byte) bool {
	if a == nil || a.gone || a.over {
		return false
	}
	if a.written += int64(len(p)); a.written > a.limit {
		a.over = true
		return false
	}
	if a.body == nil {
		a.body = bodies.Get().(*[]byte)
	}
	*a.body = append(*a.body, p...)
	return true
}

// flush sends what was written.
func (a *answer) flush() bool {
	if a == nil || a.gone || a.over {
		return false
	}
	if !a.send() || a.to.Flush() != nil {
		a.gone = true
		return false
	}
	a.running.check()
	return true
}

// send hands over what is collected.
func (a *answer) send() bool {
	var body []byte
	if a.body != nil {
		body = *a.body
	}
	if !a.begun {
		a.begun = true
		if a.to.Head(a.head(body)) != nil {
			return false
		}
	}
	if len(body) == 0 {
		return true
	}
	_, err := a.to.Write(body)
	*a.body = body[:0]
	return err == nil
}

// head is the status and the headers, with what the guest left out.
func (a *answer) head(body []byte) (int, http.Header) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.header == nil {
		a.header = make(http.Header, 1)
	}
	if len(body) > 0 && len(a.header["Content-Type"]) == 0 {
		a.header["Content-Type"] = contentType(body)
	}
	return a.status, a.header
}

var (
	typeJSON  = []string{"application/json"}
	typeText  = []string{"text/plain; charset=utf-8"}
	typeBytes = []string{"application/octet-stream"}
)

// contentType says what a body looks like. HTML is text here: nobody's browser
// is to run what a function did not call a page.
func contentType(body []byte) []string {
	if first := body[0]; (first == '{' || first == '[') && json.Valid(body) {
		return typeJSON
	}
	if utf8.Valid(body) && !strings.ContainsRune(string(body[:min(len(body), 512)]), 0) {
		return typeText
	}
	return typeBytes
}

// setHead takes the head as a guest writes it.
func (a *answer) setHead(text []byte) *fault.Fault {
	if a == nil || a.begun {
		return errBegun
	}
	if len(text) > maxHead {
		return fault.Newf(CodeOperation, "the head of an answer has at most %d bytes", maxHead)
	}
	if status, header, ok := plainHead(text); ok {
		return a.take(status, header)
	}
	return a.setAnyHead(text)
}

// setAnyHead takes a head that is not of the plainest kind.
func (a *answer) setAnyHead(text []byte) *fault.Fault {
	var said struct {
		Status  *int                       `json:"status"`
		Headers map[string]json.RawMessage `json:"headers"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return fault.New(CodeOperation, `the head of an answer is JSON: {"status": 200, "headers": {"Content-Type": "text/plain"}}`).WithDetails(err.Error())
	}
	status := http.StatusOK
	if said.Status != nil {
		status = *said.Status
	}
	header := make(http.Header, len(said.Headers)+1)
	for name, raw := range said.Headers {
		var values []string
		var one string
		if json.Unmarshal(raw, &one) == nil {
			values = []string{one}
		} else if json.Unmarshal(raw, &values) != nil {
			return fault.Newf(CodeOperation, "header %.63q is a text, or a list of texts", name)
		}
		for _, value := range values {
			if f := addHeader(header, name, value); f != nil {
				return f
			}
		}
	}
	return a.take(status, header)
}

// take sets the head.
func (a *answer) take(status int, header http.Header) *fault.Fault {
	if a.begun {
		return errBegun
	}
	if status < 200 || status > 599 {
		return fault.Newf(CodeOperation, "%d is no status of an answer: 200 to 599 are", status)
	}
	a.status, a.header = status, header
	return nil
}

var errBegun = fault.New(CodeOperation, "the answer has begun: its head cannot be changed any more")

// addHeader adds a header that a function may set. What frames the answer is the
// server's business.
func addHeader(header http.Header, name, value string) *fault.Fault {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fault.Newf(CodeOperation, "%.63q is no name of a header", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fault.Newf(CodeOperation, "header %.63q has a value that headers cannot have", name)
	case framing[canonical]:
		return fault.Newf(CodeOperation, "header %s is the server's to set", canonical)
	case len(header) >= maxHeaders || len(header[canonical]) >= maxHeaders:
		return fault.Newf(CodeOperation, "an answer has at most %d headers", maxHeaders)
	}
	header[canonical] = append(header[canonical], value)
	return nil
}

var framing = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}
