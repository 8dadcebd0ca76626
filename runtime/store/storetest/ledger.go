package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// lead takes a lease, or tells that another has it.
func (f *fixture) lead(name, holder string, lasts time.Duration) (store.Lease, bool) {
	f.Helper()
	lease, ok, err := f.store.Lead(f.ctx(), name, holder, lasts)
	if err != nil {
		f.Fatalf("lead: %v", err)
	}
	return lease, ok
}

func testLeases(t *testing.T, s store.Store) {
	f := &fixture{T: t, store: s}
	first, ok := f.lead("work", "one", time.Minute)
	if !ok || first.Name != "work" || first.Holder != "one" || first.Term == 0 {
		t.Fatalf("the first: %+v, %t", first, ok)
	}
	if _, ok := f.lead("work", "two", time.Minute); ok {
		t.Error("two have one lease")
	}
	if _, ok := f.lead("other", "two", time.Minute); !ok {
		t.Error("another lease is not free")
	}
	if again, ok := f.lead("work", "one", time.Millisecond); !ok || again != first {
		t.Errorf("renewed: %+v, %t; it was %+v", again, ok, first)
	}
	time.Sleep(20 * time.Millisecond)
	second, ok := f.lead("work", "two", time.Minute)
	if !ok || second.Term <= first.Term {
		t.Fatalf("after its time: %+v, %t; it was %+v", second, ok, first)
	}
	note := store.Notes{Put: []store.Note{{Room: "r", Key: "k", Body: []byte("x")}}, Under: &first}
	if err := s.Note(f.ctx(), note); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a note under a lease that is lost: %v", err)
	}
	if notes := f.noted("r", "", 10); len(notes) != 0 {
		t.Errorf("it was written: %v", notes)
	}
	if err := s.Resign(f.ctx(), first); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.lead("work", "three", time.Minute); ok {
		t.Error("who has lost a lease gave it up for another")
	}
	note.Under = &second
	if err := s.Note(f.ctx(), note); err != nil {
		t.Errorf("a note under a lease: %v", err)
	}
	if err := s.Resign(f.ctx(), second); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(f.ctx(), note); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a note under a lease that was given up: %v", err)
	}
	if third, ok := f.lead("work", "three", time.Minute); !ok || third.Term <= second.Term {
		t.Errorf("after it was given up: %+v, %t", third, ok)
	}
}

// testLeaseRace: of many who take a lease at once, one gets it.
func testLeaseRace(t *testing.T, s store.Store) {
	f := &fixture{T: t, store: s}
	ctx := f.ctx()
	var wins sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			lease, ok, err := s.Lead(ctx, "work", fmt.Sprint(i), time.Minute)
			if err == nil && ok {
				wins.Store(lease.Holder, lease)
			}
		})
	}
	all.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d have the lease", n)
	}
}

func (f *fixture) noted(room, from string, limit int) []string {
	f.Helper()
	notes, err := f.store.Noted(f.ctx(), room, from, limit)
	if err != nil {
		f.Fatalf("noted: %v", err)
	}
	var list []string
	for _, n := range notes {
		if n.Room != room {
			f.Errorf("a note of %q among those of %q", n.Room, room)
		}
		list = append(list, n.Key+"="+string(n.Body))
	}
	return list
}

func (f *fixture) wantNoted(room, from string, limit int, want ...string) {
	f.Helper()
	if got := f.noted(room, from, limit); fmt.Sprint(got) != fmt.Sprint(want) {
		f.Errorf("room %q from %q: %q, want %q", room, from, got, want)
	}
}

func testNotes(t *testing.T, s store.Store) {
	f := &fixture{T: t, store: s}
	put := func(room, key, body string) store.Note { return store.Note{Room: room, Key: key, Body: []byte(body)} }
	write := func(n store.Notes) {
		t.Helper()
		if err := s.Note(f.ctx(), n); err != nil {
			t.Fatal(err)
		}
	}
	f.wantNoted("dead/a", "", 10)
	write(store.Notes{Put: []store.Note{
		put("dead/a", "2", "two"), put("dead/a", "1", "\x00\xff"), put("dead/a", "3", ""),
		put("dead/ab", "1", "other"), put("dead", "1", "other"), put("dead/a/", "1", "other"),
	}})
	f.wantNoted("dead/a", "", 10, "1=\x00\xff", "2=two", "3=")
	f.wantNoted("dead/a", "", 2, "1=\x00\xff", "2=two")
	f.wantNoted("dead/a", "2", 10, "2=two", "3=")
	f.wantNoted("dead/a", "4", 10)
	write(store.Notes{
		Drop: []store.NoteName{{Room: "dead/a", Key: "1"}, {Room: "dead/a", Key: "9"}, {Room: "dead/a", Key: "2"}},
		Put:  []store.Note{put("dead/a", "2", "anew"), put("dead/a", "10", "ten")},
	})
	f.wantNoted("dead/a", "", 10, "10=ten", "2=anew", "3=")
	write(store.Notes{Drop: []store.NoteName{{Room: "dead/a"}}, Put: []store.Note{put("dead/a", "5", "left")}})
	f.wantNoted("dead/a", "", 10, "5=left")
	f.wantNoted("dead/ab", "", 10, "1=other")
	f.wantNoted("dead", "", 10, "1=other")
	f.wantNoted("dead/a/", "", 10, "1=other")
}

// testNotesUnseen: notes are no commits, and the feed can be read from where it
// begins.
func testNotesUnseen(t *testing.T, s store.Store) {
	f := open(t, s, library())
	before := f.position()
	if err := s.Note(f.ctx(), store.Notes{Put: []store.Note{{Room: "r", Key: "k"}}, Hold: &before}); err != nil {
		t.Fatal(err)
	}
	if now := f.position(); now != before {
		t.Errorf("a note moved the feed from %s to %s", before, now)
	}
	f.apply(f.insert("authors", author("a", "x")))
	begin, _, err := s.Resume(f.ctx(), query.Cursor{Epoch: before.Epoch - 1, Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	commits, err := s.Changes(f.ctx(), begin, 10)
	if err != nil || len(commits) != 1 {
		t.Errorf("from the beginning, %s: %v, %v", begin, commits, err)
	}
	if err := s.Note(f.ctx(), store.Notes{Hold: &query.Cursor{}}); err != nil {
		t.Fatal(err)
	}
}

// testResume: where a feed ends, it is known whether something was missed.
func testResume(t *testing.T, s store.Store) {
	f := open(t, s, library())
	early := f.position()
	f.apply(f.insert("authors", author("a", "x")))
	last := f.position()
	less := query.NewSchema(slices.DeleteFunc(library().Tables, func(t *query.Table) bool { return t.Name == "loans" }))
	f.migrate(plan.FromQuery(less), []string{"loans"})
	if _, err := s.Changes(f.ctx(), last, 10); !errors.Is(err, store.ErrTruncated) {
		t.Fatalf("after a drop: %v, want ErrTruncated", err)
	}
	if _, whole, err := s.Resume(f.ctx(), early); whole || err != nil {
		t.Errorf("from before a commit: %t, %v", whole, err)
	}
	next, whole, err := s.Resume(f.ctx(), last)
	if !whole || err != nil {
		t.Errorf("from the last commit: %t, %v", whole, err)
	}
	f.reopen(less)
	f.apply(f.insert("authors", author("b", "x")))
	if commits, err := s.Changes(f.ctx(), next, 10); err != nil || len(commits) != 1 {
		t.Errorf("from %s: %v, %v", next, commits, err)
	}
}
