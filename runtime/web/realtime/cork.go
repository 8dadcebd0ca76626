package realtime

import (
	"net"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/live"
)

// cork is a net.Conn that can gather what is written to it: frames that are
// queued together leave together, for the system call is what a frame costs. A
// write has a deadline for each chunk, so that it bounds lack of progress and
// not the size of a snapshot.
type cork struct {
	net.Conn
	patience time.Duration

	mu     sync.Mutex
	corked bool
	buf    []byte
	sub    *live.Subscription // that is told of progress; nil for none
}

// flushAt is how much is gathered at most, and how much is written at once.
const flushAt = batchBytes

// begin gathers writes in buf until end, what is written being the
// subscription's.
func (c *cork) begin(buf []byte, sub *live.Subscription) {
	c.mu.Lock()
	c.corked, c.buf, c.sub = true, buf[:0], sub
	c.mu.Unlock()
}

// end writes what was gathered, and gives the buffer back.
func (c *cork) end() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.flush()
	buf := c.buf
	c.corked, c.buf = false, nil
	return buf, err
}

// Write gathers, or writes.
func (c *cork) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.corked && len(p) < flushAt {
		c.buf = append(c.buf, p...)
		if len(c.buf) < flushAt {
			return len(p), nil
		}
		return len(p), c.flush()
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	return len(p), c.send(p)
}

// SetWriteDeadline does nothing: every chunk has its own.
func (c *cork) SetWriteDeadline(time.Time) error { return nil }

func (c *cork) flush() error {
	err := c.send(c.buf)
	c.buf = c.buf[:0]
	return err
}

// send writes chunk by chunk. The caller holds c.mu.
func (c *cork) send(p []byte) error {
	for len(p) > 0 {
		chunk := p[:min(len(p), flushAt)]
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
			return err
		}
		if _, err := c.Conn.Write(chunk); err != nil {
			return err
		}
		if c.sub != nil {
			c.sub.Moved()
		}
		p = p[len(chunk):]
	}
	return nil
}
