package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// pace is how soon what came of an answer is sent.
type pace int

const (
	// steady: as buffers fill. The length is known, and all of it is on its way.
	steady pace = iota
	// soon: what came is sent with what comes within a moment, so that an answer that
	// is short is one packet.
	soon
	// atOnce: each piece as it comes.
	atOnce
	// eventful is an event stream: at once, and it may last for ever.
	eventful
)

// moment is how long soon waits.
const moment = time.Millisecond

// paceOf finds the pace of an answer.
func paceOf(p *Proxy, res *http.Response) pace {
	media := first(res.Header["Content-Type"])
	switch {
	case begins(media, "text/event-stream"):
		return eventful
	case p.unbuffered, begins(media, "application/grpc"), strings.EqualFold(first(res.Header["X-Accel-Buffering"]), "no"):
		return atOnce
	case res.ContentLength < 0:
		return soon
	}
	return steady
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func begins(text, with string) bool {
	return len(text) >= len(with) && strings.EqualFold(text[:len(with)], with)
}

// copy hands the body on.
func (f *forward) copy(res *http.Response, p pace) error {
	if res.Body == http.NoBody {
		f.replied.whole = true
		return nil
	}
	switch p {
	case steady:
		return f.pump(f.to, nil)
	case soon:
		late := &lateFlush{to: f.to}
		defer late.stop()
		late.timer = time.AfterFunc(moment, late.flush)
		return f.pump(late, late.flush)
	}
	flush := http.NewResponseController(f.to).Flush
	if err := flush(); err != nil {
		return err
	}
	return f.pump(&promptly{to: f.to, flush: flush}, nil)
}

// pump copies what comes. Of an answer that breaks off the caller gets what there is:
// rest, where it is set, sends that.
func (f *forward) pump(to io.Writer, rest func()) error {
	buffer := buffers.Get()
	defer buffers.Put(buffer)
	for {
		n, err := f.replied.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			if rest != nil {
				rest()
			}
			return err
		}
	}
}

// promptly sends each piece as it comes.
type promptly struct {
	to    io.Writer
	flush func() error
}

// Write writes and sends.
func (p *promptly) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	if err != nil {
		return n, err
	}
	return n, p.flush()
}

// lateFlush sends what was written a moment later, from a timer's goroutine. It is
// stopped before its answer ends, and waits then for who sends.
type lateFlush struct {
	to    http.ResponseWriter
	timer *time.Timer

	mu      sync.Mutex
	waiting bool // since the last flush something was written
	sent    bool // the header, at least
	ended   bool
}

// Write writes.
func (l *lateFlush) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.to.Write(b)
	if err == nil && !l.waiting {
		l.waiting = true
		if l.sent { // else the timer of the header still runs
			l.timer.Reset(moment)
		}
	}
	return n, err
}

// flush sends what waits. That the caller has gone is told by the next Write.
func (l *lateFlush) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.sent && !l.waiting {
		return
	}
	l.waiting, l.sent = false, true
	_ = http.NewResponseController(l.to).Flush()
}

func (l *lateFlush) stop() {
	l.timer.Stop()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
}

// buffers are what answers are copied through.
var buffers = &bufferPool{pool: sync.Pool{New: func() any { return new([bufferSize]byte) }}}

const bufferSize = 32 << 10

type bufferPool struct{ pool sync.Pool }

// Get gives a buffer.
func (b *bufferPool) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

// Put takes one back.
func (b *bufferPool) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
