package redis

import (
	"context"
	"crypto/hmac"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/eko/gocache/lib/v4/store"
)

const (
	// mostWaiting and mostWaitingBytes bound the answers that wait to be written;
	// what comes at the bound is not written.
	mostWaiting      = 1024
	mostWaitingBytes = 32 << 20
	// MaxEntry is the most that one entry may have: what is larger costs the wait of
	// everybody behind it.
	MaxEntry = 1 << 20
	// writers write at the same time.
	writers = 4
	macSize = 16
)

// Tier keeps entries of the cache for all nodes. It knows nothing of what they
// are. They are sealed with the deployment's key, so that what somebody else has
// written there, or half of an entry, is none.
type Tier struct {
	client *Client
	queue  chan written
	bytes  atomic.Int64 // in the queue

	hits, misses, errors, dropped atomic.Uint64
}

// written is an entry on its way.
type written struct {
	key   string
	value string
	keep  time.Duration
}

func newTier(c *Client) *Tier {
	return &Tier{client: c, queue: make(chan written, mostWaiting)}
}

// Get gives what was put under a key; false where there is nothing, or it cannot
// be said in time. The bytes may not be written to.
func (t *Tier) Get(ctx context.Context, key string) ([]byte, bool) {
	c := t.client
	name := c.keys.hashed(letterEntry, c.keys.entry, c.options.Entries, key)
	var found string
	err := c.ask(ctx, "get", func(ctx context.Context) error {
		var err error
		found, err = c.redis().cache.Get(ctx, name)
		if isMissing(err) {
			found, err = "", nil
		}
		return err
	})
	switch {
	case err != nil:
		t.errors.Add(1)
		return nil, false
	case found == "":
		t.misses.Add(1)
		return nil, false
	}
	body, whole := t.open(name, found)
	if !whole {
		t.errors.Add(1)
		return nil, false
	}
	t.hits.Add(1)
	return body, true
}

// isMissing tells that there is nothing from an error.
func isMissing(err error) bool {
	_, missing := err.(*store.NotFound) //nolint:errorlint // it is how the store gives it
	return missing
}

// open takes the seal off.
func (t *Tier) open(name, sealed string) ([]byte, bool) {
	if len(sealed) < macSize {
		return nil, false
	}
	body := sealed[macSize:]
	var sum [32]byte
	if !hmac.Equal(t.client.keys.mac.sum(sum[:0], name, body)[:macSize], []byte(sealed[:macSize])) {
		return nil, false
	}
	// Nobody writes to an entry's bytes, as nobody does to a string's.
	return unsafe.Slice(unsafe.StringData(body), len(body)), true //nolint:gosec // G103: see above
}

// Put keeps something under a key for a time, for whoever asks later. It never
// waits: what there is no room for, and what comes while the server is away, is
// not kept. The bytes are not kept.
func (t *Tier) Put(key string, body []byte, keep time.Duration) {
	if len(body) > MaxEntry || keep < time.Millisecond || t.client.breaker.open.Load() {
		return
	}
	size := int64(len(body)) + macSize
	if t.bytes.Add(size) > mostWaitingBytes {
		t.bytes.Add(-size)
		t.dropped.Add(1)
		return
	}
	c := t.client
	name := c.keys.hashed(letterEntry, c.keys.entry, c.options.Entries, key)
	text := string(body)
	var sum [32]byte
	sealed := string(c.keys.mac.sum(sum[:0], name, text)[:macSize]) + text
	select {
	case t.queue <- written{name, sealed, keep}:
	default:
		t.bytes.Add(-size)
		t.dropped.Add(1)
	}
}

// write writes what was put, until Close.
func (t *Tier) write() {
	for range writers - 1 {
		t.client.running.Go(t.writeOne)
	}
	t.writeOne()
}

func (t *Tier) writeOne() {
	c := t.client
	for {
		select {
		case <-c.life.Done():
			return
		case w := <-t.queue:
			t.bytes.Add(-int64(len(w.value)))
			// What fails is as if there had been no room.
			_ = c.ask(c.life, "set", func(ctx context.Context) error {
				return c.redis().cache.Set(ctx, w.key, w.value, store.WithExpiration(w.keep))
			})
		}
	}
}

// Counts are the tier's hits, misses and errors since the start.
func (t *Tier) Counts() (hits, misses, errors uint64) {
	return t.hits.Load(), t.misses.Load(), t.errors.Load()
}
