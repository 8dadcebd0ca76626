package function

import (
	"context"
	"errors"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Set is the functions of one generation, by name. It does not change: a reload
// makes another, and closes this one when its calls have ended.
type Set struct {
	functions map[string]*Function
}

var _ Caller = (*Set)(nil)

// NewSet makes a set of functions that were loaded for it: what they call by name
// are its own. A function belongs to one set.
func NewSet(functions ...*Function) *Set {
	s := &Set{functions: make(map[string]*Function, len(functions))}
	for _, f := range functions {
		s.functions[f.definition.Name] = f
		f.functions = s
	}
	return s
}

// Call runs a function by its name.
func (s *Set) Call(ctx context.Context, name string, e *Event, answer Answer) error {
	f := s.functions[name]
	if f == nil {
		return fault.Newf(CodeUnknown, "there is no function %.63q", name)
	}
	return f.Call(ctx, e, answer)
}

// Function gives a function by its name, nil where there is none.
func (s *Set) Function(name string) *Function { return s.functions[name] }

// Close closes all of them, each when its calls have ended.
func (s *Set) Close(ctx context.Context) error {
	errs := make([]error, 0, len(s.functions))
	for _, f := range s.functions {
		errs = append(errs, f.Close(ctx))
	}
	return errors.Join(errs...)
}
