//go:build unix

package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// Before is the process before this one.
type Before struct {
	// Files were handed on, and Note says what they are.
	Files []*os.File
	Note  json.RawMessage

	commands, answers, log *os.File
	heard                  chan heard
	ended                  sync.Once
}

// FromEnvironment is the process that this one is to follow, nil where there is
// none. The variable is removed. The error of another protocol is said to both
// sides.
func FromEnvironment() (*Before, error) {
	text := os.Getenv(Variable)
	if text == "" {
		return nil, nil
	}
	if err := os.Unsetenv(Variable); err != nil {
		return nil, err
	}
	var o opening
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", Variable, err)
	}
	// What this process writes goes to the one before, until Ready: should that one be
	// killed meanwhile, this one must not end with it.
	signal.Ignore(unix.SIGPIPE)
	b := &Before{Note: o.Note, heard: make(chan heard, 1)}
	open := func(fd int, name string) *os.File {
		unix.CloseOnExec(fd)
		return os.NewFile(uintptr(fd), name)
	}
	// One that waits for commands can be woken by closing it.
	if err := unix.SetNonblock(commandsFile, true); err != nil {
		return nil, fmt.Errorf("%s is set, and there is no process before: %w", Variable, err)
	}
	b.commands, b.answers, b.log = open(commandsFile, "commands"), open(answersFile, "answers"), open(logFile, "log")
	if o.Protocol != Protocol {
		err := &Failure{
			Message: fmt.Sprintf("the program that runs speaks version %d of the protocol of upgrades, and the new one version %d", o.Protocol, Protocol),
			Hint:    "stop the server and start the new program",
		}
		return nil, errors.Join(err, b.Failed(err))
	}
	for i := range o.Handed {
		b.Files = append(b.Files, open(firstHanded+i, "socket"))
	}
	return b, nil
}

// Prepared says that this process is prepared, and waits until it may go. It ends
// with an error where the process before has ended, or wants no more.
func (b *Before) Prepared(ctx context.Context) error {
	if err := write(b.answers, message{Says: saysPrepared}); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m, err := read(bufio.NewReader(b.commands))
		b.heard <- heard{m, err}
	}()
	select {
	case <-ctx.Done():
		_ = b.commands.Close() // wakes the reader
		<-done
		return ctx.Err()
	case h := <-b.heard:
		<-done
		switch {
		case h.err != nil:
			return fmt.Errorf("the process before has ended: %w", h.err)
		case h.message.Says != saysGo:
			return fmt.Errorf("the process before says %q, and was to say %q", h.message.Says, saysGo)
		}
		return nil
	}
}

// Ready says that this process serves. Its standard error is the log from now on.
func (b *Before) Ready() error {
	if err := unix.Dup2(int(b.log.Fd()), 2); err != nil {
		return os.NewSyscallError("dup2", err)
	}
	signal.Reset(unix.SIGPIPE)
	err := write(b.answers, message{Says: saysReady, PID: os.Getpid()})
	return errors.Join(err, b.close())
}

// Failed says why this process cannot follow. Of several, the first is said.
func (b *Before) Failed(why *Failure) error {
	var err error
	b.ended.Do(func() {
		err = errors.Join(write(b.answers, message{Says: saysFailed, Failure: why}), b.closeFiles())
	})
	return err
}

func (b *Before) close() error {
	var err error
	b.ended.Do(func() { err = b.closeFiles() })
	return err
}

func (b *Before) closeFiles() error {
	return errors.Join(b.commands.Close(), b.answers.Close(), b.log.Close())
}
