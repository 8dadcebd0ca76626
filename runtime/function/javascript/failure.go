package javascript

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// errMemory is the end of an engine that cannot even allocate what its host needs.
var errMemory = errors.New("the script needs more memory than its limit")

// Failure is the end of a call that the script itself failed, or never ended.
type Failure struct {
	// Message is the exception as text, Stack where it was thrown, a line for each
	// frame. Both are the script's own words: for the log alone.
	Message string
	Stack   string
	// Memory says that it ran out of memory.
	Memory bool
}

func (f *Failure) Error() string {
	return f.Message
}

// LoadError says why a script cannot be loaded.
type LoadError struct {
	// Path is the file, of the script or of what it imports. Line and Column are
	// from 1, 0 where they are not known.
	Path         string
	Line, Column int
	Message      string
	Stack        string
	cause        error
}

func (e *LoadError) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

func (e *LoadError) Unwrap() error { return e.cause }

// place is where a frame of a stack is: "    at name (functions/x.js:3:7)".
var place = regexp.MustCompile(`(?m)^\s*at (?:.*\()?(.+?):(\d+):(\d+)\)?$`)

// loadError places a failure in the script's own files.
func loadError(script *Script, f *Failure) *LoadError {
	e := &LoadError{Path: script.Path, Message: f.Message, Stack: f.Stack}
	for _, m := range place.FindAllStringSubmatch(f.Stack, -1) {
		if strings.HasPrefix(m[1], internal) {
			continue
		}
		e.Path = m[1]
		// Numbers that the engine wrote; one that does not fit is not known.
		e.Line, _ = strconv.Atoi(m[2])
		e.Column, _ = strconv.Atoi(m[3])
		break
	}
	return e
}
