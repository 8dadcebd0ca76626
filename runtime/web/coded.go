package web

import (
	"cmp"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/web/coding"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// coded is an answer that is encoded on its way, or one of which it is not known
// yet whether it is long enough for that: then its header and its beginning wait.
type coded struct {
	x        *exchange
	status   int             // of the header that waits, 0 when it is sent
	encoding string          // that it will have
	held     *[]byte         // what waits
	encoder  *coding.Encoder // nil: what is written is sent as it is
}

var holds = sync.Pool{New: func() any { return new([]byte) }}

// newCoded holds an answer back whose length is not known.
func newCoded(x *exchange, status int, encoding string) *coded {
	c := &coded{x: x, status: status, encoding: encoding, held: holds.Get().(*[]byte)}
	*c.held = (*c.held)[:0]
	return c
}

// Write encodes, or holds back.
func (c *coded) Write(p []byte) (int, error) {
	if c.status != 0 {
		if len(*c.held)+len(p) < min(c.x.compress.min, heldMost) {
			*c.held = append(*c.held, p...)
			return len(p), nil
		}
		if err := c.begin(true); err != nil {
			return 0, err
		}
	}
	if c.encoder == nil {
		return connection{c.x}.Write(p)
	}
	return c.encoder.Write(p)
}

// begin sends the header that waits, and what was held back.
func (c *coded) begin(encode bool) error {
	x, status := c.x, c.status
	c.status = 0
	if encode {
		x.varyByEncoding()
		if c.encoder = coding.Encode(c.encoding, connection{x}); c.encoder != nil {
			x.markEncoded(c.encoding)
		}
	}
	x.ResponseWriter.WriteHeader(status)
	held := *c.held
	defer c.drop()
	if len(held) == 0 {
		return nil
	}
	var err error
	if c.encoder != nil {
		_, err = c.encoder.Write(held)
	} else {
		_, err = connection{x}.Write(held)
	}
	return err
}

// drop gives the memory back that held the beginning.
func (c *coded) drop() {
	if c.held != nil && cap(*c.held) <= heldMost {
		holds.Put(c.held)
	}
	c.held = nil
}

// flush sends everything that was written.
func (c *coded) flush() error {
	if c.status != 0 {
		if err := c.begin(true); err != nil {
			return err
		}
	}
	if c.encoder == nil {
		return nil
	}
	return c.encoder.Flush()
}

// end sends what is left; of an answer that is cut off, nothing.
func (c *coded) end(cut bool) error {
	var err error
	switch {
	case cut:
		c.drop()
	case c.status != 0:
		err = c.begin(coding.RefusesIdentity(c.x.request.Header["Accept-Encoding"]) && len(*c.held) > 0)
	}
	if c.encoder == nil {
		return err
	}
	if !cut && err == nil {
		err = c.encoder.Close()
	}
	c.encoder.Release()
	c.encoder = nil
	return err
}

// endBody sends what encoders still hold, unless the answer is cut off.
func (x *exchange) endBody(cut bool) {
	if x.coded != nil {
		_ = x.coded.end(cut) // a client that is gone is noticed by net/http
		x.coded = nil
	}
	if x.whole != nil {
		x.whole.Release()
		x.whole = nil
	}
	if x.request.ProtoMajor == 2 && !cut {
		// What is left goes out when the handler has returned, and waits for a client
		// that lets nothing through.
		_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(time.Now().Add(cmp.Or(x.pace, wire.Progress)))
	}
}

// connection is the way out as encoders write to it: bytes are counted as they are
// sent.
type connection struct{ x *exchange }

// streamBuffer is what net/http buffers of an answer over HTTP/2.
const streamBuffer = 4 << 10

// Write counts and sends. Of a connection the Listener sees whether its client
// takes anything, and of one over UDP its server; of a stream of HTTP/2 nobody
// does, so each piece has its time here.
func (c connection) Write(p []byte) (written int, err error) {
	x := c.x
	if x.request.ProtoMajor != 2 || x.pace == 0 || x.bytes+int64(len(p)) <= streamBuffer {
		return c.send(p)
	}
	control := http.NewResponseController(x.ResponseWriter)
	for {
		_ = control.SetWriteDeadline(time.Now().Add(x.pace)) // without deadlines, it is no stream
		n, err := c.send(p[written:min(written+wire.Piece, len(p))])
		written += n
		if err != nil || written == len(p) {
			_ = control.SetWriteDeadline(time.Time{})
			return written, err
		}
	}
}

func (c connection) send(p []byte) (int, error) {
	n, err := c.x.ResponseWriter.Write(p) //nolint:gosec // G705: what is written is JSON, or files under nosniff
	c.x.bytes += int64(n)
	return n, err
}

var _ io.Writer = connection{}
