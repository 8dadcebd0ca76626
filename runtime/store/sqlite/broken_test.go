package sqlite_test

import (
	"errors"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

// TestBroken checks that after a commit that did not reach the disk nothing is
// acknowledged any more, that reads go on, and that whoever runs the store is
// told.
func TestBroken(t *testing.T) {
	n := openNotes(t, sqlite.Options{})
	if _, err := n.write(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-n.store.Broken():
		t.Fatal("broken before anything happened")
	default:
	}
	lost := errors.New("fsync: input/output error")
	n.store.BreakDown(lost)
	<-n.store.Broken()
	if _, err := n.write(t.Context(), "lost"); !errors.Is(err, lost) {
		t.Errorf("write after the disk failed: %v", err)
	}
	if err := n.store.Health(t.Context()); !errors.Is(err, lost) {
		t.Errorf("health: %v", err)
	}
	if rows := n.count(); rows != 1 {
		t.Errorf("%d rows are readable, want 1", rows)
	}
}
