package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
)

func TestBroadcastReachesAllOfItsChannelOnly(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 0, "lobby", "den"), live.Options{})
	ann, bob, other := attend(t, h, "lobby", "ann", nil), attend(t, h, "lobby", "", nil), attend(t, h, "den", "", nil)
	at := say(t, h, "lobby", "ann", "hello")
	say(t, h, "den", "bob", "psst")
	ann.untilHeard("joined", "hello")
	bob.untilHeard("joined", "hello")
	other.untilHeard("joined", "psst")
	if ann.cursor != at {
		t.Errorf("the frame's cursor is %s, the sender's %s", ann.cursor, at)
	}
	if f := ann.seen[1]; f.From != "ann" || f.Event != "said" {
		t.Errorf("frame %+v", f)
	}
}

// A message is encoded once, however many hear it, also those who come later.
type counting struct{ n *atomic.Int64 }

func (c counting) Encode(dst []byte, e *live.Event) []byte {
	if e.Type == live.Message {
		c.n.Add(1)
	}
	return plain{}.Encode(dst, e)
}

func TestBroadcastIsEncodedOnce(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 10, "lobby"), live.Options{})
	encoder := counting{new(atomic.Int64)}
	var subs []*live.Subscription
	add := func() {
		sub, err := h.Subscribe(live.Request{Channel: "lobby", Caller: caller(""), Encoder: encoder, Wake: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sub.Close)
		subs = append(subs, sub)
	}
	for range 20 {
		add()
	}
	for i := range 5 {
		say(t, h, "lobby", "", fmt.Sprint(i))
	}
	for range 20 {
		add()
	}
	for i, sub := range subs {
		if frames, _ := sub.Take(nil, 1<<20); len(frames) != 6 {
			t.Errorf("%d: %d frames", i, len(frames))
		}
	}
	if n := encoder.n.Load(); n != 5 {
		t.Errorf("5 messages were encoded %d times", n)
	}
}

func TestBroadcastHistoryAndResume(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 3, "lobby"), live.Options{})
	first := attend(t, h, "lobby", "", nil)
	for i := range 5 {
		say(t, h, "lobby", "", fmt.Sprint(i))
	}
	first.untilHeard("joined", "0", "1", "2", "3", "4")
	second := attend(t, h, "lobby", "", nil)
	second.untilHeard("joined", "2", "3", "4")

	// Each place between the frames is one to come back to.
	again := *first
	for n, f := range first.seen[:3] {
		at, err := live.ParseCursor(f.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		again := attend(t, h, "lobby", "", &at)
		again.untilHeard(append([]string{"resumed"}, []string{"0", "1", "2", "3", "4"}[n:]...)...)
	}
	again.sub.Close()
	say(t, h, "lobby", "", "5")
	third := attend(t, h, "lobby", "", &again.cursor)
	third.untilHeard("resumed", "5")

	for name, at := range map[string]live.Cursor{
		"another process": {Commit: first.cursor.Commit},
		"the future":      {Commit: first.cursor.Commit, Of: first.cursor.Of},
		"another channel": {Commit: first.cursor.Commit, Of: first.cursor.Of + 1},
		"rows":            {Commit: first.cursor.Commit, Part: 1},
	} {
		switch name {
		case "another process":
			at.Commit.Epoch++
		case "the future":
			at.Commit.Seq += 5
		}
		lost := attend(t, h, "lobby", "", &at)
		lost.untilHeard("truncated", "joined", "3", "4", "5")
	}
}

func TestBroadcastKeepsNoMoreThanItsBounds(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 1000, "lobby"), live.Options{HistoryBytes: 10_000})
	early := attend(t, h, "lobby", "", nil)
	early.take()
	for range 40 {
		say(t, h, "lobby", "", strings.Repeat("x", 1000)) // 2 KiB and more each
	}
	late := attend(t, h, "lobby", "", nil)
	late.take()
	if n := len(late.seen) - 1; n < 1 || n > 4 {
		t.Errorf("%d messages of 10 kB were kept", n)
	}
	lost := attend(t, h, "lobby", "", &early.cursor)
	lost.take()
	if got := lost.heard(); got[0] != "truncated" || got[1] != "joined" {
		t.Errorf("what is not kept any more was resumed: %q", got[:2])
	}
}

