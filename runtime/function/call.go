package function

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

// The kinds of events.
const (
	KindRequest  = "request"
	KindChange   = "change"
	KindSchedule = "schedule"
	KindCall     = "call"
)

// MaxDepth is how many functions may follow from one another: by calls, and by
// changes of rows that a function made. The next is refused.
const MaxDepth = 8

// Event is what a function is called for. It must not change during the call.
type Event struct {
	Kind   string
	ID     string // of the request, for logs; "" makes one
	Trace  string // W3C traceparent, "" for none
	Depth  int    // 0 where no function led to it
	Caller *auth.Caller
	// Request is set of KindRequest.
	Request *Request
	// Detail is the member named after the kind, of the others: JSON.
	Detail json.RawMessage
	Body   []byte
}

// Request is the HTTP request of an event.
type Request struct {
	Method string
	Path   string            // as the function sees it
	Route  string            // the declared pattern, "" for the built-in path
	Params map[string]string // of the route
	Query  string            // raw
	// Host is the header of this name, which net/http keeps apart.
	Host   string
	Header http.Header
}

// Answer takes what a function answers. Its methods are called by one goroutine,
// before Call returns, and never after an error of theirs.
type Answer interface {
	// Head is called once, before anything is written.
	Head(status int, header http.Header) error
	Write(p []byte) (int, error)
	// Flush sends what was written.
	Flush() error
}

// Caller calls functions: what *Host is to those that call by name.
type Caller interface {
	// Call runs a function for an event. What it answers goes to answer as a whole,
	// or as a stream where the guest flushes. The error is a *fault.Fault with one
	// of this package's codes; where the answer had begun by then, it is cut off.
	Call(ctx context.Context, name string, e *Event, answer Answer) error
}

// Reply is what an operation gives: a head, JSON ("{}" where it is nil), and a
// body. They are the guest's to read until its next operation.
type Reply struct {
	Head []byte
	Body []byte
}

// Class says which budget an operation counts against, beside that of all.
type Class int

// The classes.
const (
	Other Class = iota
	Statement
	Fetch
)

// Operation is something that guests may ask of their host.
type Operation struct {
	Class Class
	// Do carries it out, within ctx; head and body are its own. A *fault.Fault is told to the guest without
	// its cause; of any other error the guest learns that it happened.
	Do func(ctx context.Context, c *Call, head, body []byte) (Reply, error)
}

// Call is a call as operations see it.
type Call struct {
	Definition *Definition
	Event      *Event
	// Acting is who operations act as: the event's caller, or the service role.
	Acting *auth.Caller
	// Functions are those that the function was loaded with, nil where it is alone.
	Functions Caller
}
