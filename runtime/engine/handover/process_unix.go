//go:build unix

package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// Process is one that was started to follow this one. Ready or Kill ends it.
type Process struct {
	cmd      *exec.Cmd
	commands *os.File
	answers  *os.File
	heard    chan heard
	read     sync.WaitGroup
	said     tail
}

// heard is a message, or why none comes any more.
type heard struct {
	message message
	err     error
}

// Start starts a program with arguments, that is given the files and the note. What
// it writes to its standard error goes to the log as well.
func Start(program string, arguments []string, files []*os.File, note json.RawMessage, log *os.File) (_ *Process, err error) {
	text, err := json.Marshal(opening{Protocol: Protocol, Handed: len(files), Note: note})
	if err != nil {
		return nil, err
	}
	var all []*os.File
	defer func() {
		if err != nil {
			for _, f := range all {
				_ = f.Close() // nothing was said
			}
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				all = append(all, r, w)
			}
		}
		return r, w
	}
	commands, toCommands := pipe()
	answers, toAnswers := pipe()
	errorsOf, toErrors := pipe()
	if err != nil {
		return nil, err
	}
	p := &Process{commands: toCommands, answers: answers, heard: make(chan heard, 1)}
	p.cmd = exec.Command(program, arguments...) //nolint:gosec,noctx // the operator names it, and it outlives whoever asked
	p.cmd.Env = append(without(os.Environ(), Variable), Variable+"="+string(text))
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = os.Stdin, os.Stdout, toErrors
	p.cmd.ExtraFiles = append([]*os.File{commands, toAnswers, log}, files...)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	for _, theirs := range []*os.File{commands, toAnswers, toErrors} {
		_ = theirs.Close() // they have it
	}
	p.read.Go(func() {
		_, _ = io.Copy(io.MultiWriter(&p.said, log), errorsOf) // until they have the log themselves, or have ended
		_ = errorsOf.Close()
	})
	p.read.Go(p.listen)
	return p, nil
}

// listen hears what the process says until it has ended, or closes its end.
func (p *Process) listen() {
	defer close(p.heard)
	r := bufio.NewReader(p.answers)
	for {
		m, err := read(r)
		p.heard <- heard{m, err}
		if err != nil || m.Says == saysReady {
			return
		}
	}
}

// PID is the process' id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Prepared waits until the process is prepared. A *Failure says why it is not; the
// process is to be killed then.
func (p *Process) Prepared(ctx context.Context) error { return p.await(ctx, saysPrepared) }

// Go tells the process that everything is let go of, and waits until it serves. From
// then on it is nobody's child. On an error it is to be killed.
func (p *Process) Go(ctx context.Context) error {
	if err := write(p.commands, message{Says: saysGo}); err != nil {
		return err
	}
	if err := p.await(ctx, saysReady); err != nil {
		return err
	}
	p.read.Wait()
	return errors.Join(p.commands.Close(), p.answers.Close(), p.cmd.Process.Release())
}

func (p *Process) await(ctx context.Context, says string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case h, open := <-p.heard:
		switch {
		case !open || h.err != nil:
			return errEnded
		case h.message.Says == saysFailed:
			return h.message.Failure
		case h.message.Says != says:
			return fmt.Errorf("it says %q, and was to say %q", h.message.Says, says)
		}
		return nil
	}
}

// errEnded is replaced by Kill, which knows how.
var errEnded = errors.New("it has ended")

// Kill ends the process, whatever it does, and waits for its end. It gives the error
// with what the process has written, where it said nothing itself.
func (p *Process) Kill(why error) error {
	_ = p.cmd.Process.Kill() // it may have ended
	ended := p.cmd.Wait()
	_ = p.commands.Close()
	for range p.heard { // what it has said besides is not asked for any more
	}
	p.read.Wait()
	_ = p.answers.Close()
	if !errors.Is(why, errEnded) {
		return why
	}
	f := &Failure{Message: "the new program ended before it served"}
	var status *exec.ExitError
	if errors.As(ended, &status) {
		f.Message += " (" + status.String() + ")"
	}
	if text := p.said.String(); text != "" {
		f.Message += ":\n" + text
	}
	return f
}

// without leaves a variable out of an environment.
func without(environment []string, name string) []string {
	kept := make([]string, 0, len(environment)+1)
	for _, variable := range environment {
		if !strings.HasPrefix(variable, name+"=") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimRight(string(t.text), "\n")
}
