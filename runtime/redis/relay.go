package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// relayEvery is the least time between two words to the other nodes: what is
// written meanwhile is in the next one.
const relayEvery = 2 * time.Millisecond

// Relay carries word from node to node that something was written. It says
// neither what nor where: the database's feed does, which nobody need not read
// for having missed a word.
type Relay struct {
	client *Client
	me     string
	wrote  chan struct{}
	heard  atomic.Pointer[func()]
}

func newRelay(c *Client) *Relay {
	return &Relay{client: c, me: rand.Text(), wrote: make(chan struct{}, 1)}
}

// Tell tells the other nodes that this one has written. It never waits.
func (r *Relay) Tell() {
	select {
	case r.wrote <- struct{}{}:
	default:
	}
}

// Hear sets who is told that another node has written; it may not wait.
func (r *Relay) Hear(heard func()) { r.heard.Store(&heard) }

func (r *Relay) publish() {
	c := r.client
	for {
		select {
		case <-c.life.Done():
			return
		case <-r.wrote:
		}
		_ = c.ask(c.life, "relay", func(ctx context.Context) error { // what is lost, the feed has
			return c.redis().Publish(ctx, c.keys.prefix+nameRelay, r.me).Err()
		})
		select {
		case <-c.life.Done():
			return
		case <-time.After(relayEvery):
		}
	}
}

// listen hears the other nodes until Close; it connects anew by itself.
func (r *Relay) listen() {
	c := r.client
	for c.life.Err() == nil {
		r.listenOn(c.redis())
	}
}

// listenOn hears them until another link is in the place of this one.
func (r *Relay) listenOn(by *link) {
	c := r.client
	heard := by.Subscribe(c.life, c.keys.prefix+nameRelay)
	defer heard.Close() //nolint:errcheck // nothing was written
	messages := heard.Channel(redis.WithChannelSize(64), redis.WithChannelHealthCheckInterval(3*time.Second))
	for {
		select {
		case <-c.life.Done():
			return
		case <-by.lost:
			return
		case m, ok := <-messages:
			if !ok { // it is about to be replaced, or this is the end
				messages = nil
				continue
			}
			if hear := r.heard.Load(); hear != nil && m.Payload != r.me {
				(*hear)()
			}
		}
	}
}

// versionsKept is how long what nodes agreed on is kept when none renews it.
const versionsKept = time.Hour

// Board is where nodes leave each other what they know of the tables' versions.
// It may forget, and show what was there long ago: who reads it looks whether it
// is still true.
type Board struct{ client *Client }

// Board is that of all nodes with the same prefix.
func (c *Client) Board() Board { return Board{c} }

// Read gives what was left there last, nil for nothing.
func (b Board) Read(ctx context.Context) ([]byte, error) {
	var text string
	err := b.client.patientlyUp(ctx, "versions", func(ctx context.Context) (err error) {
		text, err = b.client.redis().Get(ctx, b.name()).Result()
		return err
	})
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, err
	}
	body, whole := b.client.tier.open(b.name(), text)
	if !whole {
		return nil, nil // it is of others
	}
	return body, nil
}

// Write leaves something there.
func (b Board) Write(ctx context.Context, body []byte) error {
	var sum [32]byte
	sealed := string(b.client.keys.mac.sum(sum[:0], b.name(), string(body))[:macSize]) + string(body)
	return b.client.patientlyUp(ctx, "versions", func(ctx context.Context) error {
		return b.client.redis().Set(ctx, b.name(), sealed, versionsKept).Err()
	})
}

func (b Board) name() string { return b.client.keys.prefix + nameVersions }

// patientlyUp is patiently while the breaker is closed.
func (c *Client) patientlyUp(ctx context.Context, operation string, do func(context.Context) error) error {
	if c.breaker.open.Load() {
		return ErrAway
	}
	return c.patiently(ctx, operation, do)
}
