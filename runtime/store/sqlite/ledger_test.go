package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

func (n *notebook) hold(from query.Cursor) {
	n.Helper()
	if err := n.store.Note(n.Context(), store.Notes{Hold: &from}); err != nil {
		n.Fatal(err)
	}
}

// TestFeedIsHeld: what the feed is held from stays however old it is, also over
// a start, until the feed is full; then writes are refused, but for a few of
// functions, and go on when the hold moves.
func TestFeedIsHeld(t *testing.T) {
	const most = 64 << 10
	options := sqlite.Options{Path: filepath.Join(t.TempDir(), "held.db"), ChangesKeep: time.Nanosecond, ChangesMax: most}
	n := openNotes(t, options)
	text := strings.Repeat("x", 1000)
	from := n.must("first").Cursor
	n.hold(from)
	written := 0
	for range 10 {
		n.must(text + fmt.Sprint(written))
		written++
	}
	n.close()
	n = openNotes(t, options)
	var err error
	for written < 1000 && err == nil {
		if _, err = n.write(t.Context(), text+fmt.Sprint(written)); err == nil {
			written++
		}
	}
	if !fault.Is(err, "53100") || written < most/1100/2 || written > most/1000 {
		t.Fatalf("after %d writes: %v, want 53100 when the feed is full", written, err)
	}
	if commits, err := n.store.Changes(t.Context(), from, 1000); err != nil || len(commits) == 0 || commits[0].Cursor.Seq != from.Seq+1 {
		t.Errorf("after what is held: %d commits, %v", len(commits), err)
	}
	batch := query.Batch{Depth: 1, Writes: []query.Write{{Op: query.Insert, Table: n.table, Rows: []query.Row{{query.Null(), query.Text("of a function")}}}}}
	if _, err := n.view.Apply(t.Context(), batch); err != nil {
		t.Errorf("a function's write: %v", err)
	}
	end, err := n.store.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.hold(end)
	n.must("after")
	if _, err := n.store.Changes(t.Context(), from, 1); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("what is held no more: %v", err)
	}
	n.hold(query.Cursor{})
	n.must("free")
	if begin, _, err := n.store.Resume(t.Context(), from); err != nil || begin.Seq <= end.Seq {
		t.Errorf("begins at %s after %s: %v", begin, end, err)
	}
	n.close()
}

// TestHoldOfAnotherEpoch: a hold ends with the feed that it was for.
func TestHoldOfAnotherEpoch(t *testing.T) {
	n := openNotes(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "held.db"), ChangesKeep: time.Nanosecond, ChangesMax: 1 << 10})
	at := n.must("first").Cursor
	at.Epoch--
	n.hold(at)
	for i := range 100 {
		n.must(strings.Repeat("x", 100) + fmt.Sprint(i))
	}
	n.close()
}
