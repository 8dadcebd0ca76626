package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// ErrTransactionOver is in the error of a transaction that was committed or
// cancelled before.
var ErrTransactionOver = errors.New("the transaction is over")

// Transaction is one that takes several requests. It lives on one connection,
// and only as long as its context and that connection do: what is not committed
// by then is cancelled. One goroutine at a time.
type Transaction struct {
	client     *Client
	connection *connection
	id         []byte // as wire has it
	over       atomic.Bool
	unwatch    [2]func() bool
}

// Begin begins a transaction. Commit or Cancel must be called; the end of ctx
// cancels.
func (c *Client) Begin(ctx context.Context) (*Transaction, error) {
	if !c.enter() {
		return nil, c.unavailable()
	}
	// One that was begun without our knowing ends with its connection.
	result, n, err := c.ask(ctx, &request{method: "begin", late: cancelBegun}, true)
	if err != nil {
		c.running.Done()
		return nil, fmt.Errorf("begin: %w", err)
	}
	r := wire.NewReader(result)
	if r.UUID(); r.Err() != nil {
		c.running.Done()
		return nil, fmt.Errorf("begin: %w", r.Err())
	}
	t := &Transaction{client: c, connection: n, id: result}
	t.unwatch[0] = context.AfterFunc(ctx, t.abandon)
	t.unwatch[1] = context.AfterFunc(c.ctx, t.abandon)
	return t, nil
}

// cancelBegun ends a transaction that nobody waits for any more.
func cancelBegun(n *connection, id []byte) {
	n.post(&request{method: "cancel", params: [][]byte{id}})
}

// Query runs a text as Client.Query does. A statement that fails leaves the
// transaction as it is: whoever wants nothing of it must Cancel. When the
// connection is lost, nothing of the transaction was done.
func (t *Transaction) Query(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	if t.over.Load() {
		return nil, t.ended()
	}
	if vars == nil {
		vars = noVars
	}
	result, err := t.connection.ask(ctx, &request{method: "query", text: text, params: [][]byte{vars}, txn: t.id})
	if err != nil {
		return nil, t.undone(ctx, err)
	}
	return results(result)
}

// undone is the error of a request whose work is not kept unless it is
// committed: nothing about it is unknown.
func (t *Transaction) undone(ctx context.Context, err error) error {
	lost := &UnavailableError{}
	switch {
	case errors.As(err, &lost):
		return t.connection.unavailable(false, lost.Cause)
	case errors.Is(err, ErrUnknownOutcome):
		return context.Cause(ctx)
	}
	return err
}

// ended is the error of a transaction that is over.
func (t *Transaction) ended() error {
	if cause := t.connection.broken(); cause != nil {
		return t.connection.unavailable(false, cause)
	}
	return ErrTransactionOver
}

// Commit makes what was written durable. When it has begun, the end of the
// transaction's own context no longer cancels.
func (t *Transaction) Commit(ctx context.Context) error {
	if !t.finish() {
		return t.ended()
	}
	_, err := t.connection.ask(ctx, &request{method: "commit", params: [][]byte{t.id}})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Cancel ends the transaction and leaves nothing of it. It may be called after
// Commit, and then does nothing.
func (t *Transaction) Cancel() {
	if t.finish() {
		cancelBegun(t.connection, t.id)
	}
}

// abandon cancels when a context has ended.
func (t *Transaction) abandon() {
	if t.over.CompareAndSwap(false, true) {
		cancelBegun(t.connection, t.id)
		t.client.running.Done()
	}
}

// finish makes the transaction over; false when it was.
func (t *Transaction) finish() bool {
	for _, stop := range t.unwatch { // of an abandoned one too: the client's context would hold it
		stop()
	}
	if !t.over.CompareAndSwap(false, true) {
		return false
	}
	t.client.running.Done()
	return true
}
