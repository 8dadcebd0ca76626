package rates

import (
	"context"
	"net/netip"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/web/address"
)

// Common is a count that several processes have in common.
type Common interface {
	// Take draws at most so many of requests in window for a caller, and gives back
	// those that were drawn before and not used. It gives how many are drawn, how
	// many more there are, when the allowance is whole, and, where none is drawn,
	// when to ask again. An error means that each counts alone.
	Take(ctx context.Context, caller []byte, requests int, window time.Duration, most, back int) (drawn, left int, full, again time.Duration, err error)
}

// Share counts with other processes from now on; it comes before the first
// request.
func (l *Limiter) Share(c Common) { l.common = c }

// shares is how many draws a rate is at least: what a process has drawn and not
// used it may use until the window's shareth has passed.
const shares = 20

// mostDenial is how long a refusal is remembered without asking again.
const mostDenial = time.Second

// drawn is what this process has of a common count. Times are of the limiter's
// clock.
type drawn struct {
	left   int32 // requests that may go on without asking
	share  int32 // how many were drawn the last time
	more   int32 // what was left for all, when it was asked
	asking bool
	until  int64 // then what is left is given back
	full   int64 // when the allowance is whole
	denied int64 // until then nobody need ask
}

// together counts a request that this process allows with the others, which it
// asks only now and then: it draws several requests at a time, more where they are
// used up in time. While nobody can be asked its own count is all there is.
func (l *Limiter) together(ctx context.Context, key uint64, t *Rate, caller *auth.Caller, client netip.Addr, alone Verdict, now time.Time) Verdict {
	budget, at := t.budget(caller.Role), int64(now.Sub(l.epoch))
	shard := &l.shards[key%limiterShards]
	shard.mu.Lock()
	c := shard.touch(key)
	d := &c.drawn
	switch {
	case d.left > 0 && at < d.until:
		d.left--
		v := d.verdict(alone, at)
		shard.mu.Unlock()
		return v
	case at < d.denied:
		v := c.refuse(d.denied-at, at, budget, t.window)
		shard.mu.Unlock()
		return v
	}
	most, back := 1, 0
	if !d.asking { // of several at once, one draws for those who come after
		back, most = int(d.left), d.next(at, budget)
		d.left, d.asking = 0, true
		defer l.asked(shard, key)
	}
	shard.mu.Unlock()

	got, left, full, again, err := l.common.Take(ctx, l.caller(t, caller, client), budget, t.window, most, back)
	if err != nil {
		return alone
	}
	shard.mu.Lock()
	defer shard.mu.Unlock()
	c = shard.touch(key)
	d = &c.drawn
	d.full, d.more = at+int64(full), int32(min(left, 1<<30))
	if got == 0 {
		d.denied = at + int64(min(again, mostDenial))
		return c.refuse(int64(again), at, budget, t.window)
	}
	d.share = int32(got)
	d.left += int32(got) - 1
	d.until = at + int64(t.window)/shares
	return d.verdict(alone, at)
}

// next is how many are drawn: twice as many as the last time where those were used
// up in time, one where not.
func (d *drawn) next(at int64, budget int) int {
	if d.left > 0 || at >= d.until {
		return 1
	}
	return min(2*int(d.share), max(budget/shares, 1))
}

// verdict is that of a request that all allow.
func (d *drawn) verdict(alone Verdict, at int64) Verdict {
	alone.Remaining = min(alone.Remaining, int(d.left+d.more))
	alone.Reset = max(alone.Reset, time.Duration(d.full-at))
	return alone
}

// refuse gives back what the process itself has counted for a request that all
// others together do not allow.
func (c *counter) refuse(again, at int64, budget int, window time.Duration) Verdict {
	c.full -= max(int64(window)/int64(budget), 1)
	return Verdict{Reset: max(time.Duration(c.drawn.full-at), 0), Retry: time.Duration(again)}
}

// asked ends the asking of one key.
func (l *Limiter) asked(shard *limiterShard, key uint64) {
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if i, there := shard.index[key]; there {
		shard.entries[i].drawn.asking = false
	}
}

// caller tells callers apart as key does, for who counts elsewhere.
func (l *Limiter) caller(t *Rate, caller *auth.Caller, client netip.Addr) []byte {
	text := append(make([]byte, 0, 64), t.name...)
	text = append(text, 0)
	text = append(text, caller.Role...)
	text = append(text, 0)
	if t.perCaller && caller.UID != "" {
		return append(text, caller.UID...)
	}
	held := address.Network(client).As16()
	return append(text, held[:]...)
}
