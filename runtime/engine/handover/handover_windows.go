package handover

import (
	"context"
	"encoding/json"
	"errors"
	"os"
)

// Process is not there on Windows.
type Process struct{}

// Start is not there on Windows: sockets are no files.
func Start(string, []string, []*os.File, json.RawMessage, *os.File) (*Process, error) {
	return nil, errors.ErrUnsupported
}

// PID is 0.
func (*Process) PID() int { return 0 }

// Prepared is not there.
func (*Process) Prepared(context.Context) error { return errors.ErrUnsupported }

// Go is not there.
func (*Process) Go(context.Context) error { return errors.ErrUnsupported }

// Crashed is false.
func (*Process) Crashed() bool { return false }

// Ended is false.
func (*Process) Ended() bool { return false }

// Reload is not there.
func (*Process) Reload() error { return errors.ErrUnsupported }

// Release has nothing to do.
func (*Process) Release() error { return nil }

// Kill gives the error.
func (*Process) Kill(why error) error { return why }

// Before is never there on Windows.
type Before struct {
	Files []*os.File
	Note  json.RawMessage
}

// FromEnvironment is nil.
func FromEnvironment() (*Before, error) { return nil, nil }

// Prepared is not there.
func (*Before) Prepared(context.Context) error { return errors.ErrUnsupported }

// Ready is not there.
func (*Before) Ready() error { return errors.ErrUnsupported }

// Failed is not there.
func (*Before) Failed(*Failure) error { return errors.ErrUnsupported }
