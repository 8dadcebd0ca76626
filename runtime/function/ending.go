package function

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// What ends calls. None of it tells what the guest is like inside.
var (
	errPointer    = fault.New(CodeFailed, "the function failed").WithCause(errors.New("it gave its host a range that is not within its memory"))
	errStack      = fault.New(CodeFailed, "the function failed").WithCause(errors.New("its stack overflowed"))
	errMemory     = fault.New(CodeMemory, "the function needed more memory than its limit")
	errAnswer     = fault.New(CodeAnswer, "the function answered more than its limit")
	errOperations = fault.New(CodeBudget, "the call has done as many operations as it may")
	errStatements = fault.New(CodeBudget, "the call has done as many statements as it may")
	errFetches    = fault.New(CodeBudget, "the call has done as many fetches as it may")
	errEarly      = fault.New(CodeOperation, "operations are for calls: what runs when an instance is made acts for nobody")
	errDepth      = fault.Newf(CodeDepth, "more than %d functions followed from one another", MaxDepth)
	errFailed     = fault.New(CodeFailed, "the function failed")
)

func errTimeout(f *Function) *fault.Fault {
	return fault.Newf(CodeTimeout, "the function did not end within %s", f.definition.Limits.Timeout)
}

// errCanceled is a caller that has gone, or has no more time.
func errCanceled(ctx context.Context) *fault.Fault {
	return fault.New(CodeTimeout, "the function's caller did not wait for its end").WithCause(context.Cause(ctx))
}

// failed makes of what ended a guest what its caller is told. The guest's own
// words and its stack stay in the cause.
func (r *running) failed(err error) *fault.Fault {
	var ended *ending
	if errors.As(err, &ended) && ended.fault != nil {
		f := ended.fault
		if f == errPointer || f == errStack {
			return f.WithCause(joinCause(f.Cause, err))
		}
		return f
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(r.deadline):
		return errTimeout(r.function)
	case r.caller.Err() != nil:
		return errCanceled(r.caller)
	}
	if r.instance != nil && r.instance.memory.refused {
		return errMemory.WithCause(err)
	}
	return errFailed.WithCause(err)
}

// joinCause keeps the stack, which wazero writes after the text.
func joinCause(cause, err error) error {
	_, stack, ok := strings.Cut(err.Error(), "wasm stack trace:")
	if !ok {
		return cause
	}
	return errors.New(cause.Error() + "\nwasm stack trace:" + stack)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// errStatus is a guest that says itself that it failed.
func errStatus(status int32) error { return fmt.Errorf("it gave %d", status) }
