// Package tiered keeps the answer cache: one bounded memory tier in the
// process, spoken to through gocache, one that processes share behind it where
// there is one, with single fill and stale serving on top. The engine makes one for its whole life and hands it to every
// generation's gate; nothing else knows gocache or otter. It never looks into
// an answer, and the key alone decides who gets it.
//
// Reads of the memory tier go to otter directly: gocache takes a lock and
// allocates for every read, which the fast path cannot afford. Misses and
// stores go through gocache.
package tiered

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	gocache "github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/store"
	"golang.org/x/sync/singleflight"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// DefaultFillTime bounds one fill when Options say nothing.
const DefaultFillTime = 30 * time.Second

// Options is what a cache is made of.
type Options struct {
	// Bytes bounds the memory tier, keys and bookkeeping included; at the bound
	// what is least likely to be asked for goes. An entry of more than an eighth
	// of it is served but not kept.
	Bytes int64
	// FillTime bounds one fill, which outlives the request that began it; zero
	// is DefaultFillTime.
	FillTime time.Duration
	// Clock is read for freshness; nil is time.Now.
	Clock func() time.Time
	// Second is asked for what memory has not, and given what was filled; nil:
	// memory alone.
	Second Second
}

// Cache is a cache.Cache. It outlives generations and is closed once, at the
// end.
type Cache struct {
	memory   *memory
	tier     gocache.CacheInterface[*held] // the memory tier, as gocache sees it
	flights  singleflight.Group
	second   Second
	fillTime time.Duration
	clock    func() time.Time
	epoch    time.Time // what held's times count from

	hits, misses, stales atomic.Uint64

	life   context.Context // ends at Close; fills end with it
	end    context.CancelFunc
	mu     sync.Mutex // guards closed and the growth of fills
	closed bool
	fills  sync.WaitGroup
}

var _ cache.Cache = (*Cache)(nil)

// held is an entry with its times, in nanoseconds since the cache's epoch. It
// is never changed once stored, but for its refreshing mark.
type held struct {
	entry      *cache.Entry
	fresh      int64         // served as it is until then
	dead       int64         // served stale until then
	keep       time.Duration // dead, as a duration from its storing
	refreshing atomic.Bool   // somebody is at it
}

// errClosed ends fills that Close found running.
var errClosed = errors.New("the cache is closed")

