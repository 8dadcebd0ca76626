package live_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/query"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func wantTypes(t *testing.T, c *client, want ...string) {
	t.Helper()
	if got := c.types(); !slices.Equal(got, want) {
		t.Errorf("frames %v, want %v", got, want)
	}
}

func TestSnapshotThenChanges(t *testing.T) {
	w := newWorld()
	w.put(note{id: 1, owner: "ann", text: "a"}, note{id: 2, owner: "bob", text: "b"})
	h := newHub(t, w, w.gate(), live.Options{})
	ann := subscribe(t, h, "ann", nil)
	ann.until("the snapshot", func() bool { return len(ann.seen) == 1 })
	w.put(note{id: 3, owner: "ann", text: "c"})
	w.put(note{id: 3, owner: "ann", text: "d"})
	w.put(note{id: 2, owner: "ann", text: "b"}) // enters
	w.put(note{id: 1, owner: "bob", text: "a"}) // leaves
	w.put(note{id: 9, owner: "bob", text: "x"}) // nothing to her
	w.put(note{id: 9})
	w.put(note{id: 3}) // deleted
	ann.until("seven frames", func() bool { return len(ann.seen) == 6 })
	wantTypes(t, ann, "snapshot", "create", "update", "enter", "leave", "delete")
	ann.untilView(w, "ann")
	for _, f := range ann.seen[4:] {
		if f.Row != nil {
			t.Errorf("%s carries a row: %v", f.Type, f.Row)
		}
	}
}

