package edgehive

import (
	"encoding/json"
	"net/url"
	"strings"
)

// The kinds of events.
const (
	KindRequest  = "request"
	KindChange   = "change"
	KindSchedule = "schedule"
	KindCall     = "call"
)

// Event is what a function is called for.
type Event struct {
	Kind     string `json:"kind"`
	ID       string `json:"id"`       // of the request, as in the logs
	Function string `json:"function"` // this one's name
	Depth    int    `json:"depth"`    // how many functions led to this call
	Trace    string `json:"trace"`    // W3C traceparent
	Caller   Caller `json:"caller"`

	// One of these is set, as Kind says.
	Request  *Request  `json:"request"`
	Change   *Change   `json:"change"`
	Schedule *Schedule `json:"schedule"`
	Call     *Call     `json:"call"`

	body []byte
	read bool
}

// Body gives what was sent: the request's body, or what another function sent.
func (e *Event) Body() []byte {
	if !e.read {
		e.body, e.read = input(1), true
	}
	return e.body
}

// JSON decodes the body.
func (e *Event) JSON(into any) error { return json.Unmarshal(e.Body(), into) }

// Caller is who calls.
type Caller struct {
	Role   string                     `json:"role"`
	UID    string                     `json:"uid"`
	Email  string                     `json:"email"`
	Claims map[string]json.RawMessage `json:"claims"`
}

// Claim decodes a claim, and says whether the caller has it.
func (c *Caller) Claim(name string, into any) bool {
	value, found := c.Claims[name]
	return found && json.Unmarshal(value, into) == nil
}

// Request is an HTTP request.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Route   string            `json:"route"`  // the declared pattern, "" for /api/edge/NAME
	Params  map[string]string `json:"params"` // of the route
	Query   string            `json:"query"`  // as it was sent
	Headers Headers           `json:"headers"`
}

// Values are the parameters of the query, decoded. What cannot be decoded is left out.
func (r *Request) Values() url.Values {
	values, _ := url.ParseQuery(r.Query)
	return values
}

// Headers are those of a request, or of what was fetched, by names in lower case.
type Headers map[string][]string

// Get gives the first value of a header, or "".
func (h Headers) Get(name string) string {
	if values := h[strings.ToLower(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Change is a row that was written. The same one may come again, with the same
// Cursor: what is done for it must bear that.
type Change struct {
	Table  string          `json:"table"`
	Op     string          `json:"op"` // create, update or delete
	Cursor string          `json:"cursor"`
	Row    json.RawMessage `json:"row"` // null of a delete
	Old    json.RawMessage `json:"old"` // null of a create
}

// Schedule is a time that came.
type Schedule struct {
	Cron string `json:"cron"`
	Due  string `json:"due"` // RFC 3339
}

// Call is another function's call.
type Call struct {
	Function string `json:"function"`
}
