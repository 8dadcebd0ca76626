package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

const (
	// mostTimeouts in a row open the breaker.
	mostTimeouts = 3
	// watchEvery is how often a server that nobody asks is looked at.
	watchEvery = time.Second
	// A server that is away is tried after minRest, and more and more seldom.
	minRest = 50 * time.Millisecond
	maxRest = time.Second
	// healTime bounds one try; a server that takes longer is not well.
	healTime = time.Second
	// leastWait is a time that is worth asking for.
	leastWait = time.Millisecond
)

// breaker is whether the server is asked.
type breaker struct {
	open     atomic.Bool
	timeouts atomic.Int32
	// kick is for who heals.
	kick chan struct{}

	mu    sync.Mutex
	since time.Time // of the state
	cause error     // of the last trouble
	opens uint64
}

func (b *breaker) init() {
	b.kick = make(chan struct{}, 1)
	b.since = time.Now()
}

// ask does something for a request: not at all while the breaker is open or when
// the request has waited long enough, and no longer than is left to it.
func (c *Client) ask(ctx context.Context, operation string, do func(context.Context) error) error {
	if c.breaker.open.Load() {
		c.met(operation, ResultOpen, 0)
		return ErrAway
	}
	timeout := time.Duration(c.timeout.Load())
	patience, left := cache.PatienceOf(ctx), timeout
	if patience != nil {
		left -= patience.Spent()
	}
	if left < leastWait {
		c.met(operation, ResultOpen, 0)
		return ErrAway
	}
	// One who goes away does not make it look as if the server did not answer.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), left)
	defer cancel()
	began := time.Now()
	err := do(bounded)
	took := time.Since(began)
	if patience != nil {
		patience.Spend(took)
	}
	return c.judge(operation, err, took, took >= timeout/2)
}

// patiently is ask for what no request waits for.
func (c *Client) patiently(ctx context.Context, operation string, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, patientTime)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	began := time.Now()
	err := do(bounded)
	if ctx.Err() != nil || c.life.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return c.judge(operation, err, time.Since(began), true)
}

// judge tells trouble from an answer. counts says that a time that was not enough
// would have been for a server that is well.
func (c *Client) judge(operation string, err error, took time.Duration, counts bool) error {
	switch {
	case !isTrouble(err):
		c.breaker.timeouts.Store(0)
		c.met(operation, ResultOK, took)
	case isTimeout(err):
		c.met(operation, ResultTimeout, took)
		if counts && c.breaker.timeouts.Add(1) >= mostTimeouts {
			c.trip(errors.New("it takes too long to answer"))
		}
	default:
		c.met(operation, ResultFailed, took)
		if !errors.Is(err, redis.ErrClosed) { // by us: there is another link
			c.trip(err)
		}
	}
	return err
}

func (c *Client) met(operation, result string, took time.Duration) {
	if c.options.Meter != nil {
		c.options.Meter.Asked(operation, result, took)
	}
}

// isTimeout reports an error of waiting.
func isTimeout(err error) bool {
	var timed interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout() || errors.Is(err, redis.ErrPoolTimeout)
}

// unfit are answers of a server that cannot do its work now.
var unfit = []string{
	"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "OOM", "NOAUTH", "WRONGPASS", "NOPERM", "MISCONF", "TRYAGAIN", "NOREPLICAS", "ERR max number of clients", "ERR invalid password",
}

// isTrouble tells an error that is no answer, or one of a server that cannot.
func isTrouble(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		return false
	}
	var answer redis.Error
	if !errors.As(err, &answer) {
		return true
	}
	for _, prefix := range unfit {
		if strings.HasPrefix(answer.Error(), prefix) {
			return true
		}
	}
	return false
}

// trip opens the breaker, and says so once.
func (c *Client) trip(cause error) {
	if c.life.Err() != nil {
		return
	}
	b := &c.breaker
	b.mu.Lock()
	b.cause = cause
	opened := !b.open.Swap(true)
	if opened {
		b.since = time.Now()
		b.opens++
	}
	b.mu.Unlock()
	if opened {
		c.log.Warn("redis is away; everything goes on from memory and the database", "error", cause.Error())
	}
	b.wake()
}

