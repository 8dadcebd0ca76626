package live_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/live"
)

var errDenied = fault.New("42501", "permission denied")

func swap(t *testing.T, h *live.Hub, g live.Gate) {
	t.Helper()
	if err := h.Swap(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

func TestSwapUnchangedLosesNothing(t *testing.T) {
	w := newWorld()
	old := w.gate()
	h := newHub(t, w, old, live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	for i := range int64(200) {
		w.put(note{id: i, owner: "ann", text: "x"})
		if i%10 == 0 {
			next := w.gate()
			swap(t, h, next)
			old.close()
			old = next
		}
		c.take()
	}
	c.until("200 rows", func() bool { return len(c.seen) == 201 })
	c.untilView(w, "ann")
}

// A swap while subscribers join: their snapshots may fail on the old gate, and
// nothing is lost or doubled.
func TestSwapWhileJoining(t *testing.T) {
	w := newWorld()
	old := w.gate()
	h := newHub(t, w, old, live.Options{RecentBytes: 1})
	for i := range int64(50) {
		at := w.put(note{id: i, owner: "ann", text: "x"})
		fresh, back := subscribe(t, h, "ann", nil), subscribe(t, h, "ann", &live.Cursor{Commit: at})
		back.view = w.view("ann")
		next := w.gate()
		swap(t, h, next)
		old.close()
		old = next
		w.put(note{id: 1000 + i, owner: "ann", text: "y"})
		fresh.untilView(w, "ann")
		back.untilView(w, "ann")
		fresh.sub.Close()
		back.sub.Close()
	}
}

func TestSwapChangesTheRule(t *testing.T) {
	w := newWorld()
	w.put(note{id: 1, owner: "ann", text: "a"}, note{id: 2, owner: "bob", text: "b"})
	h := newHub(t, w, w.gate(), live.Options{})
	ann, gone := subscribe(t, h, "ann", nil), subscribe(t, h, "gone", nil)
	for _, c := range []*client{ann, gone} {
		c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	}
	next := w.gate()
	next.rule = func(c *auth.Caller) (string, error) {
		if c.UID == "gone" {
			return "", errDenied
		}
		return "*", nil
	}
	w.set(func(w *world) { w.deaf = true })
	w.put(note{id: 3, owner: "ann", text: "c"})
	w.put(note{id: 4, owner: "bob", text: "d"})
	swap(t, h, next) // judges the two by the old rule first
	ann.until("the new snapshot", func() bool { return len(ann.seen) == 3 })
	wantTypes(t, ann, "snapshot", "create", "snapshot")
	if len(ann.seen[2].Rows) != 4 {
		t.Errorf("the new snapshot has %d rows", len(ann.seen[2].Rows))
	}
	gone.until("its end", func() bool { return gone.ended != nil })
	if gone.ended.Reason != live.Denied {
		t.Errorf("reason %d, want Denied", gone.ended.Reason)
	}
	w.set(func(w *world) { w.deaf = false })
	w.put(note{id: 5, owner: "bob", text: "e"})
	ann.untilView(w, "*")
}

func TestSwapChangesColumnsAndEvents(t *testing.T) {
	w := newWorld()
	w.put(note{id: 1, owner: "ann", text: "a"})
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	narrow := w.gate()
	narrow.narrow = true
	swap(t, h, narrow)
	c.until("a snapshot of fewer columns", func() bool { return len(c.seen) == 2 })
	if _, shown := c.seen[1].Rows[0]["hidden"]; shown {
		t.Error("the new snapshot shows a column that may no longer be read")
	}
	fewer := w.gate()
	fewer.narrow, fewer.events = true, []string{"delete"}
	swap(t, h, fewer)
	c.until("a snapshot for other events", func() bool { return len(c.seen) == 3 })
	wantTypes(t, c, "snapshot", "snapshot", "snapshot")
}

// without is a gate whose manifest declares no channel.
type without struct{ *gate }

func (without) Subscribe(*auth.Caller, string) (*data.Subscription, error) {
	return nil, fault.New("PGRST205", "no such channel")
}

func TestSwapRemovesTheChannel(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	swap(t, h, without{w.gate()})
	c.until("its end", func() bool { return c.ended != nil })
	if c.ended.Reason != live.Gone {
		t.Errorf("reason %d, want Gone", c.ended.Reason)
	}
}

// A feed that cannot be read keeps no reload waiting: everybody begins anew
// under the new rules.
func TestSwapWhileTheFeedFails(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.set(func(w *world) { w.broken = errors.New("disk on fire") })
	w.put(note{id: 1, owner: "ann", text: "a"})
	swap(t, h, w.gate())
	w.set(func(w *world) { w.broken = nil })
	c.untilView(w, "ann")
	if !slices.Contains(c.types(), "truncated") {
		t.Errorf("frames %v, want a truncated among them", c.types())
	}
}

func TestSwapAfterClose(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	h.Close()
	if err := h.Swap(t.Context(), w.gate()); !errors.Is(err, live.ErrClosed) {
		t.Errorf("swap after close: %v", err)
	}
}

// pause is what a client meets when its token expires.
func (c *client) pause() { c.sub.Pause(c.who) }

// rebind is what it does with another.
func (c *client) rebind(uid string) error {
	c.who = caller(uid)
	return c.sub.Rebind(c.who)
}

// A token that expires and is renewed in time costs nothing but the pause.
func TestPauseAndRebind(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c, other := subscribe(t, h, "ann", nil), subscribe(t, h, "", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	c.pause()
	w.put(note{id: 1, owner: "ann", text: "a"})
	other.untilView(w, "*")
	if c.take(); len(c.seen) != 1 {
		t.Fatal("a paused subscription was told something")
	}
	if _, known := c.sub.Progress(); known {
		t.Error("a paused subscription promises a place")
	}
	if err := c.rebind("ann"); err != nil {
		t.Fatal(err)
	}
	c.untilView(w, "ann")
	wantTypes(t, c, "snapshot", "create")
	if err := c.rebind(""); err != nil {
		t.Fatal(err)
	}
	w.put(note{id: 2, owner: "bob", text: "b"})
	c.untilView(w, "*")
	if c.seen[2].Type != "snapshot" {
		t.Errorf("another caller's subscription goes on with %s", c.seen[2].Type)
	}
}

// A token that is renewed in the moment at which the old one expires is not
// paused for the old one.
func TestPauseOfWhoWasBefore(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	expired := c.who
	if err := c.rebind("ann"); err != nil {
		t.Fatal(err)
	}
	c.sub.Pause(expired)
	w.put(note{id: 1, owner: "ann", text: "a"})
	c.untilView(w, "ann")
}

// Snapshots that panic keep nothing that others need.
func TestSnapshotsPanic(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	w.set(func(w *world) { w.during = func() { panic("a mistake") } })
	for range 20 { // more than may read at once
		c := subscribe(t, h, "ann", nil)
		c.until("his end", func() bool { return c.ended != nil })
		if c.ended.Reason != live.Failed {
			t.Fatalf("reason %d, want Failed", c.ended.Reason)
		}
	}
	w.set(func(w *world) { w.during = nil })
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot of another", func() bool { return len(c.seen) == 1 })
}

func TestRebindDenied(t *testing.T) {
	w := newWorld()
	g := w.gate()
	g.rule = func(c *auth.Caller) (string, error) {
		if c.UID == "" {
			return "", errDenied
		}
		return c.UID, nil
	}
	h := newHub(t, w, g, live.Options{})
	c := subscribe(t, h, "ann", nil)
	if err := c.rebind(""); !fault.Is(err, "42501") {
		t.Errorf("rebind: %v", err)
	}
	c.until("its end", func() bool { return c.ended != nil })
	if c.ended.Reason != live.Denied {
		t.Errorf("reason %d", c.ended.Reason)
	}
	if err := c.rebind("ann"); !errors.Is(err, live.ErrClosed) {
		t.Errorf("rebind after the end: %v", err)
	}
}

// Progress moves on with what does not concern the subscriber, so that coming
// back is cheap, and skips nothing.
func TestProgress(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	last := w.put(note{id: 1, owner: "bob", text: "b"})
	var at live.Cursor
	eventually(t, "the subscriber has come past the commit", func() bool {
		at, _ = c.sub.Progress()
		return at.Commit == last
	})
	c.sub.Close()
	w.put(note{id: 2, owner: "ann", text: "a"})
	again := subscribe(t, h, "ann", &at)
	again.untilView(w, "ann")
	wantTypes(t, again, "resumed", "create")
}

// Between a migration and its swap the old gate may fail: nobody is ended.
func TestSnapshotFailsForAMoment(t *testing.T) {
	w := newWorld()
	w.put(note{id: 1, owner: "ann", text: "a"})
	old := w.gate()
	h := newHub(t, w, old, live.Options{})
	old.close()
	c := subscribe(t, h, "ann", nil)
	eventually(t, "the old gate has failed", func() bool { return old.asked.Load() > 1 })
	swap(t, h, w.gate())
	c.untilView(w, "ann")
}

// A gate that panics for one subscriber costs him his subscription, nobody else.
func TestSwapSurvivesAPanic(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	ann, bob := subscribe(t, h, "ann", nil), subscribe(t, h, "bob", nil)
	next := w.gate()
	next.rule = func(c *auth.Caller) (string, error) {
		if c.UID == "bob" {
			panic("a mistake")
		}
		return c.UID, nil
	}
	swap(t, h, next)
	bob.until("his end", func() bool { return bob.ended != nil })
	if bob.ended.Reason != live.Failed {
		t.Errorf("reason %d, want Failed", bob.ended.Reason)
	}
	w.put(note{id: 1, owner: "ann", text: "a"})
	ann.untilView(w, "ann")
}
