package realtime

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// message is what a client may say.
type message struct {
	Type  string `json:"type"`
	Token string `json:"token"`
	// Of one to be sent: Ref is for the client to know the answer by, Self false
	// for not hearing it himself.
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
	Ref     string          `json:"ref"`
	Self    *bool           `json:"self"`
}

// receive answers one message.
func (c *socket) receive(raw []byte) {
	var m message
	if err := json.Unmarshal(raw, &m); err != nil {
		c.reject(errNoJSON)
		return
	}
	switch m.Type {
	case "auth":
		c.authenticate(m.Token)
	case "ping":
		c.reply(pongFrame)
	case "send":
		c.say(&m)
	default:
		c.reject(errNoJSON)
	}
}

// reply queues a frame of our own. Who asks faster than he reads gets one pong
// for several pings; error frames are bounded by maxBadMessages.
func (c *socket) reply(frame []byte) {
	c.mu.Lock()
	if len(c.replies) <= maxBadMessages {
		c.replies = append(c.replies, frame)
	}
	c.mu.Unlock()
	c.kick()
}

// reject answers a message that means nothing; the tenth is the last.
func (c *socket) reject(f *fault.Fault) { c.rejectWith(f, "") }

func (c *socket) rejectWith(f *fault.Fault, ref string) {
	c.bad++
	c.reply(refusal(f, ref))
	if c.bad >= maxBadMessages {
		c.close(closing{codeBad, "ten messages that mean nothing here"})
	}
}

// authenticate makes the connection the token's caller's.
func (c *socket) authenticate(token string) {
	set := c.server.settings.Load()
	resolved, err := set.callers.Resolve("Bearer "+token, "")
	if err != nil {
		c.reply(errorFrame(fault.From(err)))
		if !c.opened { // only the reader sets it
			c.close(closing{codeNoCaller, "the token is not valid"})
		}
		return
	}
	caller := resolved.Caller
	if c.asked.origin && caller.IsService() {
		c.reply(errorFrame(errServiceKey))
		c.close(closing{codeDenied, errServiceKey.Message})
		return
	}
	if !c.server.seats.change(c.caller, caller) {
		c.close(closing{codeTooMany, errCrowded.Message})
		return
	}
	c.caller, c.keys = caller, set.keys
	if !c.opened {
		err = c.subscribe(caller)
	} else {
		err = c.rebind()
	}
	if err != nil {
		c.close(closingOfError(err))
	}
}

func (c *socket) rebind() error {
	if err := c.sub.Rebind(c.caller); err != nil {
		return err
	}
	c.admit()
	return nil
}

// closingOfError is what it means that a subscription was refused.
func closingOfError(err error) closing {
	switch {
	case fault.Is(err, "PGRST205"):
		return closingOf(live.End{Reason: live.Gone})
	case fault.Is(err, "42501"):
		return closingOf(live.End{Reason: live.Denied})
	case errors.Is(err, live.ErrClosed):
		return closingOf(live.End{Reason: live.Stopping})
	}
	return closingOf(live.End{Reason: live.Failed})
}

// rate counts messages in the second at hand.
type rate struct {
	second int64
	count  int
}

func (r *rate) allows(now time.Time) bool {
	if second := now.Unix(); second != r.second {
		r.second, r.count = second, 0
	}
	r.count++
	return r.count <= maxPerSecond
}