// New makes a cache. It starts goroutines of its own: Close it.
func New(o Options) (*Cache, error) {
	if o.Bytes <= 0 {
		return nil, fmt.Errorf("a cache of %d bytes keeps nothing", o.Bytes)
	}
	if o.FillTime <= 0 {
		o.FillTime = DefaultFillTime
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	m, err := newMemory(o.Bytes)
	if err != nil {
		return nil, fmt.Errorf("make the memory cache: %w", err)
	}
	c := &Cache{memory: m, tier: gocache.New[*held](m), second: o.Second, fillTime: o.FillTime, clock: o.Clock, epoch: o.Clock()}
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// now is the time since the cache's epoch, by the monotonic clock.
func (c *Cache) now() int64 { return int64(c.clock().Sub(c.epoch)) }

// Lookup gives a fresh entry, or nil. It allocates nothing and does not keep
// key. A nil is not counted as a miss: Fetch comes next and counts it.
func (c *Cache) Lookup(key []byte) *cache.Entry {
	h := c.memory.lookup(key)
	if h == nil || c.now() >= h.fresh {
		return nil
	}
	c.hits.Add(1)
	return h.entry
}

// Fetch gives the entry of a key. A missing one is filled once, however many
// ask; a stale one is served while one fill refreshes it. Fill errors, panics
// included, go to everyone who waited and are not kept. A fill is bounded by
// FillTime and by Close, not by the callers who wait for it.
func (c *Cache) Fetch(ctx context.Context, key string, policy cache.Policy, fill cache.Fill) (*cache.Entry, cache.Status, error) {
	if policy.TTL <= 0 {
		entry, err := fill(ctx)
		return entry, cache.Bypass, err
	}
	if h := c.memory.find(key); h != nil {
		switch now := c.now(); {
		case now < h.fresh:
			c.hits.Add(1)
			return h.entry, cache.Hit, nil
		case now < h.dead:
			c.stales.Add(1)
			c.refresh(ctx, key, h, policy, fill)
			return h.entry, cache.Hit, nil
		}
	}
	c.misses.Add(1)
	result := c.flights.DoChan(key, func() (any, error) {
		return c.load(ctx, key, policy, fill, c.find)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, cache.Miss, r.Err
		}
		if h, shared := r.Val.(*held); shared {
			if c.now() >= h.fresh {
				c.stales.Add(1)
				c.refresh(ctx, key, h, policy, fill)
			}
			return h.entry, cache.Hit, nil
		}
		return r.Val.(*cache.Entry), cache.Miss, nil
	case <-ctx.Done():
		return nil, cache.Miss, ctx.Err()
	}
}

// refresh begins one fill behind a stale entry. When it fails the entry stays
// as it was, and the next caller tries again.
func (c *Cache) refresh(ctx context.Context, key string, h *held, policy cache.Policy, fill cache.Fill) {
	if !h.refreshing.CompareAndSwap(false, true) {
		return
	}
	c.flights.DoChan(key, func() (any, error) {
		defer h.refreshing.Store(false)
		return c.load(ctx, key, policy, fill, nil)
	})
}

// find asks the tiers for a fresh entry: another flight may have stored it
// between a caller's look and its own flight.
func (c *Cache) find(ctx context.Context, key string) *cache.Entry {
	h, err := c.tier.Get(ctx, key)
	if err != nil || h == nil || c.now() >= h.fresh {
		return nil
	}
	return h.entry
}

// load fills a key and stores what came, unless the second tier has it: then it
// gives what is held now, and else the entry. A refresh, which has no find, takes
// from there only what is fresh. It runs in a goroutine of the flight.
func (c *Cache) load(ctx context.Context, key string, policy cache.Policy, fill cache.Fill,
	find func(context.Context, string) *cache.Entry,
) (any, error) {
	if !c.begin() {
		return nil, errClosed
	}
	defer c.fills.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.fillTime)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()

	if find != nil {
		if found := find(ctx, key); found != nil {
			return found, nil
		}
	}
	if h := c.askSecond(ctx, key, policy, find == nil); h != nil {
		return h, nil
	}
	var entry *cache.Entry
	err := protect(func() error {
		var err error
		entry, err = fill(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, errors.New("fill of the cache gave no entry")
	}
	c.put(ctx, key, entry, policy)
	return entry, nil
}

// protect turns a panic into an error: it must reach those who wait, and must
// not end the process.
func protect(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("fill of the cache panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return do()
}

// put stores an entry; one that is too large is let go, and so is one that the
// tier refuses, for the answer stands without it.
func (c *Cache) put(ctx context.Context, key string, entry *cache.Entry, policy cache.Policy) {
	now := c.now()
	fresh, keep := entry.Times(policy)
	c.keep(ctx, key, &held{entry: entry, fresh: now + int64(fresh), dead: now + int64(keep), keep: keep})
	c.putSecond(key, entry, keep)
}

// keep puts what is held into memory.
func (c *Cache) keep(ctx context.Context, key string, h *held) {
	if c.memory.fits(key, h.entry) {
		_ = c.tier.Set(ctx, key, h, store.WithExpiration(h.keep)) // the memory tier does not fail
	}
}

// begin counts a fill in, unless the cache is closed.
func (c *Cache) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.fills.Add(1)
	return true
}

// Stats tells how full the cache is and how it does.
func (c *Cache) Stats() cache.Stats {
	return cache.Stats{
		Entries: c.memory.entries(), Bytes: c.memory.bytes(), MaxBytes: c.memory.max,
		Hits: c.hits.Load(), Misses: c.misses.Load(), Stales: c.stales.Load(),
		Evictions: c.memory.evictions.Load(),
	}
}

// Close ends running fills, waits for them and lets all entries go. Later
// misses fail; closing again does nothing.
func (c *Cache) Close() error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	c.mu.Unlock()
	if already {
		return nil
	}
	c.end()
	c.fills.Wait()
	c.memory.close()
	return nil
}
