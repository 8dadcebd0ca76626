package surreal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// follower reads a feed to its end again and again, as the hub does, and keeps
// which notes it was told of.
type follower struct {
	*testing.T
	store *Store
	at    query.Cursor
	notes map[int64]int
	anew  int // how often it had to begin anew
}

func (f *follower) follow(ctx context.Context) {
	wakes, err := f.store.Watch(ctx)
	if err != nil {
		f.Errorf("watch: %v", err)
		return
	}
	for range wakes {
		for f.page(ctx) {
		}
	}
}

// page reads on, and tells whether there was something.
func (f *follower) page(ctx context.Context) bool {
	commits, err := f.store.Changes(ctx, f.at, 100)
	switch {
	case errors.Is(err, store.ErrTruncated):
		// As the hub does: a snapshot in place of what was missed.
		f.anew++
		f.begin(ctx)
		return true
	case err != nil:
		return false // the server is away
	}
	for _, commit := range commits {
		if commit.Cursor.Compare(f.at) <= 0 {
			f.Errorf("commit %s after %s", commit.Cursor, f.at)
		}
		f.at = commit.Cursor
		for _, c := range commit.Changes {
			row, err := query.DecodeRow(notesSchema(false).Table("notes"), c.After)
			if err != nil {
				f.Errorf("%s: %v", c.After, err)
				return false
			}
			f.notes[row[0].N]++
		}
	}
	return len(commits) > 0
}

// begin takes the place of the feed and the rows of the tables.
func (f *follower) begin(ctx context.Context) {
	at, err := f.store.Position(ctx)
	if err != nil {
		return
	}
	results, err := f.store.client.Read(ctx, "SELECT VALUE record::id(id) FROM notes", nil)
	if err != nil {
		return
	}
	r := wire.NewReader(results[0])
	f.notes = map[int64]int{}
	for range r.Array() {
		f.notes[r.Int()] = 1
	}
	f.at = at
}

// TestFeedLosesNothing has 64 writers on a server that keeps its data on disk
// and is killed among them, and two readers: everything that was acknowledged is
// told once, in order. EDGEHIVE_FEED_SECONDS makes it longer.
func TestFeedLosesNothing(t *testing.T) {
	seconds := 3
	if text := os.Getenv("EDGEHIVE_FEED_SECONDS"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	server, err := surrealtest.Start(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Kill()
	n := openNotes(t, false, func(o *Options) { o.URL = server.URL })
	start := n.position()
	readers := []*follower{
		{T: t, store: n.store, at: start, notes: map[int64]int{}},
		{T: t, store: share(t, n.store.options, false).store, at: start, notes: map[int64]int{}},
	}
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for _, f := range readers {
		reading.Go(func() { f.follow(ctx) })
	}

	var writing sync.WaitGroup
	var next, written, unknown atomic.Int64
	var mu sync.Mutex
	acknowledged := map[int64]bool{}
	writes, enough := context.WithCancel(t.Context())
	defer enough()
	for range 64 {
		writing.Go(func() {
			for writes.Err() == nil {
				key := next.Add(1)
				_, err := n.store.client.Query(t.Context(), fmt.Sprintf(`CREATE notes:%d SET text = "x" RETURN NONE`, key), nil)
				if err != nil {
					if !errors.Is(err, rpc.ErrUnavailable) && !isConflict(err) {
						t.Errorf("write: %v", err)
					}
					unknown.Add(1)
					time.Sleep(20 * time.Millisecond)
					continue
				}
				written.Add(1)
				mu.Lock()
				acknowledged[key] = true
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(seconds) * time.Second / 2)
	server.Kill()
	before := written.Load()
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for written.Load() == before && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Duration(seconds) * time.Second / 2)
	enough()
	writing.Wait()

	deadline := time.Now().Add(2 * time.Minute)
	var last query.Cursor
	for {
		n.store.feed.wrote()
		at, err := n.store.Position(t.Context())
		if err == nil {
			last = at
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the feed is still away: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if last.Epoch != start.Epoch {
		t.Errorf("the epoch is %d after a crash of the server, was %d", last.Epoch, start.Epoch)
	}
	stop()
	reading.Wait()
	for i, f := range readers {
		f.store.feed.wrote()
		for f.page(t.Context()) {
		}
		lost, doubled := 0, 0
		for key := range acknowledged {
			switch f.notes[key] {
			case 0:
				lost++
			case 1:
			default:
				doubled++
			}
		}
		if lost > 0 || doubled > 0 {
			t.Errorf("reader %d was told twice of %d and never of %d of %d acknowledged rows", i, doubled, lost, len(acknowledged))
		}
		f.store.feed.mu.Lock()
		t.Logf("reader %d: %d commits, %d unknown; %d came late, the hold is %v; it began anew %d times",
			i, written.Load(), unknown.Load(), f.store.feed.order.late, f.store.feed.order.hold, f.anew)
		f.store.feed.mu.Unlock()
	}
}

// A node that is cut off reads on from where it was: nothing is missed, those
// who watch are woken, and what was cached is not trusted.
func TestFeedAcrossACut(t *testing.T) {
	n := openNotes(t, false, nil)
	proxy, err := surrealtest.NewProxy(strings.TrimPrefix(n.store.options.URL, "ws://"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	o := n.store.options
	o.URL = proxy.URL()
	cut := share(t, o, false)
	start := cut.position()
	wakes, err := cut.store.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for round, end := range []func(){proxy.Refuse, proxy.Cut, proxy.Blackhole} {
		at, tags := cut.position(), cut.store.feed.versions.of("tags")
		select {
		case <-wakes: // of the round before
		default:
		}
		end()
		for i := range 10 {
			n.hand(fmt.Sprintf("CREATE notes:%d", 10*round+i))
		}
		n.position()
		proxy.Resume()
		select {
		case <-wakes:
		case <-time.After(2 * time.Minute):
			t.Fatalf("round %d: no wake-up", round)
		}
		for deadline := time.Now().Add(2 * time.Minute); ; {
			commits := cut.changes(at, 100)
			if len(commits) == 10 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d commits", round, len(commits))
			}
		}
		if round == 0 && cut.store.feed.versions.of("tags") == tags {
			t.Error("the versions are those of before the cut")
		}
	}
	if got := len(cut.changes(start, 100)); got != 30 {
		t.Errorf("%d commits in all", got)
	}
}

// What was started ends with the store.
func TestFeedLeavesNothing(t *testing.T) {
	url := surrealtest.Shared(t).URL
	before := goleak.IgnoreCurrent()
	for range 3 {
		s, err := Open(t.Context(), Options{URL: url, Namespace: "leaves", Database: "nothing", User: "root", Password: "root"})
		if err != nil {
			t.Fatal(err)
		}
		wakes, err := s.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Position(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for range wakes { // until it is closed
		}
		if _, err := s.Position(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("position of a closed store: %v, want ErrClosed", err)
		}
	}
	leaktest.None(t, before)
}
