package tracing

import (
	"context"
	"time"
)

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

type spanKey struct{}

// With gives a context whose work belongs to a span.
func With(ctx context.Context, span Span) context.Context {
	return context.WithValue(ctx, spanKey{}, span)
}

// Of is the span that a context belongs to, nil where nothing is recorded.
func Of(ctx context.Context) Span {
	span, _ := ctx.Value(spanKey{}).(Span)
	return span
}
