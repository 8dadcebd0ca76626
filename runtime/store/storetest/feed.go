package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

func testFeed(t *testing.T, s store.Store) {
	f := open(t, s, library())
	start := f.position()
	var cursors []query.Cursor
	for i := range 5 {
		cursors = append(cursors, f.apply(f.insert("authors", author(fmt.Sprint(i), "x"), author(fmt.Sprint("b", i), "y"))).Cursor)
	}
	for i, c := range cursors {
		if i > 0 && c.Compare(cursors[i-1]) <= 0 {
			t.Errorf("cursor %s is not above %s", c, cursors[i-1])
		}
	}
	commits := f.changes(start)
	if len(commits) != 5 {
		t.Fatalf("%d commits, want one a batch", len(commits))
	}
	for i, c := range commits {
		if c.Cursor != cursors[i] || len(c.Changes) != 2 || c.At == 0 {
			t.Errorf("commit %d: %+v, want cursor %s and two changes", i, c, cursors[i])
		}
		wantChange(t, c.Changes[0], "authors", query.Insert, "", fmt.Sprintf(`{"id":"%d","name":"x"}`, i))
	}
	some, err := s.Changes(f.ctx(), cursors[1], 2)
	if err != nil || len(some) != 2 || some[0].Cursor != cursors[2] {
		t.Errorf("two after the second: %v, %v", some, err)
	}
	if rest, err := s.Changes(f.ctx(), cursors[4], 10); err != nil || len(rest) != 0 {
		t.Errorf("after the last: %v, %v", rest, err)
	}
	for _, c := range []query.Cursor{{Epoch: start.Epoch + 1, Seq: 1}, {Epoch: start.Epoch, Seq: cursors[4].Seq + 10}} {
		if _, err := s.Changes(f.ctx(), c, 10); !errors.Is(err, store.ErrTruncated) {
			t.Errorf("after %s: %v, want ErrTruncated", c, err)
		}
	}
}

// testDepth: the feed keeps how many functions led to a commit, whatever way the
// batch takes.
func testDepth(t *testing.T, s store.Store) {
	f := open(t, s, library())
	start := f.position()
	one := f.insert("authors", author("a", "x"))
	for depth, b := range []query.Batch{
		{Writes: []query.Write{one}},
		{Writes: []query.Write{f.insert("authors", author("b", "x"))}, Depth: 1},
		{Writes: []query.Write{f.insert("authors", author("c", "x")), f.insert("books", book("C", "c"))}, Depth: 2},
		{Writes: []query.Write{f.insert("authors", author("d", "x"), author("e", "y"))}, Depth: 3, Once: &query.Once{Key: "k"}},
		{Writes: []query.Write{f.insert("authors", author("f", "x"))}, Depth: query.MaxDepth + 4},
	} {
		b.Position = true
		result, err := f.view.Apply(f.ctx(), b)
		if err != nil {
			t.Fatalf("depth %d: %v", depth, err)
		}
		commits := f.changes(start)
		if len(commits) != depth+1 {
			t.Fatalf("depth %d: %d commits", depth, len(commits))
		}
		last := commits[depth]
		if last.Cursor != result.Cursor || last.Depth != min(b.Depth, query.MaxDepth) || len(last.Changes) == 0 || last.Changes[0].Table != "authors" {
			t.Errorf("depth %d: the feed tells %+v", depth, last)
		}
	}
}

func testVersions(t *testing.T, s store.Store) {
	f := open(t, s, library())
	authors, books := f.version("authors"), f.version("books")
	f.refused(f.insert("books", book("Lost", "nobody")))
	if f.version("books") != books {
		t.Error("a refused write changed the version")
	}
	f.apply(f.insert("authors", author("a", "Ann")))
	if f.version("authors") == authors {
		t.Error("a write did not change its table's version")
	}
	if f.version("books") != books {
		t.Error("a write changed another table's version")
	}
	authors = f.version("authors")
	f.rows(query.Select{Table: f.table("authors"), Limit: -1})
	f.apply(query.Write{Op: query.Delete, Table: f.table("authors"), Where: query.FalseExpr()})
	if f.version("authors") != authors {
		t.Error("a write of nothing changed the version")
	}
}

func testWatch(t *testing.T, s store.Store) {
	f := open(t, s, library())
	ctx, cancel := context.WithCancel(f.ctx())
	defer cancel()
	wake, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f.apply(f.insert("authors", author("a", "Ann")))
	select {
	case _, ok := <-wake:
		if !ok {
			t.Fatal("the channel is closed")
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("no wake-up after a commit")
	}
	cancel()
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case _, ok := <-wake:
			if !ok {
				return
			}
		case <-deadline:
			t.Fatal("the channel is not closed after its context")
		}
	}
}

// testSnapshot reads rows and cursor while writers work: the rows must be what
// the commits up to the cursor make, no more and no less.
func testSnapshot(t *testing.T, s store.Store) {
	f := open(t, s, library())
	start := f.position()
	authors := f.table("authors")
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 50 {
				_, err := f.view.Apply(f.ctx(), query.Batch{Writes: []query.Write{
					{Op: query.Insert, Table: authors, Rows: []query.Row{author(fmt.Sprint(w, "-", i), "x")}},
				}})
				if err != nil {
					t.Errorf("apply: %v", err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		rows, info := f.selectRows(query.Select{Table: authors, Limit: -1, Position: true, Count: true})
		want := 0
		for _, commit := range f.changes(start) {
			if commit.Cursor.Compare(info.Position) <= 0 {
				want++
			}
		}
		if len(rows) != want || info.Count != int64(want) {
			t.Fatalf("%d rows and count %d at a cursor %d commits after the start", len(rows), info.Count, want)
		}
	}
	if rows := f.all("authors"); len(rows) != 200 {
		t.Errorf("%d rows, want 200", len(rows))
	}
}

func testBackup(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann")))
	var copied bytes.Buffer
	if err := s.Backup(f.ctx(), &copied); err != nil {
		t.Fatalf("backup: %v", err)
	}
	if copied.Len() == 0 {
		t.Error("the backup is empty")
	}
}

func testClose(t *testing.T, s store.Store) {
	f := open(t, s, library())
	if err := s.Health(f.ctx()); err != nil {
		t.Errorf("health: %v", err)
	}
	view, err := s.Open(f.ctx(), f.schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := view.Apply(f.ctx(), query.Batch{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("apply on a closed view: %v, want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := s.Position(f.ctx()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("position of a closed store: %v, want ErrClosed", err)
	}
	if _, err := f.view.Select(f.ctx(), query.Select{Table: f.table("authors"), Limit: -1}, &collector{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("select on a closed store: %v, want ErrClosed", err)
	}
}
