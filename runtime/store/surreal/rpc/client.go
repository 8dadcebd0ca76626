// Package rpc is the connections to a SurrealDB server: multiplexed requests
// bounded by their contexts, transactions, live queries, and reconnection.
// store/surreal sends its texts through it. It knows no table and no statement.
package rpc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Options say where the server is and who we are there.
type Options struct {
	// URL is ws://HOST:PORT or wss://HOST:PORT; the path /rpc is added.
	URL string
	// Namespace and Database are made where the user may make them.
	Namespace, Database string
	// User and Password are those of a user of the server (ON ROOT), of the
	// namespace or of the database, who needs the role OWNER. Which of
	// them it is is found out, in this order.
	User, Password string
	// Connections is how many there are for requests. 0 is 1. One more is kept for
	// live queries, which also tells whether the server is there.
	Connections int
	// Roots are trusted for wss; nil is the system's.
	Roots *x509.CertPool
	// Logger hears when the server is lost and found again; nil is silence.
	Logger *slog.Logger

	silent int32 // ticks until a server is lost, where it is not silentTicks
}

// silence is for how many ticks a server may be silent.
func (o *Options) silence() int32 {
	if o.silent > 0 {
		return o.silent
	}
	return silentTicks
}

// Client is a set of connections to one server. Its methods may be called
// concurrently.
//
// A connection that breaks is opened again in the background. Meanwhile
// requests go over the others; when there is none they fail at once with
// ErrUnavailable. How often the server flushes what it acknowledges to its disk
// is set where it is started (SURREAL_DATASTORE_SYNC_DATA, or sync= in the path
// of its storage) and no request tells it: only with "every", the default of
// SurrealDB 3, is what was acknowledged there after a crash of its machine.
type Client struct {
	options  Options
	endpoint *endpoint
	control  *lane
	lanes    []*lane
	account  account
	lives    lives
	ids      atomic.Uint64
	up       gate

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

// Dial connects, signs in, and sees to it that namespace and database are there
// and may be changed. It tries once. The error says where the server was looked
// for, and is an ErrUnavailable where a later try may find it.
func Dial(ctx context.Context, o Options) (*Client, error) {
	e, err := newEndpoint(&o)
	if err != nil {
		return nil, err
	}
	if o.Connections <= 0 {
		o.Connections = 1
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{options: o, endpoint: e}
	c.account.options = &c.options
	c.ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.control = &lane{client: c, control: true}
	for range o.Connections {
		c.lanes = append(c.lanes, &lane{client: c})
	}
	if err := c.first(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	for _, l := range c.lanes[1:] {
		c.running.Go(func() { l.keep(nil) })
	}
	return c, nil
}

// first makes the first connections: what is wrong with the server or the user
// is found here.
func (c *Client) first(ctx context.Context) error {
	n, err := c.connect(ctx, startTime, c.prepare)
	if err != nil {
		return err
	}
	c.control.current.Store(n)
	c.running.Go(func() { c.control.keep(n) })
	if n, err = c.connect(ctx, startTime, nil); err != nil {
		return err
	}
	c.lanes[0].current.Store(n)
	c.running.Go(func() { c.lanes[0].keep(n) })
	return nil
}

// Query runs a text with its parameters, a map as wire appends it (nil for
// none), and gives the result of each statement as bytes for a wire.Reader. The
// error is a *StatementError where a statement failed; of those of a
// transaction it is the one that made it fail. A text that the server may have
// received is never sent again: see ErrUnknownOutcome.
func (c *Client) Query(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	return c.query(ctx, text, vars, false)
}

// Read is Query for a text that changes nothing: where a connection breaks, the
// text is sent again over another one.
func (c *Client) Read(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	return c.query(ctx, text, vars, true)
}

func (c *Client) query(ctx context.Context, text string, vars []byte, again bool) ([][]byte, error) {
	if vars == nil {
		vars = noVars
	}
	params := [1][]byte{vars}
	result, _, err := c.ask(ctx, &request{method: "query", text: text, params: params[:]}, again)
	if err != nil {
		return nil, err
	}
	return results(result)
}

var noVars = wire.AppendMap(nil, 0)

// maxAttempts bounds how often a request is given to another connection.
const maxAttempts = 4

// ask gives a request to the connection that has the fewest, and to another one
// where it was not done; where again is set, also where that is not known.
func (c *Client) ask(ctx context.Context, r *request, again bool) ([]byte, *connection, error) {
	for attempt := 1; ; attempt++ {
		n := c.pick()
		if n == nil {
			return nil, nil, c.unavailable()
		}
		result, err := n.ask(ctx, r)
		if err == nil {
			return result, n, nil
		}
		expired := errors.Is(err, errExpired)
		if expired {
			n.fail(err)
		}
		repeat := expired || errors.Is(err, ErrUnavailable) && (again || !errors.Is(err, ErrUnknownOutcome))
		if !repeat || attempt == maxAttempts || ctx.Err() != nil {
			if expired {
				err = n.unavailable(false, err)
			}
			return nil, nil, err
		}
	}
}

// pick gives the connection on which the fewest requests wait, of those that
// are heard where there are any.
func (c *Client) pick() *connection {
	var best *connection
	var least int32
	for _, l := range c.lanes {
		n := l.current.Load()
		if n == nil || n.broken() != nil {
			continue
		}
		waiting := n.waiting.Load()
		if n.silent.Load() >= quietTicks {
			waiting += maxPending
		}
		if best == nil || waiting < least {
			best, least = n, waiting
		}
	}
	return best
}

// controlAnswers reports whether the server is heard on the connection that has
// nothing else to do.
func (c *Client) controlAnswers() bool {
	n := c.control.current.Load()
	return n != nil && n.broken() == nil && n.silent.Load() < quietTicks
}

// Ready is nil while the server is heard and requests can be sent, else an
// ErrUnavailable. It sends nothing.
func (c *Client) Ready() error {
	if c.pick() == nil || !c.controlAnswers() {
		return c.unavailable()
	}
	return nil
}

// unavailable is the error of a request that no connection takes.
func (c *Client) unavailable() error {
	cause := c.control.failure()
	if c.isClosed() {
		cause = ErrClosed
	}
	return &UnavailableError{Address: c.endpoint.address, Cause: cause}
}

// Address is HOST:PORT of the server.
func (c *Client) Address() string { return c.endpoint.address }

// enter begins work that Close waits for, with running.Done at its end.
func (c *Client) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Add(1)
	return true
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Close ends all connections: requests that wait fail, live queries and
// transactions end. It waits for everything that it ran.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.running.Wait()
	return nil
}

// at says where, for the errors of Dial.
func (c *Client) at(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err // it says so
	}
	return fmt.Errorf("SurrealDB at %s: %w", c.endpoint.address, err)
}
