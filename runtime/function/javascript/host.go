package javascript

import "context"

// Host is what a call may ask of who runs it: one for each call. Its methods are
// called by the goroutine that called Image.Call.
type Host interface {
	// Event is the event, JSON, and Body its body.
	Event() []byte
	Body() []byte
	// Head is the head of the answer, JSON. An error says that it is refused.
	Head(head []byte) error
	// Write appends to the answer's body. An error ends the answer, not the call.
	Write(p []byte) error
	// Flush sends what was written.
	Flush() error
	// Operate carries out an operation: ok says whether it was done. Else head is
	// the fault. Both results are read before the next operation.
	Operate(ctx context.Context, operation string, head, body []byte) (replyHead, replyBody []byte, ok bool)
	// Log writes a line: level 0 is debug, 1 info, 2 warn, 3 error.
	Log(level int, text string)
}
