package surreal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// lives is how many live queries run on the feed.
func (n *notebook) lives() int {
	n.Helper()
	results, err := n.store.client.Query(n.Context(), "RETURN object::len((INFO FOR TABLE _changes).lives)", nil)
	if err != nil {
		n.Fatalf("count live queries: %v", err)
	}
	return int(wire.NewReader(results[0]).Int())
}

// TestListenStopsInACrowd writes so much that LIVE tells nothing, then nothing,
// then a little: no commit is missed, and LIVE runs when it is of use.
func TestListenStopsInACrowd(t *testing.T) {
	n := openNotes(t, false, nil)
	other := share(t, n.store.options, false)
	at := other.position()
	wakes, err := other.store.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written, read := 0, 0
	wait := func(what string, ready func() bool) {
		t.Helper()
		deadline := time.After(2 * time.Minute)
		for {
			commits, err := other.store.Changes(t.Context(), at, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range commits {
				at = c.Cursor
				read += len(c.Changes)
			}
			if ready() {
				return
			}
			select {
			case <-wakes:
			case <-time.After(50 * time.Millisecond):
			case <-deadline:
				t.Fatalf("%s: not within its time; %d of %d changes were read", what, read, written)
			}
		}
	}
	wait("LIVE", func() bool { return n.lives() == 1 })
	wait("no LIVE in a crowd", func() bool {
		var many strings.Builder // commits that come together, however slow the machine
		for range 2 * crowd {
			written++
			fmt.Fprintf(&many, "CREATE notes:%d; ", written)
		}
		n.hand(many.String())
		return n.lives() == 0
	})
	wait("all of the crowd", func() bool { return read == written })
	wait("LIVE after the crowd", func() bool { return n.lives() == 1 })
	written++
	n.hand(fmt.Sprintf("CREATE notes:%d", written))
	wait("the last one", func() bool { return read == written })
}
