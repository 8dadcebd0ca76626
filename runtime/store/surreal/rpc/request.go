package rpc

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	// maxRequest is what a server takes in one message unless it is told
	// otherwise.
	maxRequest = 128 << 20
	// maxAnswer bounds one message of a server.
	maxAnswer = 256 << 20
	// maxKept bounds the buffers that are kept for the next request.
	maxKept = 64 << 10
)

// request is what is asked: a method with its parameters, each as wire appends
// it.
type request struct {
	method string
	text   string   // the first parameter, where it is not ""
	params [][]byte // the others
	txn    []byte   // the id of an interactive transaction, or nil
	// late takes an answer that comes when nobody waits for it any more; nil drops
	// it.
	late func(n *connection, result []byte)
}

// append writes the request as one message.
func (r *request) append(dst []byte, id uint64) []byte {
	members, params := 3, len(r.params)
	if r.txn != nil {
		members++
	}
	if r.text != "" {
		params++
	}
	dst = wire.AppendMap(dst, members)
	dst = wire.AppendInt(wire.AppendString(dst, "id"), int64(id))
	dst = wire.AppendString(wire.AppendString(dst, "method"), r.method)
	if r.txn != nil {
		dst = append(wire.AppendString(dst, "txn"), r.txn...)
	}
	dst = wire.AppendArray(wire.AppendString(dst, "params"), params)
	if r.text != "" {
		dst = wire.AppendString(dst, r.text)
	}
	for _, param := range r.params {
		dst = append(dst, param...)
	}
	return dst
}

// size is how long the message is at most.
func (r *request) size() int {
	size := 96 + len(r.method) + len(r.text) + len(r.txn)
	for _, param := range r.params {
		size += len(param)
	}
	return size
}

// What became of a call.
const (
	queued    = iota // the writer has not begun to send it
	begun            // it was or is being sent: the message is the writer's
	withdrawn        // it is not sent any more: the message is its owner's
)

// call is a request that is sent over a connection.
type call struct {
	id      uint64
	message *[]byte
	state   atomic.Int32
	answer  chan answer // of one place; nil where nobody waits
	late    func(n *connection, result []byte)
}

// answer is the result as the server wrote it, or why there is none.
type answer struct {
	result []byte
	err    error
}

var (
	messages = sync.Pool{New: func() any { return new([]byte) }}
	calls    = sync.Pool{New: func() any { return &call{answer: make(chan answer, 1)} }}
)

// encode writes the message of a request.
func encode(r *request, id uint64) (*[]byte, error) {
	if size := r.size(); size > maxRequest {
		return nil, fmt.Errorf("%w, and this one has %d bytes", ErrTooLarge, size)
	}
	message := messages.Get().(*[]byte)
	*message = r.append((*message)[:0], id)
	return message, nil
}

// release gives a message's buffer to the next request.
func release(message *[]byte) {
	if cap(*message) <= maxKept {
		messages.Put(message)
	}
}
