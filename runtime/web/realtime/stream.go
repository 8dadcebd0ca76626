package realtime

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// stream is one SSE response. The handler's goroutine is its only one.
type stream struct {
	wake   chan struct{} // a token when there is something to take
	halt   chan closing  // why it is to end; the first reason stands
	caller *auth.Caller
	cancel context.CancelFunc
}

func (s *stream) stop()  { s.end(closingStopped) }
func (s *stream) abort() { s.cancel() }

func (s *stream) revoke() {
	if s.caller.Role != auth.Anon {
		s.end(closingRevoked)
	}
}

func (s *stream) end(why closing) {
	select {
	case s.halt <- why:
	default:
	}
}

// rouse is the subscription's Wake.
func (s *stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// serveStream answers with events until the client goes or the subscription
// ends.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, a asked) {
	defer s.seats.give(a.address, a.caller)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	c := &stream{wake: make(chan struct{}, 1), halt: make(chan closing, 1), caller: a.caller, cancel: cancel}
	if !s.track(c) {
		refuse(w, r, errStopping)
		return
	}
	defer s.untrack(c)
	if s.revoked(a.caller, a.keys) {
		c.revoke() // the keys became others before it was tracked
	}
	sub, err := s.hub.Subscribe(live.Request{
		Channel: a.channel, Caller: a.caller, After: a.after, Encoder: encoder{}, Wake: c.rouse,
	})
	if err != nil {
		refuseAs(w, r, err, a.named)
		return
	}
	defer sub.Close()
	out := newEvents(w, sub, s.limits.Write)
	if out.begin() != nil {
		return
	}
	s.pump(ctx, c, sub, a, out)
}

// pump writes what comes, until something ends it.
func (s *Server) pump(ctx context.Context, c *stream, sub *live.Subscription, a asked, out *events) {
	heartbeat := time.NewTicker(s.limits.Ping)
	defer heartbeat.Stop()
	var expired <-chan time.Time
	if !a.caller.Expires.IsZero() {
		timer := time.NewTimer(time.Until(a.caller.Expires))
		defer timer.Stop()
		expired = timer.C
	}
	var frames []live.Frame
	for {
		var end *live.End
		frames, end = sub.Take(frames[:0], batchBytes)
		if len(frames) > 0 {
			err := out.frames(frames)
			clear(frames)
			if err != nil {
				return
			}
			if end == nil {
				continue
			}
		}
		if end != nil {
			out.end(closingOf(*end))
			return
		}
		select {
		case <-c.wake:
		case <-heartbeat.C:
			if out.ping(sub.Progress()) != nil {
				return
			}
		case <-expired:
			sub.Pause(a.caller)
			out.end(closing{codeNoCaller, "the token has expired"})
			return
		case why := <-c.halt:
			out.end(why)
			return
		case <-ctx.Done():
			return
		}
	}
}

// events writes server-sent events.
type events struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	sub      *live.Subscription // that is told of progress
	patience time.Duration
	buf      []byte
}

func newEvents(w http.ResponseWriter, sub *live.Subscription, patience time.Duration) *events {
	return &events{w: w, control: http.NewResponseController(w), sub: sub, patience: patience}
}

// begin sends the header and how long to wait before coming back.
func (e *events) begin() error {
	header := e.w.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	// The listener's bounds are for requests that end. A writer that knows no
	// deadline has none to lift.
	_ = e.control.SetReadDeadline(time.Time{})
	e.w.WriteHeader(http.StatusOK)
	e.buf = append(e.buf[:0], "retry: "+strconv.Itoa(reconnectMillis)+"\n\n"...)
	return e.flush()
}

// frames writes events; their data are the frames that a socket gets.
func (e *events) frames(frames []live.Frame) error {
	e.buf = e.buf[:0]
	for i := range frames {
		f := &frames[i]
		if f.Type != live.Truncated { // which is no place to come back to
			e.buf = append(e.buf, "id: "...)
			e.buf = append(e.buf, f.Cursor.String()...)
			e.buf = append(e.buf, '\n')
		}
		e.event(f.Type.String(), f.Data)
		if len(e.buf) >= flushAt {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return e.flush()
}

// event appends one event. JSON has line ends only between its tokens, where
// a space does as well.
func (e *events) event(name string, data []byte) {
	e.buf = append(e.buf, "event: "...)
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, "\ndata: "...)
	start := len(e.buf)
	e.buf = append(e.buf, data...)
	if line := e.buf[start:]; bytes.ContainsAny(line, "\r\n") {
		for i, b := range line {
			if b == '\r' || b == '\n' {
				line[i] = ' '
			}
		}
	}
	e.buf = append(e.buf, "\n\n"...)
}

// ping is a comment, with an id when the client may come back from further on.
func (e *events) ping(at live.Cursor, known bool) error {
	e.buf = append(e.buf[:0], ": ping\n"...)
	if known {
		e.buf = append(e.buf, "id: "...)
		e.buf = append(e.buf, at.String()...)
		e.buf = append(e.buf, '\n')
	}
	e.buf = append(e.buf, '\n')
	return e.flush()
}

// end says why the stream ends: what a socket's close frame would.
func (e *events) end(why closing) {
	e.buf = e.buf[:0]
	data := append([]byte(`{"type":"close","code":`), strconv.Itoa(why.code)...)
	data = append(data, `,"reason":"`...)
	data = append(data, why.reason...) // ours: plain ASCII without quotes
	data = append(data, `"}`...)
	e.event("close", data)
	_ = e.flush() // it ends either way
}

// flush sends what is gathered, each chunk within its time.
func (e *events) flush() error {
	for p := e.buf; len(p) > 0; {
		chunk := p[:min(len(p), flushAt)]
		// A writer without deadlines is bounded by its server.
		_ = e.control.SetWriteDeadline(time.Now().Add(e.patience))
		if _, err := e.w.Write(chunk); err != nil {
			return err
		}
		if err := e.control.Flush(); err != nil {
			return err
		}
		e.sub.Moved()
		p = p[len(chunk):]
	}
	return nil
}
