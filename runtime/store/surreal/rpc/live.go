package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// How long it is until the server is asked again to end a live query.
const (
	killPause    = 50 * time.Millisecond
	maxKillPause = 5 * time.Second
)

// live is a live query, on whatever connection.
type live struct {
	text string

	mu    sync.Mutex
	wakes chan struct{} // of one place; closed at the end
	ended bool
}

// wake puts a wake-up where there is none yet.
func (l *live) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	select {
	case l.wakes <- struct{}{}:
	default:
	}
}

func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.wakes)
}

// place is where a live query runs.
type place struct {
	on *connection
	id [16]byte
}

// lives are the live queries of a client, all on its control connection.
type lives struct {
	// begins holds back others while live queries are begun.
	begins sync.Mutex

	mu     sync.Mutex
	places map[*live]place
	byID   map[[16]byte]*live
}

// Live runs a LIVE SELECT until ctx ends, also over connections to come. The
// channel gets a wake-up when something has happened, several may be one, and
// whenever the query was begun again, since what happened meanwhile was not
// told. It is closed when ctx or the client ends. The text has no parameters. An
// error is the server's about the text; a server that is away is waited for.
func (c *Client) Live(ctx context.Context, text string) (<-chan struct{}, error) {
	if !c.enter() {
		return nil, c.unavailable()
	}
	l := &live{text: text, wakes: make(chan struct{}, 1)}
	c.lives.add(l)
	if n := c.control.current.Load(); n != nil {
		// Its answer is waited for, so that none is left running on the server.
		wait, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), signInTime, errSignInTime)
		err := c.begin(wait, n, l)
		cancel()
		if refused := (&StatementError{}); errors.As(err, &refused) {
			c.endLive(l)
			c.running.Done()
			return nil, err
		}
	}
	go func() {
		defer c.running.Done()
		select {
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
		c.endLive(l)
	}()
	return l.wakes, nil
}

// begin runs a live query on a connection where it does not run yet.
func (c *Client) begin(ctx context.Context, n *connection, l *live) error {
	c.lives.begins.Lock()
	defer c.lives.begins.Unlock()
	if !c.lives.needs(l, n) {
		return nil
	}
	// One that was begun without our knowing is ended when its answer comes.
	result, err := n.ask(ctx, &request{method: "query", text: l.text, params: [][]byte{noVars}, late: killBegun})
	if err != nil {
		return err
	}
	list, err := results(result)
	if err != nil {
		return err
	}
	var id []byte
	if len(list) > 0 {
		r := wire.NewReader(list[len(list)-1])
		id = r.UUID()
		err = r.Err()
	}
	if len(id) != 16 || err != nil {
		return &StatementError{Statement: WholeText, Kind: "Validation", Message: "the text is no live query"}
	}
	if !c.lives.place(l, place{n, [16]byte(id)}) {
		c.kill(place{n, [16]byte(id)}) // it ended meanwhile
	}
	return nil
}

// restore begins all live queries on a new control connection, and wakes who
// waits for them.
func (c *Client) restore(n *connection) {
	ctx, cancel := context.WithTimeoutCause(c.ctx, signInTime, errSignInTime)
	defer cancel()
	for _, l := range c.lives.list() {
		if !c.lives.needs(l, n) {
			continue
		}
		if err := c.begin(ctx, n, l); err != nil {
			c.options.Logger.Warn("a live query was not begun again", "error", fmt.Errorf("%s: %w", l.text, err))
			continue
		}
		l.wake()
	}
}

func (c *Client) endLive(l *live) {
	if at, runs := c.lives.remove(l); runs {
		c.kill(at)
	}
	l.end()
}

// kill ends a live query on the server. It costs every write something for as long
// as it runs there, so a server that could not end it, as it does when another
// transaction is in the way, is asked again for as long as the connection lives.
func (c *Client) kill(at place) {
	if !c.enter() {
		return // its connection ends, and it with that
	}
	go func() {
		defer c.running.Done()
		id := wire.AppendBytes(wire.AppendTag(nil, wire.TagUUID), at.id[:])
		for wait := killPause; ; wait = min(2*wait, maxKillPause) {
			ctx, cancel := context.WithTimeoutCause(c.ctx, signInTime, errSignInTime)
			_, err := at.on.ask(ctx, &request{method: "kill", params: [][]byte{id}})
			cancel()
			if err == nil || at.on.broken() != nil {
				return
			}
			c.options.Logger.Debug("a live query was not ended", "error", err)
			select {
			case <-time.After(wait):
			case <-at.on.done:
				return
			case <-c.ctx.Done():
				return
			}
		}
	}()
}

// killBegun ends a live query that nobody waits for any more.
func killBegun(n *connection, result []byte) {
	list, err := results(result)
	if err != nil || len(list) == 0 {
		return
	}
	r := wire.NewReader(list[len(list)-1])
	if id := r.UUID(); r.Err() == nil && len(id) == 16 {
		n.client.kill(place{n, [16]byte(id)})
	}
}

func (v *lives) add(l *live) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.places == nil {
		v.places, v.byID = map[*live]place{}, map[[16]byte]*live{}
	}
	v.places[l] = place{}
}

func (v *lives) remove(l *live) (at place, runs bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at = v.places[l]
	delete(v.places, l)
	delete(v.byID, at.id)
	return at, at.on != nil
}

// place notes where a live query runs; false when it has ended.
func (v *lives) place(l *live, at place) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	before, known := v.places[l]
	if !known {
		return false
	}
	delete(v.byID, before.id)
	v.places[l], v.byID[at.id] = at, l
	return true
}

// needs reports whether a live query is to be begun on a connection.
func (v *lives) needs(l *live, n *connection) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, known := v.places[l]
	return known && at.on != n
}

// missing reports whether some live query does not run on a connection.
func (v *lives) missing(n *connection) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, at := range v.places {
		if at.on != n {
			return true
		}
	}
	return false
}

// outdate ends the live queries of a connection, to be begun again there.
func (v *lives) outdate(c *Client, n *connection) {
	v.mu.Lock()
	var old []place
	for l, at := range v.places {
		if at.on == n {
			old = append(old, at)
			delete(v.byID, at.id)
			v.places[l] = place{}
		}
	}
	v.mu.Unlock()
	for _, at := range old {
		c.kill(at)
	}
}

func (v *lives) list() []*live {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]*live, 0, len(v.places))
	for l := range v.places {
		list = append(list, l)
	}
	return list
}

// notify wakes the live query with this id; one that is not known yet may be any
// that is being begun.
func (v *lives) notify(id []byte) {
	v.mu.Lock()
	l := v.byID[[16]byte(id)]
	v.mu.Unlock()
	if l != nil {
		l.wake()
		return
	}
	for _, l := range v.list() {
		l.wake()
	}
}
