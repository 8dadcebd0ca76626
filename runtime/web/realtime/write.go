package realtime

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/live"
)

// outgoing is what a writer needs while it writes; idle sockets have none.
type outgoing struct {
	frames []live.Frame
	buf    []byte
}

// outgoings keeps the buffers of writers that have ended. A pool is the one
// kind of shared state that belongs to nobody.
var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// kick starts the writer unless one runs. It is the subscription's Wake, so it
// does not block.
func (c *socket) kick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing || c.closed || c.net == nil {
		return
	}
	c.writing = true
	c.writers.Add(1)
	go c.write()
}

// write writes until nothing is left to be written.
func (c *socket) write() {
	defer c.writers.Done()
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("a socket's writer panicked", "channel", c.asked.channel, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.abort()
		}
	}()
	out := outgoings.Get().(*outgoing)
	defer out.free()
	for {
		todo, more := c.gather(out)
		if !more {
			return
		}
		if err := c.send(out, &todo); err != nil {
			c.broken()
			return
		}
	}
}

// todo is what one round of a writer writes, beside the frames.
type todo struct {
	replies [][]byte
	ping    bool
	ending  *closing
	sub     *live.Subscription // nil before there is one
}

// gather takes what is to be written; false, and the writer has ended, when
// that is nothing.
func (c *socket) gather(out *outgoing) (todo, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.writing = false
		return todo{}, false
	}
	t := todo{replies: c.replies, ping: c.ping, sub: c.sub}
	c.replies, c.ping = nil, false
	var end *live.End
	if c.opened {
		out.frames, end = c.sub.Take(out.frames[:0], batchBytes)
	}
	if end != nil && c.ending == nil {
		why := closingOf(*end)
		c.ending = &why
	}
	t.ending = c.ending
	if len(out.frames) == 0 && len(t.replies) == 0 && !t.ping && t.ending == nil {
		c.writing = false
		return todo{}, false
	}
	return t, true
}

// send writes one round in as few system calls as it takes.
func (c *socket) send(out *outgoing, t *todo) error {
	buf := out.buf
	out.buf = nil // the connection has it until end: a panic must not pool it
	c.net.begin(buf, t.sub)
	err := c.compose(out, t)
	var flushed error
	out.buf, flushed = c.net.end()
	clear(out.frames)
	out.frames = out.frames[:0]
	if err == nil {
		err = flushed
	}
	if err == nil && t.ending != nil {
		c.sent()
	}
	return err
}

func (c *socket) compose(out *outgoing, t *todo) error {
	for _, reply := range t.replies {
		if err := c.ws.WriteMessage(websocket.TextMessage, reply); err != nil {
			return err
		}
	}
	for i := range out.frames {
		if err := c.ws.WriteMessage(websocket.TextMessage, out.frames[i].Data); err != nil {
			return err
		}
	}
	if t.ping {
		if err := c.heartbeat(t.sub, len(out.frames) == 0); err != nil {
			return err
		}
	}
	if t.ending == nil {
		return nil
	}
	reason := t.ending.reason
	if len(reason) > maxReasonSize {
		reason = reason[:maxReasonSize]
	}
	message := websocket.FormatCloseMessage(t.ending.code, reason)
	return c.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(c.server.limits.Write))
}

// heartbeat is a ping for the connection, which browsers answer by themselves,
// and one for the page, which never sees the other.
func (c *socket) heartbeat(sub *live.Subscription, quiet bool) error {
	var at live.Cursor
	known := false
	if quiet && sub != nil {
		at, known = sub.Progress()
	}
	if err := c.ws.WriteMessage(websocket.TextMessage, pingFrame(at, known)); err != nil {
		return err
	}
	return c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.server.limits.Write))
}

// sent waits a little for the client's own close frame: the reader sees it, or
// its deadline, and ends the connection.
func (c *socket) sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	_ = c.ws.SetReadDeadline(time.Now().Add(closeWithin))
}

// broken ends a connection that cannot be written to.
func (c *socket) broken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.writing = true, false
	_ = c.net.Close()
}

// free gives the buffers back, unless they have grown out of the ordinary.
func (o *outgoing) free() {
	clear(o.frames)
	if cap(o.frames) > 1024 {
		o.frames = nil
	}
	if cap(o.buf) > 2*flushAt {
		o.buf = nil
	}
	outgoings.Put(o)
}
