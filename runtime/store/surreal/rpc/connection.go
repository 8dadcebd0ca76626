package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	// maxPending bounds the requests that wait on one connection.
	maxPending = 1024
	// tick is how often a connection that nothing is heard from is asked for a
	// sign of life.
	tick = 300 * time.Millisecond
	// A connection that was silent for so many ticks gets no new request while
	// another can take it, and is given up later. A server runs all requests of a
	// connection in turns, so a long computation may keep it from answering a
	// ping: as long as the server is heard elsewhere, that is forgiven for longer.
	quietTicks  = 3
	silentTicks = 5
	lostTicks   = 100
)

var errSilent = errors.New("the server gave no sign of life")

// connection is one WebSocket. Requests are answered in any order, by their ids.
// One goroutine reads, one writes, and one watches for signs of life; they end
// when it breaks.
type connection struct {
	client *Client
	socket *websocket.Conn
	line   *line
	queue  chan *call
	pings  chan struct{}
	pongs  chan string
	// done is closed when it is broken.
	done chan struct{}
	// silent is for how many ticks nothing was heard.
	silent atomic.Int32
	// waiting is how many requests wait.
	waiting atomic.Int32

	mu      sync.Mutex
	pending map[uint64]*call
	cause   error // why it is broken
}

// start runs a connection over an open socket.
func (c *Client) start(socket *websocket.Conn, l *line) *connection {
	n := &connection{
		client: c, socket: socket, line: l,
		queue: make(chan *call, maxPending), pings: make(chan struct{}, 1), pongs: make(chan string, 1),
		done: make(chan struct{}), pending: map[uint64]*call{},
	}
	socket.SetPingHandler(func(payload string) error {
		select {
		case n.pongs <- payload:
		default:
		}
		return nil
	})
	c.running.Go(n.read)
	c.running.Go(n.write)
	c.running.Go(n.watch)
	return n
}

// unavailable is the error of a request on this connection.
func (n *connection) unavailable(sent bool, cause error) error {
	return &UnavailableError{Address: n.client.endpoint.address, Sent: sent, Cause: cause}
}

// ask sends a request and waits for its answer, as do.
func (n *connection) ask(ctx context.Context, r *request) ([]byte, error) {
	id := n.client.ids.Add(1)
	message, err := encode(r, id)
	if err != nil {
		return nil, err
	}
	q := calls.Get().(*call)
	q.id, q.message, q.late = id, message, r.late
	q.state.Store(queued)
	result, err := n.do(ctx, q)
	if q.state.Load() == begun && !errors.Is(err, ErrUnknownOutcome) {
		calls.Put(q) // it was answered: the writer is done with it
	}
	return result, err
}

// post sends a request whose answer nobody needs.
func (n *connection) post(r *request) {
	id := n.client.ids.Add(1)
	if message, err := encode(r, id); err == nil {
		_ = n.enqueue(&call{id: id, message: message}) // where there is no connection, the server has forgotten already
	}
}

// do sends a call and waits for its answer, or until ctx ends. Where the error
// is no ErrUnknownOutcome the server has not begun with it.
func (n *connection) do(ctx context.Context, q *call) ([]byte, error) {
	if err := n.enqueue(q); err != nil {
		return nil, err
	}
	select {
	case a := <-q.answer:
		return a.result, a.err
	case <-ctx.Done():
	}
	sent, answered := n.withdraw(q)
	if answered {
		a := <-q.answer
		return a.result, a.err
	}
	return nil, stopped(ctx, sent)
}

// withdraw ends the wait for a call, unless it was answered in this moment. It
// tells whether the call was sent.
func (n *connection) withdraw(q *call) (sent, answered bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending[q.id] != q {
		return true, true
	}
	sent = !q.state.CompareAndSwap(queued, withdrawn)
	if sent && q.late != nil {
		q.answer = nil
		return true, false
	}
	n.forget(q)
	return sent, false
}

// enqueue hands a call to the writer.
func (n *connection) enqueue(q *call) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cause != nil {
		return n.unavailable(false, n.cause)
	}
	if len(n.pending) >= maxPending {
		return fmt.Errorf("%w: %d on one connection", ErrOverloaded, maxPending)
	}
	select {
	case n.queue <- q:
	default: // of calls that nobody waits for any more
		return fmt.Errorf("%w: %d on one connection", ErrOverloaded, maxPending)
	}
	n.pending[q.id] = q
	n.waiting.Add(1)
	return nil
}

// forget takes a call off those that wait; n.mu is held.
func (n *connection) forget(q *call) {
	delete(n.pending, q.id)
	n.waiting.Add(-1)
}