// wake has who heals look soon.
func (b *breaker) wake() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// shut lets it be asked again.
func (c *Client) shut() {
	b := &c.breaker
	b.mu.Lock()
	was := time.Since(b.since)
	b.since = time.Now()
	b.timeouts.Store(0)
	b.open.Store(false)
	b.mu.Unlock()
	c.log.Info("redis is there again", "away", was.Round(time.Millisecond).String())
}

// attend looks at the server now and then, and heals the breaker, until Close.
func (c *Client) attend() {
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	rest, due := minRest, time.Now().Add(watchEvery)
	for {
		select {
		case <-c.life.Done():
			return
		case <-timer.C:
		case <-c.breaker.kick:
			if soon := time.Now().Add(minRest); soon.Before(due) {
				rest, due = minRest, soon
				timer.Reset(minRest)
			}
			continue
		}
		switch err := c.tend(); {
		case c.life.Err() != nil:
			return
		case err == nil:
			rest = minRest
			due = time.Now().Add(watchEvery)
		default:
			rest = min(2*rest, maxRest)
			due = time.Now().Add(rest/2 + rand.N(rest/2)) //nolint:gosec // nodes do not come all at once; no secret
		}
		timer.Reset(time.Until(due))
	}
}

// tend looks at a server that is well, and heals the breaker of one that was not.
func (c *Client) tend() error {
	if !c.breaker.open.Load() {
		c.watch()
		return nil
	}
	if err := c.heal(c.life); err != nil {
		c.breaker.mu.Lock()
		c.breaker.cause = err
		c.breaker.mu.Unlock()
		return err
	}
	c.shut()
	return nil
}

// watch looks at a server that is well; how it is, is judged where it is asked.
func (c *Client) watch() {
	if c.ask(c.life, "watch", c.probe) != nil {
		return
	}
	_ = c.patiently(c.life, "watch", func(ctx context.Context) error {
		by := c.redis()
		if c.values.doubts() {
			if err := c.values.mend(ctx, by); err != nil {
				return err
			}
		}
		return c.values.tidy(ctx, by)
	})
}

// probe writes and reads: a server that is full, or a replica, is of no use.
func (c *Client) probe(ctx context.Context) error {
	return c.redis().Set(ctx, c.keys.prefix+nameProbe, "1", time.Minute).Err()
}

// heal finds the server well, or not. What functions changed while it was away,
// and what it may have forgotten of their changes, is gone before anybody asks
// again: see Values. Answers need none of it, for what has changed has another
// key.
func (c *Client) heal(ctx context.Context) error {
	next, err := c.connect()
	if err != nil {
		return err
	}
	if err := c.judgeLink(ctx, next); err != nil {
		_ = next.Close() // it is of no use
		return err
	}
	c.relink(next)
	return nil
}

// judgeLink finds the server well by way of a new link, or not.
func (c *Client) judgeLink(ctx context.Context, next *link) error {
	ctx, cancel := context.WithTimeout(ctx, healTime)
	defer cancel()
	if err := next.servers.learn(ctx, next.UniversalClient); err != nil {
		return err
	}
	if err := c.values.mend(ctx, next); err != nil {
		return err
	}
	began := time.Now()
	if err := next.Set(ctx, c.keys.prefix+nameProbe, "1", time.Minute).Err(); err != nil {
		return err
	}
	if took := time.Since(began); took > time.Duration(c.timeout.Load()) {
		return errors.New("it takes " + took.Round(time.Millisecond).String() + " to answer")
	}
	return nil
}

// Status is how it is.
type Status struct {
	Kind string
	// Up tells that it answers, and Open that nothing is asked of it.
	Up, Open bool
	Since    time.Time
	Error    string // the last trouble's, "" for none
	Opens    uint64 // how often the breaker has opened
	Dropped  uint64 // answers that were not written, for the queue was full
}

// Status says how it is now.
func (c *Client) Status() Status {
	b := &c.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	open := b.open.Load()
	s := Status{Kind: c.options.Kind, Up: !open, Open: open, Since: b.since, Opens: b.opens, Dropped: c.tier.dropped.Load()}
	if b.cause != nil {
		s.Error = clean(b.cause)
	}
	return s
}

// Up reports that it is asked.
func (c *Client) Up() bool { return !c.breaker.open.Load() }

// clean is an error in one line; go-redis and net put no secret into theirs.
func clean(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	return text[:min(len(text), 300)]
}
