package engine

import (
	"errors"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// toldFault is a fault as the running server tells it to a command.
type toldFault struct{ Code, Message, Details, Hint string }

// told is what is told of a fault; nil where the error is none.
func told(err error) *toldFault {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code == fault.CodeInternal {
		return nil
	}
	return &toldFault{f.Code, f.Message, f.Details, f.Hint}
}

// err is the fault as it was; nil for none.
func (f *toldFault) err() error {
	if f == nil {
		return nil
	}
	return fault.New(f.Code, f.Message).WithDetails(f.Details).WithHint(f.Hint)
}
