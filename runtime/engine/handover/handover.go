// Package handover is what the process that serves and the one that shall follow
// it say to each other, while an upgrade goes on: which sockets there are, that
// the next one is prepared, that it may go, that it is ready, or why it failed.
// It starts and ends the process, and decides nothing.
//
// The next process is started with the same arguments, environment and folder. It
// has a pipe to listen to, one to speak to, the log, and the sockets, as open files
// from 3 on, and a variable that says so.
package handover

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Protocol is the version of what is said. Binaries of different ones cannot
// follow each other, and say so.
const Protocol = 1

// Variable is how a process learns that it is to follow another.
const Variable = "EDGEHIVE_UPGRADE"

// The files that the next process has open, besides the standard ones.
const (
	commandsFile = 3 + iota
	answersFile
	logFile
	firstHanded
)

// opening is the content of the variable.
type opening struct {
	Protocol int             `json:"protocol"`
	Handed   int             `json:"handed"` // files, from firstHanded on
	Note     json.RawMessage `json:"note,omitempty"`
}

// The messages.
const (
	saysPrepared = "prepared" // what can be done beside the one before is done
	saysGo       = "go"       // the one before has let go of everything
	saysReady    = "ready"    // it serves
	saysFailed   = "failed"
)

// message is a line of JSON. Failures are read across versions of the protocol:
// their members stay as they are.
type message struct {
	Says string `json:"says"`
	PID  int    `json:"pid,omitempty"` // of who says that it is ready
	*Failure
}

// Failure is why a process cannot follow.
type Failure struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Report is the faults of its manifest, as the engine writes them.
	Report json.RawMessage `json:"report,omitempty"`
}

func (f *Failure) Error() string { return f.Message }

// maxMessage bounds a line.
const maxMessage = 8 << 20

// errTooLong refuses a line that is longer.
var errTooLong = errors.New("a message is too long")

func write(w io.Writer, m message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("say %q: %w", m.Says, err)
	}
	return nil
}

// read gives the next message.
func read(r *bufio.Reader) (message, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return message{}, err
		}
		if len(line) > maxMessage {
			return message{}, errTooLong
		}
	}
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, fmt.Errorf("a message cannot be read: %w", err)
	}
	if m.Says == saysFailed && m.Failure == nil {
		m.Failure = &Failure{Message: "it did not say why"}
	}
	return m, nil
}
