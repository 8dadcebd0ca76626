package edgehive

import (
	"encoding/json"
	"errors"
	"io"
)

// ErrClosed is given by writes of an answer that nobody listens to any more, or that
// is larger than its limit.
var ErrClosed = errors.New("the answer takes no more")

// Answer is what a function answers. It is an io.Writer: what is written becomes the
// body as a whole, unless Flush makes it a stream.
type Answer struct {
	status  int
	headers map[string][]string
	begun   bool
}

var _ io.Writer = (*Answer)(nil)

// Status sets the status, 200 where it is not called.
func (a *Answer) Status(status int) { a.status = status }

// Set sets a header, in place of what was set of it before.
func (a *Answer) Set(name, value string) {
	a.prepare()
	a.headers[name] = []string{value}
}

// Add adds a value to a header.
func (a *Answer) Add(name, value string) {
	a.prepare()
	a.headers[name] = append(a.headers[name], value)
}

func (a *Answer) prepare() {
	if a.headers == nil {
		a.headers = map[string][]string{}
	}
}

// answerHead is what the host is told of an answer before its body.
type answerHead struct {
	Status  int                 `json:"status,omitempty"`
	Headers map[string][]string `json:"headers,omitempty"`
}

// begin tells the host the status and the headers, once. A head that is refused may be
// set anew.
func (a *Answer) begin() error {
	if a.begun || (a.status == 0 && a.headers == nil) {
		a.begun = true
		return nil
	}
	head, err := json.Marshal(answerHead{a.status, a.headers})
	if err != nil {
		return err
	}
	if outputHead(address(head), uint32(len(head))) != 0 {
		fault := &Fault{}
		if err := json.Unmarshal(result(0), fault); err != nil {
			fault.Message = "the answer's head was refused"
		}
		return fault
	}
	a.begun = true
	return nil
}

// Write appends to the body. The status and the headers are final from then on.
func (a *Answer) Write(p []byte) (int, error) {
	if err := a.begin(); err != nil {
		return 0, err
	}
	if len(p) > 0 && outputWrite(address(p), uint32(len(p))) != 0 {
		return 0, ErrClosed
	}
	return len(p), nil
}

// Flush sends what was written: from here on the answer is a stream.
func (a *Answer) Flush() error {
	if err := a.begin(); err != nil {
		return err
	}
	if outputFlush() != 0 {
		return ErrClosed
	}
	return nil
}

// Text answers with text.
func (a *Answer) Text(status int, text string) error {
	return a.Bytes(status, "text/plain; charset=utf-8", []byte(text))
}

// JSON answers with a value as JSON.
func (a *Answer) JSON(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return a.Bytes(status, "application/json", body)
}

// Bytes answers with a body of a type.
func (a *Answer) Bytes(status int, contentType string, body []byte) error {
	a.Status(status)
	a.Set("Content-Type", contentType)
	_, err := a.Write(body)
	return err
}