func TestBroadcastRules(t *testing.T) {
	w := newWorld()
	g := newHall(w, 0, "lobby")
	g.deaf["eve"], g.dumb["bob"] = true, true
	h := newHub(t, w, g, live.Options{})
	if _, err := h.Subscribe(live.Request{Channel: "lobby", Caller: caller("eve"), Encoder: plain{}, Wake: func() {}}); !fault.Is(err, "42501") {
		t.Errorf("eve listens: %v", err)
	}
	ann := attend(t, h, "lobby", "ann", nil)
	big := json.RawMessage(`"` + strings.Repeat("x", live.MaxPayload) + `"`)
	for _, tt := range []struct {
		who, channel, event string
		payload             json.RawMessage
		code                string
	}{
		{"bob", "lobby", "said", nil, "42501"},
		{"ann", "nope", "said", nil, "PGRST205"},
		{"ann", "notes", "said", nil, "PGRST205"},
		{"ann", "lobby", "", nil, "bad-message"},
		{"ann", "lobby", "a\nb", nil, "bad-message"},
		{"ann", "lobby", "\xff", nil, "bad-message"},
		{"ann", "lobby", strings.Repeat("e", 65), nil, "bad-message"},
		{"ann", "lobby", "said", json.RawMessage(`{"a":1,"a":2}`), "bad-message"},
		{"ann", "lobby", "said", json.RawMessage(`{} {}`), "bad-message"},
		{"ann", "lobby", "said", json.RawMessage(strings.Repeat("[", 65) + strings.Repeat("]", 65)), "bad-message"},
		{"ann", "lobby", "said", big, "too-large"},
	} {
		if at, err := h.Publish(t.Context(), caller(tt.who), tt.channel, tt.event, tt.payload); !fault.Is(err, tt.code) || at != "" {
			t.Errorf("%s sends %.20q to %s: %q %v, want %s", tt.who, tt.payload, tt.channel, at, err, tt.code)
		}
	}
	if _, err := h.Publish(t.Context(), caller("ann"), "lobby", "said", json.RawMessage("  \"a\\u0041\"\n")); err != nil {
		t.Error(err)
	}
	if _, err := h.Publish(t.Context(), caller("ann"), "lobby", "said", json.RawMessage(`null`)); err != nil {
		t.Error(err)
	}
	ann.until("two", func() bool { return len(ann.seen) == 3 })
	if p := string(ann.seen[1].Payload); p != `"aA"` && p != `"a\u0041"` || string(ann.seen[2].Payload) != "null" {
		t.Errorf("payloads %s and %s", p, ann.seen[2].Payload)
	}
}

func TestBroadcastExceptItsSender(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 5, "lobby"), live.Options{})
	ann, bob := attend(t, h, "lobby", "ann", nil), attend(t, h, "lobby", "bob", nil)
	if _, err := h.Send(t.Context(), live.Sending{Caller: ann.who, Channel: "lobby", Event: "said", Payload: json.RawMessage(`"mine"`), Except: ann.sub}); err != nil {
		t.Fatal(err)
	}
	say(t, h, "lobby", "bob", "his")
	bob.untilHeard("joined", "mine", "his")
	ann.untilHeard("joined", "his")
}

// TestBroadcastServesWhoReads overtakes one who reads and one who does not: the
// first hears all that is kept, in order; the second is ended, and nobody waits
// for either.
func TestBroadcastServesWhoReads(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 1000, "lobby"), live.Options{QueueMessages: 4, Patience: 3 * time.Second})
	reads, sleeps := attend(t, h, "lobby", "", nil), attend(t, h, "lobby", "", nil)
	want := []string{"joined"}
	for i := range 200 {
		say(t, h, "lobby", "", fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
	}
	reads.untilHeard(want...)
	eventually(t, "who does not read is ended", func() bool { n, _ := h.Subscribers(); return n == 1 })
	sleeps.take()
	if sleeps.ended == nil || sleeps.ended.Reason != live.Slow {
		t.Fatalf("ended %v", sleeps.ended)
	}
	back := attend(t, h, "lobby", "", nil)
	back.untilHeard(want...)
	say(t, h, "lobby", "", "more")
	reads.untilHeard(append(want, "more")...)
}

// What was let go meanwhile cannot be told: who needs it is ended, and told so
// when he is back.
func TestBroadcastLosesWhoIsFarBehind(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 0, "lobby"), live.Options{QueueMessages: 4, Patience: time.Minute, HistoryBytes: 5000})
	c := attend(t, h, "lobby", "", nil)
	for i := range 100 {
		say(t, h, "lobby", "", fmt.Sprint(i))
	}
	c.until("the end", func() bool { return c.ended != nil })
	if c.ended.Reason != live.Slow {
		t.Fatalf("ended %v", c.ended)
	}
	back := attend(t, h, "lobby", "", &c.cursor)
	back.untilHeard("truncated", "joined")
}

func TestBroadcastAcrossReloads(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 5, "lobby", "den"), live.Options{})
	ann, eve, gone := attend(t, h, "lobby", "ann", nil), attend(t, h, "lobby", "eve", nil), attend(t, h, "den", "ann", nil)
	say(t, h, "lobby", "", "before")
	next := newHall(w, 2, "lobby")
	next.deaf["eve"] = true
	if err := h.Swap(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	say(t, h, "lobby", "", "after")
	ann.untilHeard("joined", "before", "after")
	for c, reason := range map[*client]live.Reason{eve: live.Denied, gone: live.Gone} {
		c.until("the end", func() bool { return c.ended != nil })
		if c.ended.Reason != reason {
			t.Errorf("ended %v, want %v", c.ended, reason)
		}
	}
	if _, err := h.Publish(t.Context(), caller(""), "den", "said", nil); !fault.Is(err, "PGRST205") {
		t.Errorf("a channel that is gone: %v", err)
	}
	late := attend(t, h, "lobby", "", &ann.cursor)
	late.untilHeard("resumed")

	// A channel that comes back is another one; one that turns to rows and back
	// begins anew each time.
	if err := h.Swap(t.Context(), newHall(w, 2, "notes")); err != nil {
		t.Fatal(err)
	}
	turned := attend(t, h, "notes", "", nil)
	say(t, h, "notes", "", "note")
	turned.untilHeard("joined", "note")
	if err := h.Swap(t.Context(), newHall(w, 2)); err != nil {
		t.Fatal(err)
	}
	turned.untilHeard("joined", "note", "snapshot")
	if err := h.Swap(t.Context(), newHall(w, 2, "notes")); err != nil {
		t.Fatal(err)
	}
	turned.untilHeard("joined", "note", "snapshot", "joined")
}

