package web

import (
	"context"
	"errors"
	"io"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
)

// tracedGate records what is asked of the gate, in requests that are recorded.
// There is one only where a tracer is.
type tracedGate struct{ Gate }

// traced runs a piece of a request in a span of its own.
func traced(ctx context.Context, kind tracing.Kind, operation, target string, do func(tracing.Span) error) error {
	parent := tracing.Of(ctx)
	if parent == nil {
		return do(nil)
	}
	target = printable(target)
	span := parent.Child(kind, operation+" "+target)
	failure := "panic"
	defer func() { span.End(failure) }()
	err := do(span)
	failure = failureOf(err)
	return err
}

// ask is traced for a statement: operation is its word, target what it is about.
func ask(ctx context.Context, operation, target string, do func() error) error {
	return traced(ctx, tracing.SpanInternal, operation, target, func(span tracing.Span) error {
		if span != nil {
			span.Text("db.operation.name", operation)
			span.Text("db.collection.name", printable(target))
		}
		return do()
	})
}

// failureOf is what a span says of an error: its code, nothing of its text. What
// the client is at fault for is no failure of ours.
func failureOf(err error) string {
	var f *fault.Fault
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		if statusOf(f.Code, nil) < 500 {
			return ""
		}
		return f.Code
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return publicFault(err).Code
}

// Select is Gate's.
func (g tracedGate) Select(ctx context.Context, c *auth.Caller, r data.Read) (a data.Answer, err error) {
	err = traced(ctx, tracing.SpanInternal, "select", r.Table, func(span tracing.Span) error {
		a, err = g.Gate.Select(ctx, c, r)
		if span != nil {
			span.Text("db.operation.name", "select")
			span.Text("db.collection.name", printable(r.Table))
			if err == nil {
				span.Text("edgehive.cache", string(a.Status))
				span.Number("db.response.returned_rows", int64(a.Rows))
			}
		}
		return err
	})
	return a, err
}

// Call is Gate's.
func (g tracedGate) Call(ctx context.Context, c *auth.Caller, call data.Call) (a data.Called, err error) {
	err = ask(ctx, "call", call.Query, func() error { a, err = g.Gate.Call(ctx, c, call); return err })
	return a, err
}

// Insert is Gate's.
func (g tracedGate) Insert(ctx context.Context, c *auth.Caller, w data.Write) (a data.Written, err error) {
	err = ask(ctx, "insert", w.Table, func() error { a, err = g.Gate.Insert(ctx, c, w); return err })
	return a, err
}

// Update is Gate's.
func (g tracedGate) Update(ctx context.Context, c *auth.Caller, w data.Write) (a data.Written, err error) {
	err = ask(ctx, "update", w.Table, func() error { a, err = g.Gate.Update(ctx, c, w); return err })
	return a, err
}

// Delete is Gate's.
func (g tracedGate) Delete(ctx context.Context, c *auth.Caller, w data.Write) (a data.Written, err error) {
	err = ask(ctx, "delete", w.Table, func() error { a, err = g.Gate.Delete(ctx, c, w); return err })
	return a, err
}

// Batch is Gate's.
func (g tracedGate) Batch(ctx context.Context, c *auth.Caller, b data.Batch) (a data.Batched, err error) {
	err = ask(ctx, "batch", "", func() error { a, err = g.Gate.Batch(ctx, c, b); return err })
	return a, err
}

// Export is Gate's.
func (g tracedGate) Export(ctx context.Context, c *auth.Caller, e data.Export, w io.Writer) (n int, err error) {
	err = ask(ctx, "export", e.Table, func() error { n, err = g.Gate.Export(ctx, c, e, w); return err })
	return n, err
}

// Import is Gate's.
func (g tracedGate) Import(ctx context.Context, c *auth.Caller, i data.Import) (a data.Imported, err error) {
	err = ask(ctx, "import", i.Table, func() error { a, err = g.Gate.Import(ctx, c, i); return err })
	return a, err
}

// tracedFunctions records calls of functions, and tells them their own span.
type tracedFunctions struct{ function.Caller }

// Call is function.Caller's.
func (f tracedFunctions) Call(ctx context.Context, name string, event *function.Event, answer function.Answer) error {
	return traced(ctx, tracing.SpanInternal, "function", name, func(span tracing.Span) error {
		if span != nil {
			t := span.Trace()
			event.Trace = t.String()
			span.Text("faas.invoked_name", printable(name))
		}
		return f.Caller.Call(ctx, name, event, answer)
	})
}
