package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// The bounds of a message.
const (
	// MaxPayload is how many bytes of JSON a message may carry.
	MaxPayload = 64 << 10
	// maxEvent bounds the name of an event, in bytes.
	maxEvent = 64
	// tellPatience bounds how long other nodes may keep a sender waiting.
	tellPatience = 5 * time.Second
)

// The codes of what is refused.
const (
	CodeMessage  = "bad-message"
	CodeTooLarge = "too-large"
	codeAway     = "unavailable"
)

var (
	errEvent = fault.Newf(CodeMessage, "a message needs an event: 1 to %d bytes of text, without control characters", maxEvent).
			WithHint(`send {"event":"typing","payload":{...}}`)
	errPayload  = fault.Newf(CodeTooLarge, "a message carries at most %d bytes", MaxPayload).WithHint("store what is large, and send where it is")
	errUntold   = fault.New(codeAway, "the message could not be given to the other nodes").WithHint("try again in a few seconds")
	errNoMember = fault.New("PGRST205", "the channel is not declared any more")
)

// Broadcast is what somebody sent.
type Broadcast struct {
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"` // without blanks
	// From is the user who sent it; "" for who is none: nobody signed in, or the
	// service role.
	From string `json:"from"`
	At   int64  `json:"at"` // microseconds
}

// Sending is a message on its way.
type Sending struct {
	Caller  *auth.Caller
	Channel string
	Event   string
	Payload json.RawMessage // JSON; none is null
	// Except is a subscription that shall not hear it; nil is none.
	Except *Subscription
}

// Publish sends a message as a caller, and gives the cursor behind it. It is
// Send for who has no subscription.
func (h *Hub) Publish(ctx context.Context, caller *auth.Caller, channel, event string, payload json.RawMessage) (string, error) {
	at, err := h.Send(ctx, Sending{Caller: caller, Channel: channel, Event: event, Payload: payload})
	if err != nil {
		return "", err
	}
	return at.String(), nil
}

// Send gives a message to everybody who listens to a broadcast, on every node,
// and gives the cursor behind it. Faults: those of the gate's MaySend,
// CodeMessage and CodeTooLarge of the message, and that other nodes cannot be
// reached: then nobody has heard it here.
func (h *Hub) Send(ctx context.Context, s Sending) (Cursor, error) {
	if err := h.maySend(s.Caller, s.Channel); err != nil {
		return Cursor{}, err
	}
	b, err := letterOf(&s)
	if err != nil {
		return Cursor{}, err
	}
	if err := h.tellOthers(ctx, b); err != nil {
		return Cursor{}, err
	}
	var sender uint64
	if s.Except != nil {
		sender = s.Except.id
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics.byName[s.Channel]
	switch {
	case h.closed:
		return Cursor{}, ErrClosed
	case t == nil:
		return Cursor{}, errNoMember
	}
	return h.deliver(t, b, sender), nil
}

func (h *Hub) maySend(caller *auth.Caller, channel string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	return h.gate.MaySend(caller, channel)
}

// letterOf judges a message.
func letterOf(s *Sending) (*Broadcast, error) {
	if !isEvent(s.Event) {
		return nil, errEvent
	}
	if len(s.Payload) > MaxPayload {
		return nil, errPayload
	}
	payload := json.RawMessage("null")
	if len(s.Payload) > 0 {
		value, f := query.DecodeJSON(query.Type{Kind: query.KindJSON}, s.Payload)
		if f != nil {
			return nil, fault.New(CodeMessage, "the payload is no JSON that can be sent").WithDetails(f.Message).WithHint(f.Hint)
		}
		if value.Kind == query.KindJSON {
			payload = json.RawMessage(value.S)
		}
	}
	return &Broadcast{Channel: s.Channel, Event: s.Event, Payload: payload, From: s.Caller.UID, At: time.Now().UnixMicro()}, nil
}

func isEvent(name string) bool {
	if name == "" || len(name) > maxEvent || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// tellOthers gives a message to the other nodes, first: who was told that it
// failed has been heard by nobody here.
func (h *Hub) tellOthers(ctx context.Context, b *Broadcast) error {
	if h.relay == nil {
		return nil
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, tellPatience)
	defer cancel()
	err = h.relay.Tell(wait, raw)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, store.ErrClosed):
		return ErrClosed
	}
	return errUntold.WithCause(err)
}

// listen hears other nodes, from the first declared broadcast on. The caller
// holds h.mu, or nobody else has the hub yet.
func (h *Hub) listen() {
	if h.relay == nil || h.hearing || h.closed || len(h.topics.byName) == 0 {
		return
	}
	h.hearing = true
	h.tasks.Add(1)
	go func() {
		defer h.tasks.Done()
		h.relay.Listen(h.ctx, h.hear)
	}()
}

// hear delivers what was sent on another node. Who sent it was judged there.
func (h *Hub) hear(raw []byte) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("a message of another node could not be delivered", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	var b Broadcast
	if err := json.Unmarshal(raw, &b); err != nil || !isEvent(b.Event) || len(b.Payload) == 0 {
		h.log.Error("a message of another node could not be read", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics.byName[b.Channel]; t != nil && !h.closed {
		h.deliver(t, &b, 0)
	}
}
