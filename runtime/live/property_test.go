package live_test

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// Whatever is written, whoever comes, breaks off, comes back, is paused, is
// bound to another, and however often the gate is swapped: in the end each
// subscriber has the table as its rule shows it, and no event ever failed to
// fit what he had.
func TestEverySubscriberHasItsView(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld()
		x := &scenario{T: t, r: r, w: w, wide: true, old: w.gate()}
		h, err := live.NewHub(t.Context(), live.Options{
			Feed: w, Gate: x.old,
			QueueMessages: rapid.SampledFrom([]int{2, 8, 256}).Draw(r, "queue"),
			RecentBytes:   rapid.SampledFrom([]int{1, 2000, 1 << 20}).Draw(r, "recent"),
		})
		if err != nil {
			r.Fatal(err)
		}
		defer h.Close()
		x.h = h
		var writer sync.WaitGroup
		for range rapid.IntRange(10, 60).Draw(r, "steps") {
			x.step(&writer)
		}
		writer.Wait()
		for _, c := range x.clients {
			x.finish(c)
		}
	})
}

type scenario struct {
	*testing.T
	r       *rapid.T
	w       *world
	h       *live.Hub
	old     *gate
	wide    bool
	clients []*subscriber
}

// subscriber is a client that knows who it is, and comes back when cut.
type subscriber struct {
	*client
	uid    string
	paused bool
}

func (x *scenario) owner(uid string) string {
	if uid == "" && x.wide {
		return "*"
	}
	if uid == "" {
		return "ann"
	}
	return uid
}

func (x *scenario) gate() *gate {
	wide := x.wide
	g := x.w.gate()
	g.rule = func(c *auth.Caller) (string, error) {
		switch {
		case c.UID != "":
			return c.UID, nil
		case wide:
			return "*", nil
		}
		return "ann", nil
	}
	return g
}

func (x *scenario) notes() []note {
	var rows []note
	taken := map[int64]bool{}
	for range rapid.IntRange(1, 4).Draw(x.r, "rows") {
		n := note{
			id:    rapid.Int64Range(0, 8).Draw(x.r, "id"),
			owner: rapid.SampledFrom([]string{"ann", "bob", ""}).Draw(x.r, "owner"),
			text:  fmt.Sprint(rapid.IntRange(0, 99).Draw(x.r, "text")),
		}
		if !taken[n.id] {
			taken[n.id] = true
			rows = append(rows, n)
		}
	}
	return rows
}

func (x *scenario) step(writer *sync.WaitGroup) {
	uid := rapid.SampledFrom([]string{"ann", "bob", ""})
	var c *subscriber
	if len(x.clients) > 0 {
		c = rapid.SampledFrom(x.clients).Draw(x.r, "client")
	}
	switch action := rapid.IntRange(0, 11).Draw(x.r, "action"); {
	case action <= 4:
		writer.Wait() // one at a time, beside whatever follows
		var commits [][]note
		for range rapid.IntRange(1, 12).Draw(x.r, "commits") {
			commits = append(commits, x.notes())
		}
		writer.Go(func() {
			for _, rows := range commits {
				x.w.put(rows...)
			}
		})
	case action <= 6 || c == nil:
		name := uid.Draw(x.r, "uid")
		x.clients = append(x.clients, &subscriber{client: subscribe(x.T, x.h, name, nil), uid: name})
	case action == 7: // cut, and comes back
		c.sub.Close()
		x.back(c)
	case action == 8:
		c.pause()
		c.paused = true
	case action == 9:
		c.uid, c.paused = uid.Draw(x.r, "uid"), false
		if err := c.rebind(c.uid); err != nil && c.ended == nil {
			c.take()
		}
	case action == 10:
		x.wide = rapid.Bool().Draw(x.r, "wide")
		next := x.gate()
		if err := x.h.Swap(x.Context(), next); err != nil {
			x.r.Fatal(err)
		}
		x.old.close()
		x.old = next
	default:
		c.take()
	}
}

// back subscribes again from where the client is, whatever became of its rule
// meanwhile.
func (x *scenario) back(c *subscriber) {
	var after *live.Cursor
	if c.cursor != (live.Cursor{}) {
		after = &c.cursor
	}
	again := subscribe(x.T, x.h, c.uid, after)
	again.view, again.cursor = c.view, c.cursor
	c.client, c.paused = again, false
}

func (x *scenario) finish(c *subscriber) {
	if c.paused {
		if err := c.sub.Rebind(caller(c.uid)); err != nil {
			x.r.Fatal(err)
		}
	}
	for range 5 {
		c.until("its view or its end", func() bool {
			return c.ended != nil || fmt.Sprint(c.view) == fmt.Sprint(x.w.view(x.owner(c.uid)))
		})
		if c.ended == nil {
			return
		}
		x.back(c)
	}
	x.r.Fatalf("subscriber %q is ended again and again: %+v", c.uid, c.ended)
}
