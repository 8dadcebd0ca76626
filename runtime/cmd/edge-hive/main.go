// Command edge-hive runs backends that are declared in one manifest. This
// package is the command line alone: flags, exit codes and what is printed,
// each error once. What the commands do is engine's and manifest/load's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/alecthomas/kong"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The exit codes.
const (
	exitOK     = 0
	exitFaults = 1 // the manifest has faults, or what was asked is refused
	exitUsage  = 2 // wrong usage, or it cannot be done

	exitChanges = 2 // of plan, where everything that goes wrong is exitFaults
)

func main() {
	os.Exit(Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run is the whole command: it parses args, runs one command until it is done,
// a signal comes or ctx ends, and returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &output{w: stdout}
	term := &terminal{in: stdin, out: out, err: stderr}
	args = meant(args)
	exited := -1
	parser, err := newParser(term, func(code int) { exited = code })
	if err != nil {
		return term.fail(err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help prints and ends
	}
	if err != nil {
		return term.usage(err)
	}
	err = parsed.Run(&call{ctx: ctx, terminal: term, app: parser.Model.Node})
	if err == nil {
		err = out.failed()
	}
	return term.fail(err)
}

// meant gives the arguments for those that other commands take.
func meant(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-v"):
		return []string{"version"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// call is what a command is run with.
type call struct {
	*terminal
	ctx context.Context
	app *kong.Node // for completion
}

// errFaults ends a command whose faults are already printed.
var errFaults = errors.New("the manifest has faults")

// errUnread ends a command that had no manifest to read, which is said already.
var errUnread = errors.New("there is no manifest")

// terminal is where a command reads and prints.
type terminal struct {
	in  io.Reader
	out io.Writer // an output
	err io.Writer
}

// say prints to the standard output; whether that failed is found at the end.
func (t *terminal) say(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format, args...) }

// tell prints to the standard error; nobody can be told if that fails.
func (t *terminal) tell(format string, args ...any) { _, _ = fmt.Fprintf(t.err, format, args...) }

// sayJSON prints what --json asks for.
func (t *terminal) sayJSON(v any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // nobody puts it into a page
	return encoder.Encode(v)
}

// output remembers the first write that failed: a full disk behind > must not
// look like success. It may be written from several goroutines.
type output struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("write the output: %w", err)
	}
	return n, err
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// fail prints an error once and gives its exit code.
func (t *terminal) fail(err error) int {
	var failed planError
	if errors.As(err, &failed) {
		t.fail(failed.error)
		return exitFaults
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.Is(err, errFaults):
		return exitFaults
	case errors.Is(err, errUnread):
		return exitUsage
	}
	t.tell("edge-hive: %v\n", err)
	var hinted *hintedError
	if errors.As(err, &hinted) {
		t.tell("  %s\n", hinted.hint)
	}
	return exitUsage
}

// usage prints a mistake on the command line and the way to the help.
func (t *terminal) usage(err error) int {
	name, code := "edge-hive", exitUsage
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil && node.Type == kong.CommandNode {
			name += " " + commandName(node)
			if node.Name == "plan" {
				code = exitFaults
			}
		}
	}
	t.tell("edge-hive: %v\n  %s --help says how it is used\n", err, name)
	return code
}

// hintedError is an error with a line that says how to mend it.
type hintedError struct {
	error
	hint string
}

func hinted(err error, hint string) error { return &hintedError{err, hint} }

// publicError is a fault that is not the manifest's, as an error of the
// command: its text and its hint.
func (t *terminal) publicError(err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code == fault.CodeInternal {
		return err
	}
	if f.Hint == "" {
		return errors.New(f.Message)
	}
	return hinted(errors.New(f.Message), f.Hint)
}

// Unwrap gives the error itself.
func (e *hintedError) Unwrap() error { return e.error }
