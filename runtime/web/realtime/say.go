package realtime

import (
	"context"
	"errors"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
)

const (
	// maxRef bounds what a client knows the answer to a message by, bytes.
	maxRef = 64
	// maxAnswers bounds the answers that wait for a client: two seconds of what he
	// may send.
	maxAnswers = 2 * maxPerSecond
)

var (
	errRef   = fault.Newf(live.CodeMessage, "a ref has at most %d bytes", maxRef).WithHint("number your messages")
	errEarly = fault.New("42501", "nothing can be sent before you are known").WithHint(`send {"type":"auth","token":"..."} first`)
)

// say sends a client's message to the channel. The reader waits for it, so that
// a client's messages are heard in his order.
func (c *socket) say(m *message) {
	if len(m.Ref) > maxRef {
		c.reject(errRef)
		return
	}
	at, err := c.sending(m)
	switch {
	case err == nil && m.Ref == "":
	case err == nil:
		c.answer(sentFrame(m.Ref, at))
	case errors.Is(err, live.ErrClosed):
		c.close(closingStopped)
	case fault.Is(err, live.CodeMessage):
		c.rejectWith(fault.From(err), m.Ref)
	default:
		c.answer(refusal(c.server.told(err, c.asked.channel), m.Ref))
	}
}

func (c *socket) sending(m *message) (live.Cursor, error) {
	switch {
	case !c.opened: // only the reader sets it
		return live.Cursor{}, errEarly
	case !c.caller.Expires.IsZero() && !time.Now().Before(c.caller.Expires):
		return live.Cursor{}, errExpired
	}
	s := live.Sending{Caller: c.caller, Channel: c.asked.channel, Event: m.Event, Payload: m.Payload}
	if m.Self != nil && !*m.Self {
		s.Except = c.sub
	}
	// The hub bounds how long it takes.
	return c.server.hub.Send(context.Background(), s)
}

// answer queues the answer to a message that was sent. Answers are not left out:
// who sends and does not read is too slow.
func (c *socket) answer(frame []byte) {
	c.mu.Lock()
	fits := len(c.replies) < maxAnswers
	if fits {
		c.replies = append(c.replies, frame)
	}
	c.mu.Unlock()
	if !fits {
		c.close(closing{codeSlow, "too slow: read the answers to what you send"})
		return
	}
	c.kick()
}

// told is what a client is told of an error. What is no fault of his is logged.
func (s *Server) told(err error, channel string) *fault.Fault {
	f := fault.From(err)
	if cause := errors.Unwrap(f); cause != nil {
		s.log.Error("a message could not be sent", "channel", channel, "error", cause)
	}
	return f
}
