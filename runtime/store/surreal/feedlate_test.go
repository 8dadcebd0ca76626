package surreal

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// hiding is a source that does not show some commits, as SurrealDB does not
// where a commit takes long.
type hiding struct {
	feedSource
	mu     sync.Mutex
	hidden func(commit []byte) bool
}

func (h *hiding) Read(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	results, err := h.feedSource.Read(ctx, text, vars)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || h.hidden == nil || !strings.HasPrefix(text, "SHOW CHANGES") {
		return results, err
	}
	results[0] = without(results[0], h.hidden)
	return results, nil
}

func (h *hiding) hide(hidden func(commit []byte) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hidden = hidden
}

// without is an answer to SHOW CHANGES that lacks some commits.
func without(answer []byte, hidden func(commit []byte) bool) []byte {
	r := wire.NewReader(answer)
	var kept []byte
	n := 0
	for range r.Array() {
		if raw := r.Raw(); !hidden(raw) {
			kept = append(kept, raw...)
			n++
		}
	}
	return append(wire.AppendArray(nil, n), kept...)
}

// behind is another node on the same database, which sees it through a source.
func (n *notebook) behind(from feedSource) *notebook {
	other := &notebook{n.T, &Store{options: n.store.options, client: n.store.client}}
	other.store.feed = newFeed(from, time.Hour, n.store.options.Logger)
	other.store.feed.learn(newLayout(notesSchema(false)))
	n.Cleanup(other.store.feed.close)
	return other
}

// A feed of which nothing is left is a new one.
func TestFeedIsLost(t *testing.T) {
	n := openNotes(t, false, nil)
	n.hand("CREATE notes:1")
	at := n.position()
	lost := n.behind(&hiding{feedSource: n.store.client, hidden: func(commit []byte) bool {
		e, err := readEntry(wire.NewReader(commit))
		return err != nil || e.seq <= at.Seq
	}})
	now := lost.position()
	if now.Epoch <= at.Epoch {
		t.Errorf("the feed goes on at %s after it was lost at %s", now, at)
	}
	n.hand("CREATE notes:2")
	lost.store.feed.wrote()
	if _, err := lost.store.Changes(t.Context(), at, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("changes of a feed that is lost: %v, want ErrTruncated", err)
	}
	if got := len(lost.changes(now, 10)); got != 1 {
		t.Errorf("%d commits after it", got)
	}
}

// A new epoch that comes into sight late is entered all the same.
func TestFeedLateEpoch(t *testing.T) {
	n := openNotes(t, false, nil)
	n.hand("CREATE notes:0")
	source := &hiding{feedSource: n.store.client}
	late := n.behind(source)
	start := late.position()
	source.hide(func(commit []byte) bool { return bytes.Contains(commit, []byte(opBreak)) })
	n.hand("BEGIN; " + epochText + "COMMIT")
	n.hand("CREATE notes:1")
	late.store.feed.wrote()
	if late.position().Epoch != start.Epoch {
		t.Fatal("the new epoch is in sight")
	}
	source.hide(nil)
	want := n.position().Epoch
	for deadline := time.Now().Add(2 * time.Minute); late.position().Epoch != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new epoch was not entered")
		}
	}
	if _, err := late.store.Changes(t.Context(), start, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("after the old epoch: %v, want ErrTruncated", err)
	}
	at := late.position()
	n.hand("CREATE notes:2")
	late.store.feed.wrote()
	if got := len(late.changes(at, 10)); got != 1 {
		t.Errorf("%d commits in the new epoch", got)
	}
}

// A commit that comes into sight after its place was passed is not lost: who
// passed it begins anew, on every node, and who did not is told of it.
func TestFeedLateCommit(t *testing.T) {
	n := openNotes(t, false, nil)
	n.hand("CREATE notes:0")
	start := n.position()
	source := &hiding{feedSource: n.store.client}
	late := n.behind(source)
	if late.position() != start {
		t.Fatal("the two are at different places")
	}
	source.hide(func(commit []byte) bool { return bytes.Contains(commit, []byte("hidden")) })
	n.hand(`CREATE notes:1 SET text = "hidden"`)
	n.hand(`CREATE notes:2 SET text = "seen"`)
	late.store.feed.wrote()
	passed := late.position()
	if got := told(late.changes(start, 10)); strings.Contains(got, "hidden") || !strings.Contains(got, "seen") {
		t.Fatalf("the feed tells\n%s", got)
	}
	source.hide(nil)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, err := late.store.Changes(t.Context(), passed, 10)
		if errors.Is(err, store.ErrTruncated) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("changes after a place behind a late commit: %v, want ErrTruncated", err)
		}
	}
	if got := told(late.changes(start, 10)); !strings.Contains(got, "hidden") {
		t.Errorf("from before it the feed tells\n%s", got)
	}
	// The place is behind the break now, and the stream goes on from there.
	now := late.position()
	n.hand(`CREATE notes:3 SET text = "later"`)
	late.store.feed.wrote()
	if got := told(late.changes(now, 10)); !strings.HasPrefix(got, "0 notes >{\"id\":3") {
		t.Errorf("after the break the feed tells\n%s", got)
	}
	// It holds on nodes that saw all in order, and on those that come later.
	n.store.feed.wrote()
	n.position()
	if _, err := n.store.Changes(t.Context(), passed, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("on another node: %v, want ErrTruncated", err)
	}
	fresh := share(t, n.store.options, false)
	if _, err := fresh.store.Changes(t.Context(), passed, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("on a new node: %v, want ErrTruncated", err)
	}
}

// What the server had when it went away and shows when it is back is found,
// however long it was away.
func TestFeedLateAfterAnAbsence(t *testing.T) {
	now := time.Now()
	left := uint64(now.UnixMilli()) << ownBits
	back := left + uint64(time.Hour.Milliseconds())<<ownBits
	r := &reader{feed: newFeed(nil, 2*time.Hour, nil)}
	r.order = sequence{hold: minHold, last: left, checked: left, floor: before(left, time.Minute)}
	r.back, r.far = now, now
	for i := range uint64(100) {
		r.order.add(feedEntry{seq: back + i}, now)
	}
	r.order.release(now.Add(maxHold))
	r.far = time.Time{}
	if !r.begin() || r.scan >= left {
		t.Fatalf("it looks back from %d, and left at %d", r.scan, left)
	}
	if added, late := r.order.add(feedEntry{seq: left - 1}, now); !added || !late {
		t.Errorf("a commit of before is added: %t, late: %t", added, late)
	}
}