func TestBroadcastPauses(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, newHall(w, 5, "lobby"), live.Options{})
	c := attend(t, h, "lobby", "ann", nil)
	say(t, h, "lobby", "", "one")
	c.sub.Pause(c.who)
	say(t, h, "lobby", "", "two")
	c.untilHeard("joined", "one")
	if _, known := c.sub.Progress(); known {
		t.Error("progress while it is paused")
	}
	if err := c.sub.Rebind(caller("ann")); err != nil {
		t.Fatal(err)
	}
	c.untilHeard("joined", "one", "two")
	if at, known := c.sub.Progress(); !known || at != c.cursor {
		t.Errorf("progress %v %v, want %v", at, known, c.cursor)
	}
}

func TestBroadcastBetweenNodes(t *testing.T) {
	w, between := newWorld(), &wire{nodes: map[*port]bool{}}
	one := newHub(t, w, newHall(w, 2, "lobby"), live.Options{Relay: &port{wire: between}})
	two := newHub(t, w, newHall(w, 2, "lobby"), live.Options{Relay: &port{wire: between}})
	quiet := newHub(t, w, newHall(w, 2), live.Options{Relay: &port{wire: between}})
	eventually(t, "those with broadcasts listen", func() bool {
		between.mu.Lock()
		defer between.mu.Unlock()
		return len(between.nodes) == 2
	})
	here, there := attend(t, one, "lobby", "", nil), attend(t, two, "lobby", "", nil)
	say(t, one, "lobby", "ann", "hello")
	say(t, two, "lobby", "bob", "hi")
	here.untilHeard("joined", "hello", "hi")
	there.untilHeard("joined", "hello", "hi")
	if there.seen[1].From != "ann" {
		t.Errorf("frame %+v", there.seen[1])
	}
	// A cursor is its node's; the history is everybody's.
	moved := attend(t, two, "lobby", "", &here.cursor)
	moved.untilHeard("truncated", "joined", "hello", "hi")

	if err := quiet.Swap(t.Context(), newHall(w, 2, "lobby")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a reload makes it listen", func() bool {
		between.mu.Lock()
		defer between.mu.Unlock()
		return len(between.nodes) == 3
	})
	between.mu.Lock()
	between.broken = errors.New("secret host is away")
	between.mu.Unlock()
	_, err := one.Publish(t.Context(), caller(""), "lobby", "said", nil)
	if !fault.Is(err, "unavailable") || strings.Contains(fault.From(err).Message, "secret") {
		t.Errorf("the others are away: %v", err)
	}
	here.take()
	if got := here.heard(); len(got) != 3 {
		t.Errorf("what failed was heard: %q", got)
	}
}

// TestBroadcastStorm has many send, join, leave and reload at once: who stays
// hears what each sender said in its order, without gaps.
func TestBroadcastStorm(t *testing.T) {
	const senders, each = 4, 300
	w := newWorld()
	h := newHub(t, w, newHall(w, 20, "lobby"), live.Options{QueueMessages: 8, HistoryBytes: 16 << 20})
	hall := newHall(w, 10_000, "lobby")
	if err := h.Swap(t.Context(), hall); err != nil {
		t.Fatal(err)
	}
	var listeners []*client
	for range 5 {
		listeners = append(listeners, attend(t, h, "lobby", "", nil))
	}
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				if _, err := h.Publish(context.Background(), caller(fmt.Sprint(s)), "lobby", "n", json.RawMessage(fmt.Sprint(i))); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	all.Go(func() {
		for range 50 {
			sub, err := h.Subscribe(live.Request{Channel: "lobby", Caller: caller(""), Encoder: plain{}, Wake: func() {}})
			if err != nil {
				t.Errorf("join: %v", err)
				return
			}
			sub.Take(nil, 1000)
			sub.Close()
			if err := h.Swap(context.Background(), newHall(w, 10_000, "lobby")); err != nil {
				t.Errorf("swap: %v", err)
			}
		}
	})
	for _, c := range listeners {
		c.until("everything", func() bool { return len(c.seen) > senders*each })
		next := map[string]int{}
		for _, f := range c.seen[1:] {
			if string(f.Payload) != fmt.Sprint(next[f.From]) {
				t.Fatalf("%s said %s, want %d", f.From, f.Payload, next[f.From])
			}
			next[f.From]++
		}
	}
	all.Wait()
}