// fail breaks the connection: every call that waits is told at once.
func (n *connection) fail(cause error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cause != nil {
		return
	}
	n.cause = cause
	for _, q := range n.pending {
		sent := !q.state.CompareAndSwap(queued, withdrawn)
		n.forget(q)
		if q.answer != nil {
			q.answer <- answer{err: n.unavailable(sent, cause)}
		}
	}
	close(n.done)
	// Not the WebSocket's Close: TLS would first send that it ends, and wait for
	// what does not take it.
	_ = n.line.Close()
}

func (n *connection) broken() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cause
}

// write sends what is queued, all that there is at once.
func (n *connection) write() {
	for {
		var err error
		select {
		case q := <-n.queue:
			err = n.send(q)
		case <-n.pings:
			err = n.socket.WriteControl(websocket.PingMessage, nil, time.Time{})
		case payload := <-n.pongs:
			err = n.socket.WriteControl(websocket.PongMessage, []byte(payload), time.Time{})
		case <-n.done:
			return
		}
		if err == nil && len(n.queue) == 0 {
			err = n.line.flush()
		}
		if err != nil {
			n.fail(fmt.Errorf("send: %w", err))
			return
		}
	}
}

func (n *connection) send(q *call) error {
	message := q.message
	if !q.state.CompareAndSwap(queued, begun) {
		return nil
	}
	// From here on the call may be answered, and is another's then.
	err := n.socket.WriteMessage(websocket.BinaryMessage, *message)
	release(message)
	return err
}

// watch asks for signs of life, and breaks the connection when there is none.
func (n *connection) watch() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	heard := n.line.alive.Load()
	for {
		select {
		case <-ticker.C:
		case <-n.done:
			return
		}
		// Ticks are counted, not time: where this process itself stood still, the
		// server is not to blame.
		if now := n.line.alive.Load(); now != heard {
			heard = now
			n.silent.Store(0)
			continue
		}
		silent := n.silent.Add(1)
		if silent >= lostTicks || silent >= n.client.options.silence() && !n.client.controlAnswers() {
			n.fail(fmt.Errorf("%w for %s", errSilent, time.Duration(silent)*tick))
			return
		}
		select {
		case n.pings <- struct{}{}:
		default:
		}
	}
}

// read hands answers to who waits for them.
func (n *connection) read() {
	var s scratch
	for {
		message, err := s.read(n.socket)
		if err == nil {
			err = n.receive(message)
		}
		if err != nil {
			n.fail(err)
			return
		}
	}
}

// receive takes one message: an answer, or a notification of a live query. An
// error is one that the connection does not survive.
func (n *connection) receive(message []byte) error {
	e, err := readEnvelope(message)
	switch {
	case err != nil:
		return fmt.Errorf("a message of the server: %w", err)
	case e.failed && !e.known:
		return fmt.Errorf("the server could not read a request: %w", refusal(e.result, n))
	case !e.known:
		if id := liveID(e.result); id != nil {
			n.client.lives.notify(id)
		}
		return nil
	}
	a := answer{result: e.result}
	if e.failed {
		a = answer{err: refusal(e.result, n)}
	}
	late, err := n.answer(e.id, a)
	if late != nil && a.err == nil {
		late(n, a.result)
	}
	return err
}

// answer gives an answer to who waits for it, or tells who takes it late.
func (n *connection) answer(id uint64, a answer) (late func(*connection, []byte), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.pending[id]
	switch {
	case q == nil: // nobody waits for it any more
		return nil, nil
	case q.state.Load() != begun:
		return nil, errors.New("the server answered a request that was not sent")
	}
	n.forget(q)
	if q.answer == nil {
		return q.late, nil
	}
	q.answer <- a
	return nil, nil
}

// envelope is a message of the server.
type envelope struct {
	id     uint64
	known  bool // whether there is an id
	failed bool
	result []byte // or the error
}

func readEnvelope(message []byte) (envelope, error) {
	var e envelope
	r := wire.NewReader(message)
	for left := r.Map(); left > 0 && r.Err() == nil; left-- {
		switch name := r.String(); string(name) {
		case "id":
			if r.Kind() == wire.Int {
				e.id, e.known = r.Uint(), true
			} else {
				r.Skip()
			}
		case "error", "result":
			e.failed = string(name) == "error"
			if left == 1 {
				e.result = r.Rest()
			} else {
				e.result = r.Raw()
			}
		default:
			r.Skip()
		}
	}
	return e, r.Err()
}

// liveID is the id in the notification of a live query.
func liveID(result []byte) []byte {
	r := wire.NewReader(result)
	for left := r.Map(); left > 0 && r.Err() == nil; left-- {
		if string(r.String()) == "id" && r.Kind() == wire.UUID {
			return r.UUID()
		}
		r.Skip()
	}
	return nil
}
