package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// hall is a gate with broadcasts beside the world's notes. Who is in deaf may
// not listen, who is in dumb may not send.
type hall struct {
	*gate
	channels   map[string]*manifest.Channel
	deaf, dumb map[string]bool
}

func newHall(w *world, history int, names ...string) *hall {
	h := &hall{gate: w.gate(), channels: map[string]*manifest.Channel{}, deaf: map[string]bool{}, dumb: map[string]bool{}}
	for _, name := range names {
		h.channels[name] = &manifest.Channel{Name: name, Broadcast: true, History: history}
	}
	return h
}

func (h *hall) Broadcasts() []*manifest.Channel {
	var list []*manifest.Channel
	for _, c := range h.channels {
		list = append(list, c)
	}
	return list
}

func (h *hall) Subscribe(c *auth.Caller, channel string) (*data.Subscription, error) {
	declared := h.channels[channel]
	switch {
	case declared == nil:
		return h.gate.Subscribe(c, channel)
	case h.deaf[c.UID]:
		return nil, fault.New("42501", "may not listen")
	}
	return &data.Subscription{Channel: declared, Group: channel + " broadcast"}, nil
}

func (h *hall) MaySend(c *auth.Caller, channel string) error {
	switch {
	case h.channels[channel] == nil:
		return fault.New("PGRST205", "no such channel")
	case h.dumb[c.UID]:
		return fault.New("42501", "may not send")
	}
	return nil
}

// attend subscribes to a broadcast.
func attend(t testing.TB, h *live.Hub, channel, uid string, after *live.Cursor) *client {
	t.Helper()
	c := &client{t: t, who: caller(uid), wake: make(chan struct{}, 1), view: make(map[int64]string)}
	sub, err := h.Subscribe(live.Request{Channel: channel, Caller: c.who, After: after, Encoder: plain{}, Wake: c.rouse})
	if err != nil {
		t.Fatalf("subscribe %q: %v", uid, err)
	}
	c.sub = sub
	t.Cleanup(sub.Close)
	return c
}

func say(t testing.TB, h *live.Hub, channel, uid, text string) live.Cursor {
	t.Helper()
	at, err := h.Publish(t.Context(), caller(uid), channel, "said", json.RawMessage(fmt.Sprintf("%q", text)))
	if err != nil {
		t.Fatalf("say %s: %v", text, err)
	}
	cursor, err := live.ParseCursor(at)
	if err != nil {
		t.Fatal(err)
	}
	return cursor
}

// heard is what came, in order: messages as their text, the rest as its type.
func (c *client) heard() []string {
	list := []string{}
	for i := range c.seen {
		if c.seen[i].Type != "message" {
			list = append(list, c.seen[i].Type)
			continue
		}
		var text string
		if err := json.Unmarshal(c.seen[i].Payload, &text); err != nil {
			c.t.Errorf("payload %s: %v", c.seen[i].Payload, err)
		}
		list = append(list, text)
	}
	return list
}

func (c *client) untilHeard(want ...string) {
	c.t.Helper()
	c.until(strings.Join(want, " "), func() bool { return len(c.heard()) >= len(want) })
	if got := c.heard(); !slices.Equal(got, want) {
		c.t.Fatalf("heard %q, want %q", got, want)
	}
}

// wire joins hubs as nodes of one database are.
type wire struct {
	mu     sync.Mutex
	nodes  map[*port]bool
	broken error
}

type port struct {
	wire *wire
	hear func([]byte)
}

func (p *port) Tell(_ context.Context, message []byte) error {
	p.wire.mu.Lock()
	defer p.wire.mu.Unlock()
	if p.wire.broken != nil {
		return p.wire.broken
	}
	for other := range p.wire.nodes {
		if other != p {
			other.hear(message)
		}
	}
	return nil
}

func (p *port) Listen(ctx context.Context, hear func([]byte)) {
	p.wire.mu.Lock()
	p.hear = hear
	p.wire.nodes[p] = true
	p.wire.mu.Unlock()
	<-ctx.Done()
}
