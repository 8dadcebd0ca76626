package realtime

import (
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

// clock is a connection's one timer and the moments it waits for; zero is
// never. It is guarded by its connection's mutex.
type clock struct {
	ping   time.Time
	expiry time.Time    // of the caller's token
	caller *auth.Caller // whose
	give   time.Time    // when the connection is given up, and why
	why    closing

	timer   *time.Timer
	stopped bool
}

// set makes the timer ring at the next moment.
func (k *clock) set(ring func()) {
	next := k.ping
	for _, t := range [...]time.Time{k.expiry, k.give} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if k.stopped || next.IsZero() {
		return
	}
	wait := max(time.Until(next), 0)
	if k.timer == nil {
		k.timer = time.AfterFunc(wait, ring)
		return
	}
	k.timer.Reset(wait)
}

// admit makes the clock a caller's: what was held against the one before is
// forgotten.
func (k *clock) admit(caller *auth.Caller) {
	k.give = time.Time{}
	k.caller, k.expiry = caller, caller.Expires
}

func (k *clock) stop() {
	k.stopped = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// due reports whether a moment has come, and moves it to next.
func due(moment *time.Time, now, next time.Time) bool {
	if moment.IsZero() || now.Before(*moment) {
		return false
	}
	*moment = next
	return true
}

// tick does what is due on a socket, and waits for what comes next.
func (c *socket) tick() {
	now := time.Now()
	c.mu.Lock()
	if c.closed || c.clock.stopped {
		c.mu.Unlock()
		return
	}
	if due(&c.clock.ping, now, now.Add(c.server.limits.Ping)) {
		c.ping = true
	}
	expired := due(&c.clock.expiry, now, time.Time{})
	if expired {
		c.clock.give, c.clock.why = now.Add(c.server.limits.Grace), closing{codeNoCaller, "the token has expired"}
		c.replies = append(c.replies, errorFrame(errExpired))
	}
	if due(&c.clock.give, now, time.Time{}) && c.ending == nil {
		why := c.clock.why
		c.ending = &why
	}
	sub, caller := c.sub, c.clock.caller
	c.clock.set(c.tick)
	c.mu.Unlock()
	if expired && sub != nil {
		sub.Pause(caller)
	}
	c.kick()
}
