package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// requestBody is a body on its way to a server. More of it must come in time until
// the answer has begun: from then on it is a conversation.
type requestBody struct {
	inner   io.ReadCloser
	from    *forward
	trailer http.Header // of the request that is sent, to be filled at the end
	control *http.ResponseController
	touched atomic.Bool // somebody began to read
	over    atomic.Bool // the request is answered: nobody reads any more

	mu      sync.Mutex
	timed   bool // deadlines are set
	until   time.Time
	ended   bool // all was read
	problem error
}

// leftTime is how long what a server did not want of a body may take to come.
const leftTime = 5 * time.Second

func newRequestBody(f *forward, out *http.Request) *requestBody {
	b := &requestBody{inner: f.in.Body, from: f, trailer: out.Trailer, control: http.NewResponseController(f.to)}
	b.timed = f.from.BodyTime > 0 && !strings.HasPrefix(out.Header.Get("Content-Type"), "application/grpc")
	return b
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, errOver
	}
	b.touched.Store(true)
	b.extend()
	n, err := b.inner.Read(p)
	if err == nil {
		return n, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.untime()
	if errors.Is(err, io.EOF) {
		b.ended = true
		for name := range b.trailer {
			b.trailer[name] = b.from.in.Trailer[name]
		}
		return n, err
	}
	if b.problem == nil {
		b.problem = err
	}
	return n, err
}

// Close leaves the body open: it belongs to the server that we are, and another
// attempt may need it.
func (b *requestBody) Close() error { return nil }

// extend moves the deadline on, but not for less than a thirtieth of it.
func (b *requestBody) extend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.timed {
		return
	}
	now := time.Now()
	if until := now.Add(b.from.from.BodyTime); until.Sub(b.until) > b.from.from.BodyTime/30 {
		b.until = until
		_ = b.control.SetReadDeadline(until) // writers without deadlines have no slow clients either
	}
}

// untime takes the deadline away. b.mu is held.
func (b *requestBody) untime() {
	if b.timed {
		b.timed = false
		_ = b.control.SetReadDeadline(time.Time{})
	}
}

// answered says that the answer is about to begin.
func (b *requestBody) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.untime()
	b.last()
}

// last makes this the connection's last request when its body is not read yet. A
// server may answer while it still reads: net/http would else take the rest of the
// body away from it, to go on with the next request. mu is held.
func (b *requestBody) last() {
	if !b.ended && b.from.in.ProtoMajor == 1 {
		b.from.to.Header()["Connection"] = connectionClose
	}
}

var connectionClose = []string{"close"}

// failure is why the body could not be read, nil while it could. That it was given
// up by ourselves is none.
func (b *requestBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.problem
}

var errOver = errors.New("the request is answered, and its body closed")

// end bounds what net/http then still reads.
func (b *requestBody) end() {
	b.over.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timed = false
	b.last() // of a request that was not answered; else it is too late to say
	if !b.ended {
		_ = b.control.SetReadDeadline(time.Now().Add(leftTime))
	}
}

// replyBody is the body of a server's answer. It knows whether it came whole, and
// when the server is free again.
type replyBody struct {
	inner  io.ReadCloser
	from   *forward
	events bool
	broken error
	whole  bool
	left   atomic.Bool // it was ended by us, in good order
	once   sync.Once
}

func (b *replyBody) Read(p []byte) (int, error) {
	n, err := b.inner.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.whole = true
	case b.left.Load():
		b.whole = true
		return n, io.EOF
	default:
		b.broken = err
		b.from.err = errors.Join(errCut, err)
	}
	return n, err
}

// Close frees the server.
func (b *replyBody) Close() error {
	err := b.inner.Close()
	b.once.Do(func() {
		f := b.from
		if b.events {
			f.proxy.pool.home.exit(b)
		}
		result := ResultOK
		switch {
		case f.gone():
			result = ResultCaller
		case b.broken != nil:
			result = ResultBroken
			f.server.failed(time.Now())
		case !b.whole:
			result = ResultCaller
		case f.status >= http.StatusInternalServerError:
			result = ResultError
		}
		f.over(f.server, result)
	})
	return err
}

func (b *replyBody) of() (route, server string) {
	return b.from.proxy.pool.route, b.from.server.address
}

// leave ends an event stream where it is: its client comes again.
func (b *replyBody) leave() {
	b.left.Store(true)
	closeQuietly(b.inner)
}

func (b *replyBody) cut() { b.leave() }
