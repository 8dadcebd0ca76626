// Package fault is the one error type of the project: a stable code, a text
// that may be shown to anyone, a hint, and a private cause. Every package
// returns it for what a user or a client did wrong; it never logs, and it
// knows no HTTP (web maps codes to statuses).
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Position is a place in a manifest file. Line and Column count from 1, the
// column in bytes. The zero Position is "unknown".
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Known reports whether the position points anywhere.
func (p Position) Known() bool { return p.Line > 0 }

func (p Position) String() string {
	if !p.Known() {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Fault is one thing that is wrong, said to whoever can mend it. Everything
// but Cause may be shown to that person. A Fault is immutable once returned:
// those that are known at build time are shared between requests.
type Fault struct {
	// Code is stable and switched on by clients: "23505", "PGRST116" on the
	// data surface, "unknown-field", "bad-rule" in a manifest.
	Code string
	// Message says what is wrong, in one line.
	Message string
	// Details says what exactly, where the message alone is not enough.
	Details string
	// Hint says how to mend it.
	Hint string
	// Path is the place in the manifest, as CUE writes it
	// (tables.books.columns.title); empty for a request.
	Path string
	// Positions are the places in the manifest's files, the main one first.
	Positions []Position
	// Cause is for the log alone.
	Cause error
}

// New returns a fault with a code and a public message.
func New(code, message string) *Fault { return &Fault{Code: code, Message: message} }

// Newf is New with a format; every argument becomes public.
func Newf(code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Internal wraps an error that nobody outside may read. Its public text is
// fixed.
func Internal(cause error) *Fault {
	return &Fault{Code: CodeInternal, Message: "something went wrong on the server", Hint: "the request id finds the cause in the server's log", Cause: cause}
}

// CodeInternal is the code of every fault that is ours and not the caller's.
const CodeInternal = "XX000"

// WithDetails returns a copy with the details set.
func (f *Fault) WithDetails(details string) *Fault { c := *f; c.Details = details; return &c }

// WithHint returns a copy with the hint set.
func (f *Fault) WithHint(hint string) *Fault { c := *f; c.Hint = hint; return &c }

// WithCause returns a copy with the private cause set.
func (f *Fault) WithCause(cause error) *Fault { c := *f; c.Cause = cause; return &c }

// At returns a copy placed in the manifest.
func (f *Fault) At(path string, positions ...Position) *Fault {
	c := *f
	c.Path, c.Positions = path, positions
	return &c
}

// Error is the text for logs: code, message, and the private cause.
func (f *Fault) Error() string {
	var b strings.Builder
	if len(f.Positions) > 0 && f.Positions[0].Known() {
		b.WriteString(f.Positions[0].String())
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Code != "" {
		b.WriteString(" [" + f.Code + "]")
	}
	if f.Cause != nil {
		b.WriteString(": ")
		b.WriteString(f.Cause.Error())
	}
	return b.String()
}

// Unwrap gives the private cause.
func (f *Fault) Unwrap() error { return f.Cause }

// From finds the fault in an error chain; any other error becomes Internal.
// From(nil) is nil.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return Internal(err)
}

// Is reports whether err carries a fault with this code.
func Is(err error, code string) bool {
	var f *Fault
	return errors.As(err, &f) && f.Code == code
}
