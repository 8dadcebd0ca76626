package rpc

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrUnavailable is in every error of a request that got no answer because
	// the server cannot be reached, or was lost on the way.
	ErrUnavailable = errors.New("the SurrealDB server cannot be reached")
	// ErrUnknownOutcome is in the error of a request that the server has or may
	// have received and did not answer: it may have been done or not, so what
	// writes must not be sent again unseen. A request whose error does not hold it
	// was not done.
	ErrUnknownOutcome = errors.New("it is not known whether the request was done")
	// ErrOverloaded is in the error of a request that was refused because too many
	// wait already, here or on the server. It was not done.
	ErrOverloaded = errors.New("too many requests wait for the SurrealDB server")
	// ErrTooLarge is in the error of a request larger than a server takes.
	ErrTooLarge = fmt.Errorf("a request to SurrealDB may have %d MiB at most", maxRequest>>20)
	// ErrClosed is in the error of every request after Close.
	ErrClosed = errors.New("the connections to SurrealDB are closed")
	// ErrUnsupported is in the error of Dial for a server of another version.
	ErrUnsupported = errors.New("this version of SurrealDB is not supported")
)

// UnavailableError says why a request got no answer. It is an ErrUnavailable,
// and where it was sent an ErrUnknownOutcome.
type UnavailableError struct {
	// Address is the server's, HOST:PORT.
	Address string
	// Sent is false where it is known that the server has not seen the request.
	Sent bool
	// Cause is why.
	Cause error
}

func (e *UnavailableError) Error() string {
	text := "SurrealDB at " + e.Address + " cannot be reached: " + e.Cause.Error()
	if e.Sent {
		return text + "; " + ErrUnknownOutcome.Error()
	}
	return text
}

// Is implements the package's errors.
func (e *UnavailableError) Is(target error) bool {
	return target == ErrUnavailable || e.Sent && target == ErrUnknownOutcome
}

// Unwrap gives the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// WholeText is the Statement of an error that is of no single statement.
const WholeText = -1

// StatementError is the error of one statement of a text, or of the whole text.
type StatementError struct {
	// Statement is its number, from 0; WholeText where the text was not run at all,
	// since it is no SurrealQL for example.
	Statement int
	// Kind is the server's word for what kind of error it is: "Thrown",
	// "AlreadyExists", "Query", "Validation", "NotAllowed", "Internal", ...
	Kind string
	// Message is the server's; of a Thrown one, what was thrown.
	Message string
	// Details are what more the server says, for a wire.Reader, or nil.
	Details []byte
}

func (e *StatementError) Error() string { return e.Kind + ": " + e.Message }

// stopped is the error of a request whose context ended.
func stopped(ctx context.Context, sent bool) error {
	if sent {
		return fmt.Errorf("%w: %w", context.Cause(ctx), ErrUnknownOutcome)
	}
	return context.Cause(ctx)
}