func TestEventsMask(t *testing.T) {
	w := newWorld()
	g := w.gate()
	g.events = []string{"create", "delete"}
	h := newHub(t, w, g, live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.put(note{id: 1, owner: "ann", text: "a"})
	w.put(note{id: 1, owner: "ann", text: "b"})
	w.put(note{id: 1})
	c.until("the delete", func() bool { return len(c.seen) >= 3 })
	wantTypes(t, c, "snapshot", "create", "delete")
}

// An update of a column that the caller may not read must not be told of.
func TestHiddenColumnsAreSilent(t *testing.T) {
	w := newWorld()
	g := w.gate()
	g.narrow = true
	h := newHub(t, w, g, live.Options{})
	c := subscribe(t, h, "", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.put(note{id: 1, owner: "ann", text: "a", hidden: "x"})
	w.put(note{id: 1, owner: "ann", text: "a", hidden: "y"})
	w.put(note{id: 1, owner: "ann", text: "b", hidden: "y"})
	c.until("the update", func() bool { return len(c.seen) >= 3 })
	wantTypes(t, c, "snapshot", "create", "update")
	for _, f := range c.seen[1:] {
		if _, shown := f.Row["hidden"]; shown {
			t.Errorf("%s shows a column that may not be read: %v", f.Type, f.Row)
		}
	}
}

// A commit that is made while the snapshot is read, and one that the hub has
// served before the subscriber is attached, come once.
func TestJoinIsSeamless(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	other := subscribe(t, h, "", nil)
	other.until("the snapshot", func() bool { return len(other.seen) == 1 })
	count := 0
	w.set(func(w *world) {
		w.during = func() {
			for range 300 { // more than a page of the feed
				count++
				w.put(note{id: int64(count), owner: "ann", text: "x"})
				other.take() // or it would be too slow
			}
			other.untilView(w, "*") // the hub is ahead of the snapshot now
		}
	})
	ann := subscribe(t, h, "ann", nil)
	ann.until("the snapshot and 300 more", func() bool { return len(ann.seen) == 301 })
	ann.untilView(w, "ann")
}

// The hub has not heard of a commit that a snapshot has already.
func TestSnapshotAheadOfHub(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	w.set(func(w *world) { w.deaf = true })
	w.put(note{id: 1, owner: "ann", text: "a"})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.set(func(w *world) { w.deaf = false })
	w.put(note{id: 1, owner: "ann", text: "b"})
	c.until("the update", func() bool { return len(c.seen) == 2 })
	wantTypes(t, c, "snapshot", "update")
}

func TestResume(t *testing.T) {
	for _, recent := range []int{1, 4 << 20} { // from the feed, and from memory
		t.Run(fmt.Sprint(recent), func(t *testing.T) {
			w := newWorld()
			h := newHub(t, w, w.gate(), live.Options{RecentBytes: recent})
			c := subscribe(t, h, "ann", nil)
			c.until("the snapshot", func() bool { return len(c.seen) == 1 })
			c.sub.Close()
			for i := range int64(700) {
				w.put(note{id: i, owner: []string{"ann", "bob"}[i%2], text: "x"})
			}
			again := subscribe(t, h, "ann", &c.cursor)
			again.until("what was missed", func() bool { return len(again.seen) == 351 })
			if again.seen[0].Type != "resumed" {
				t.Errorf("first comes %s", again.seen[0].Type)
			}
			w.put(note{id: 5000, owner: "ann", text: "y"})
			again.untilView(w, "ann")
		})
	}
}

// A connection that breaks within a commit goes on within it.
func TestResumeWithinACommit(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	var rows []note
	for i := range int64(10) {
		rows = append(rows, note{id: i, owner: "ann", text: "x"})
	}
	w.put(rows...)
	c.until("the rows", func() bool { return len(c.seen) == 11 })
	for cut := range 10 {
		at, err := live.ParseCursor(c.seen[cut+1].Cursor)
		if err != nil {
			t.Fatal(err)
		}
		again := subscribe(t, h, "ann", &at)
		again.until("the rest", func() bool { return len(again.seen) == 10-cut })
		for i, f := range again.seen[1:] {
			if f.Key != int64(cut+1+i) {
				t.Errorf("after %d rows: key %d comes at %d", cut+1, f.Key, i)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	w := newWorld()
	for i := range int64(20) {
		w.put(note{id: i, owner: "ann", text: "x"})
	}
	w.set(func(w *world) { w.kept = 10 })
	h := newHub(t, w, w.gate(), live.Options{})
	cursors := map[string]live.Cursor{
		"zero":          {},
		"other rows":    {Commit: query.Cursor{Epoch: 1, Seq: 15}, Of: 12345},
		"too old":       {Commit: query.Cursor{Epoch: 1, Seq: 5}},
		"another epoch": {Commit: query.Cursor{Epoch: 7, Seq: 12}},
		"never was":     {Commit: query.Cursor{Epoch: 1, Seq: 99}},
		"part too old":  {Commit: query.Cursor{Epoch: 1, Seq: 10}, Part: 1},
		"part never":    {Commit: query.Cursor{Epoch: 1, Seq: 21}, Part: 3},
	}
	for name, cursor := range cursors {
		t.Run(name, func(t *testing.T) {
			c := subscribe(t, h, "ann", &cursor)
			c.untilView(w, "ann")
			wantTypes(t, c, "truncated", "snapshot")
		})
	}
}

func TestSlowReaderIsEndedAndComesBack(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{Patience: 100 * time.Millisecond})
	slow, quick := subscribe(t, h, "ann", nil), subscribe(t, h, "ann", nil)
	for _, c := range []*client{slow, quick} {
		c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	}
	last := slow.cursor
	for i := range int64(300) {
		w.put(note{id: i, owner: "ann", text: "x"})
		quick.until("the row", func() bool { return len(quick.seen) == int(i)+2 })
	}
	eventually(t, "one subscriber is left", func() bool { n, _ := h.Subscribers(); return n == 1 })
	slow.take()
	if slow.ended == nil || slow.ended.Reason != live.Slow || slow.ended.Cursor != last || len(slow.seen) != 1 {
		t.Fatalf("ended %+v after %d frames, want Slow at %s", slow.ended, len(slow.seen), last)
	}
	again := subscribe(t, h, "ann", &slow.ended.Cursor)
	again.view = slow.view
	again.untilView(w, "ann")
	quick.untilView(w, "ann")
}

// A reader that a burst has overtaken is not slow: it catches up.
func TestBurstEndsNobody(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{QueueMessages: 8})
	c := subscribe(t, h, "", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.set(func(w *world) { w.deaf = true })
	for i := range int64(2000) {
		w.put(note{id: i % 500, owner: "ann", text: fmt.Sprint(i)})
	}
	w.set(func(w *world) { w.deaf = false })
	c.until("2000 changes", func() bool { return len(c.seen) == 2001 })
	c.untilView(w, "*")
	w.put(note{id: 1, owner: "ann", text: "last"})
	c.untilView(w, "*")
}

// A bulk write is one message for the queue, however many rows it has.
func TestOneLargeCommitEndsNobody(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{QueueMessages: 4, QueueBytes: 1000})
	c := subscribe(t, h, "", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	var rows []note
	for i := range int64(1000) {
		rows = append(rows, note{id: i, owner: "ann", text: "x"})
	}
	w.put(rows...)
	c.untilView(w, "*")
}

func TestSnapshotSaysMore(t *testing.T) {
	w := newWorld()
	for i := range int64(5) {
		w.put(note{id: i, owner: "ann", text: "x"})
	}
	for rows, want := range map[int]bool{3: true, 6: false} {
		g := w.gate()
		g.rows = rows
		h := newHub(t, w, g, live.Options{})
		c := subscribe(t, h, "ann", nil)
		c.until("the snapshot", func() bool { return len(c.seen) == 1 })
		if c.seen[0].More != want || len(c.seen[0].Rows) != min(rows, 5) {
			t.Errorf("bound %d: more %v, %d rows", rows, c.seen[0].More, len(c.seen[0].Rows))
		}
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld()
	g := w.gate()
	g.rule = func(*auth.Caller) (string, error) { return "", fault.New("42501", "permission denied") }
	h := newHub(t, w, g, live.Options{})
	_, err := h.Subscribe(live.Request{Channel: "notes", Caller: auth.Nobody(), Encoder: plain{}, Wake: func() {}})
	if !fault.Is(err, "42501") {
		t.Errorf("denied: %v", err)
	}
	_, err = h.Subscribe(live.Request{Channel: "nots", Caller: auth.Nobody(), Encoder: plain{}, Wake: func() {}})
	if !fault.Is(err, "PGRST205") {
		t.Errorf("not declared: %v", err)
	}
	h.Close()
	_, err = h.Subscribe(live.Request{Channel: "notes", Caller: auth.Nobody(), Encoder: plain{}, Wake: func() {}})
	if !errors.Is(err, live.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestCloseEndsEverybody(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	h.Close()
	c.until("the end", func() bool { return c.ended != nil })
	if c.ended.Reason != live.Stopping {
		t.Errorf("reason %d", c.ended.Reason)
	}
	if n, groups := h.Subscribers(); n != 0 || groups != 0 {
		t.Errorf("%d subscriptions, %d groups left", n, groups)
	}
}

// Those who see the same share one group, and are forgotten with the last.
func TestGroups(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	var all []*client
	for i := range 9 {
		c := subscribe(t, h, []string{"ann", "bob", ""}[i%3], nil)
		c.until("the snapshot", func() bool { return len(c.seen) == 1 })
		all = append(all, c)
	}
	w.put(note{id: 1, owner: "ann", text: "a"})
	all[0].until("the row", func() bool { return len(all[0].seen) == 2 })
	if n, groups := h.Subscribers(); n != 9 || groups != 3 {
		t.Errorf("%d subscriptions in %d groups, want 9 in 3", n, groups)
	}
	for _, c := range all {
		c.sub.Close()
	}
	if n, groups := h.Subscribers(); n != 0 || groups != 0 {
		t.Errorf("%d subscriptions in %d groups are left", n, groups)
	}
}

// A feed that fails is read again; one that is rebuilt begins anew.
func TestFeedFails(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.set(func(w *world) { w.broken = errors.New("disk on fire") })
	w.put(note{id: 1, owner: "ann", text: "a"})
	w.set(func(w *world) { w.broken = nil })
	c.untilView(w, "ann")
	w.set(func(w *world) { w.epoch, w.commits, w.rows = 2, nil, map[int64]query.Row{} })
	c.untilView(w, "ann")
	wantTypes(t, c, "snapshot", "create", "truncated", "snapshot")
	w.put(note{id: 2, owner: "ann", text: "b"})
	c.untilView(w, "ann")
}

// A server that goes away takes the wake-ups with it, and refuses to be watched
// and read until it is back: nobody is lost, and a swap does not wait for it.
func TestFeedGoesAndComes(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	away := errors.New("no server")
	w.set(func(w *world) {
		w.broken, w.unwatched = away, away
		for _, ch := range w.watch {
			close(ch)
		}
		w.watch = nil
	})
	w.put(note{id: 1, owner: "ann", text: "a"})
	eventually(t, "it is tried again and again", func() bool { return w.asked() > 3 })
	w.set(func(w *world) { w.broken, w.unwatched = nil, nil })
	c.untilView(w, "ann")
	wantTypes(t, c, "snapshot", "create")
	w.put(note{id: 2, owner: "ann", text: "b"}) // it is watched again: nothing else wakes the hub
	c.untilView(w, "ann")

	w.set(func(w *world) {
		w.broken, w.unwatched = away, away
		for _, ch := range w.watch {
			close(ch)
		}
		w.watch = nil
	})
	before := w.asked()
	eventually(t, "the hub has noticed", func() bool { return w.asked() > before })
	swap(t, h, w.gate())
	w.set(func(w *world) { w.broken, w.unwatched = nil, nil })
	w.put(note{id: 3, owner: "ann", text: "c"})
	c.untilView(w, "ann")
}

// A stored row that cannot be read costs a snapshot, not the hub.
func TestUnreadableChange(t *testing.T) {
	w := newWorld()
	h := newHub(t, w, w.gate(), live.Options{})
	c := subscribe(t, h, "ann", nil)
	c.until("the snapshot", func() bool { return len(c.seen) == 1 })
	w.set(func(w *world) {
		w.commits = append(w.commits, query.Commit{
			Cursor:  query.Cursor{Epoch: 1, Seq: uint64(len(w.commits) + 1)},
			Changes: []query.Change{{Table: "notes", Op: query.Insert, After: []byte(`{"id":"x"}`)}},
		})
	})
	c.until("the new snapshot", func() bool { return len(c.seen) == 3 })
	w.put(note{id: 1, owner: "ann", text: "a"})
	c.untilView(w, "ann")
	wantTypes(t, c, "snapshot", "truncated", "snapshot", "create")
}
