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
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one that was started to follow this one. It is to be killed, or, once
// it serves, released.
type Process struct {
	cmd      *exec.Cmd
	commands *os.File
	answers  *os.File
	errors   *os.File // what it writes, until it has the log itself
	heard    chan heard
	read     sync.WaitGroup
	said     tail
	child    int // the process that was started; the command forgets it once it is released
	serves   int // the process that serves, where another was started that started it
	ended    bool
	crashed  bool
}

// lastWords is how long what was said is still read once the process has ended, or
// serves: children of its own may have the same pipes for ever.
const lastWords = 5 * time.Second

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
	p := &Process{commands: toCommands, answers: answers, errors: errorsOf, heard: make(chan heard, 1)}
	p.cmd = exec.Command(program, arguments...) //nolint:gosec,noctx // the operator names it, and it outlives whoever asked
	p.cmd.Env = append(without(os.Environ(), Variable), Variable+"="+string(text))
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = os.Stdin, os.Stdout, toErrors
	p.cmd.ExtraFiles = append([]*os.File{commands, toAnswers, log}, files...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts itself is killed with it
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p.child = p.cmd.Process.Pid
	for _, theirs := range []*os.File{commands, toAnswers, toErrors} {
		_ = theirs.Close() // they have it
	}
	p.read.Go(func() {
		_, _ = io.Copy(io.MultiWriter(&p.said, log), errorsOf) // until they have the log themselves, or have ended
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
func (p *Process) PID() int {
	if p.serves != 0 {
		return p.serves
	}
	return p.cmd.Process.Pid
}

// Prepared waits until the process is prepared. A *Failure says why it is not; the
// process is to be killed then.
func (p *Process) Prepared(ctx context.Context) error {
	_, err := p.await(ctx, saysPrepared)
	return err
}

// Go tells the process that everything is let go of, and waits until it serves: then
// it is to be released. On an error it is to be killed.
func (p *Process) Go(ctx context.Context) error {
	if err := write(p.commands, message{Says: saysGo}); err != nil {
		return errEnded
	}
	m, err := p.await(ctx, saysReady)
	p.serves = m.PID
	return err
}

// Crashed reports whether a process that serves has ended by now, and not because it
// was asked to. It may be called of a released one, too.
func (p *Process) Crashed() bool {
	if p.ended {
		return p.crashed
	}
	var status unix.WaitStatus
	pid, err := unix.Wait4(p.child, &status, unix.WNOHANG, nil)
	if err == nil && pid == p.child {
		p.ended, p.crashed = true, status.ExitStatus() != 0 // -1 by a signal
	}
	return p.crashed
}

// Ended reports whether a process that serves has ended by now, in whichever way.
func (p *Process) Ended() bool { return p.Crashed() || p.ended }

// Reload asks a process that serves to read its manifest again.
func (p *Process) Reload() error {
	return os.NewSyscallError("kill", unix.Kill(p.PID(), unix.SIGHUP))
}

// Release lets a process go that serves.
func (p *Process) Release() error {
	err := p.hurry()
	p.read.Wait()
	return errors.Join(err, p.commands.Close(), p.answers.Close(), p.errors.Close(), p.cmd.Process.Release())
}

// hurry bounds the time in which what was said is read.
func (p *Process) hurry() error {
	until := time.Now().Add(lastWords)
	return errors.Join(p.answers.SetReadDeadline(until), p.errors.SetReadDeadline(until))
}

func (p *Process) await(ctx context.Context, says string) (message, error) {
	select {
	case <-ctx.Done():
		return message{}, ctx.Err()
	case h, open := <-p.heard:
		switch {
		case !open || h.err != nil:
			return message{}, errEnded
		case h.message.Says == saysFailed:
			return message{}, h.message.Failure
		case h.message.Says != says:
			return message{}, fmt.Errorf("it says %q, and was to say %q", h.message.Says, says)
		}
		return h.message, nil
	}
}

// errEnded is replaced by Kill, which knows how.
var errEnded = errors.New("it has ended")

// Kill ends the process and those that it has started, whatever they do, and waits for
// its end. It gives the error with what the process has written, where it said nothing
// itself.
func (p *Process) Kill(why error) error {
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL) // it may have ended
	ended := p.cmd.Wait()
	_ = p.commands.Close()
	_ = p.hurry()       // a pipe without deadlines ends by itself
	for range p.heard { // what it has said besides is not asked for any more
	}
	p.read.Wait()
	_, _ = p.answers.Close(), p.errors.Close()
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
