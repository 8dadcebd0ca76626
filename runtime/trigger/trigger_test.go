package trigger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// says are the events that a function has run for, in short.
func says(list []seen, name string) []string {
	var out []string
	for i := range list {
		if s := &list[i]; s.function == name {
			out = append(out, fmt.Sprint(s.Op, " ", s.key(), " ", s.Old["n"], ">", s.Row["n"]))
		}
	}
	return out
}

// byRow puts what says gives in the order of rows: what is done of one is in order,
// and which row comes first is not said.
func byRow(said []string) []string {
	key := func(text string) string { return strings.Fields(text)[1] }
	slices.SortStableFunc(said, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	return said
}

func (w *world) want(name string, want ...string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%s ran for %q", name, want), func() bool { return len(says(w.fakes.done(), name)) >= len(want) })
	time.Sleep(20 * time.Millisecond) // what should not come has its chance
	if got := byRow(says(w.fakes.done(), name)); !slices.Equal(got, byRow(want)) {
		w.Fatalf("%s ran for\n%q, want\n%q", name, got, want)
	}
}

// wantAny is want for rows that run beside one another: sorted.
func (w *world) wantAny(name string, want ...string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%s ran for %q", name, want), func() bool { return len(says(w.fakes.done(), name)) >= len(want) })
	if got := slices.Sorted(slices.Values(says(w.fakes.done(), name))); !slices.Equal(got, want) {
		w.Fatalf("%s ran for\n%q, want\n%q", name, got, want)
	}
}

// TestChanges: which changes a function is called for, and what it is told.
func TestChanges(t *testing.T) {
	w := newWorld(
		t,
		on("all", "items", ""),
		on("grown", "items", "old.n != n", "update"),
		on("gone", "items", "n > 1", "delete"),
		on("made", "items", "old.n == null", "create", "update"),
		on("sold", "items", "tables.shops.exists(s, s.id == shop && s.open)"),
		on("other", "others", ""),
	)
	w.put("shops", "s", `,"open":true`)
	w.put("items", "a", `,"n":1,"shop":"s"`)
	w.put("items", "a", `,"n":1,"shop":"none"`)
	w.put("items", "a", `,"n":2,"shop":"s"`)
	w.remove("items", "a")
	w.put("items", "b", `,"n":1`)
	w.remove("items", "b")
	w.want("all", "create a <nil>>1", "update a 1>1", "update a 1>2", "delete a 2><nil>", "create b <nil>>1", "delete b 1><nil>")
	w.want("grown", "update a 1>2")
	w.want("gone", "delete a 2><nil>")
	w.want("made", "create a <nil>>1", "create b <nil>>1")
	w.want("sold", "create a <nil>>1", "update a 1>2", "delete a 2><nil>")
	w.want("other")
	cursors := map[string]bool{}
	for _, s := range w.fakes.done() {
		if s.function != "all" {
			continue
		}
		if s.kind != function.KindChange || s.Table != "items" || s.Cursor == "" || cursors[s.Cursor] {
			t.Errorf("told: %+v", s)
		}
		cursors[s.Cursor] = true
	}
	w.eventually("it is measured", func() bool {
		w.meter.mu.Lock()
		defer w.meter.mu.Unlock()
		return w.meter.lags > 0 && w.meter.ran == 13
	})
}

// TestRetries: a change that fails is tried again, those of its row wait behind it,
// and those of others do not; in the end it is a dead letter, and the next one of
// its row goes on.
func TestRetries(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	var failing atomic.Bool
	failing.Store(true)
	w.fakes.set(func(_ context.Context, s *seen) error {
		if s.key() == "bad" && s.Row["n"] == 1.0 && failing.Load() {
			return errFails
		}
		return nil
	})
	w.put("items", "bad", `,"n":1`)
	w.put("items", "bad", `,"n":2`)
	w.put("items", "good", `,"n":1`)
	w.wantAny("f", "create good <nil>>1", "update bad 1>2")
	tries := 0
	for _, s := range w.fakes.called() {
		if s.key() == "bad" && s.Row["n"] == 1.0 {
			tries++
		}
	}
	if tries != w.retry.Tries {
		t.Errorf("tried %d times, want %d", tries, w.retry.Tries)
	}
	ctx := t.Context()
	var letters []Letter
	w.eventually("there is a dead letter", func() bool {
		var err error
		if letters, err = w.runner.Letters(ctx, "f", "", 10); err != nil {
			t.Fatal(err)
		}
		return len(letters) == 1
	})
	l := letters[0]
	if l.Table != "items" || l.Op != "create" || l.Key != "bad" || l.Attempts != 4 || l.Error != "it fails" || l.At.IsZero() || l.Died.Before(l.At) || l.Missed {
		t.Errorf("the letter is %+v", l)
	}
	whole, err := w.runner.Letter(ctx, "f", l.ID)
	if err != nil || !strings.Contains(string(whole.Event), `"row":{"id":"bad","n":1,"shop":null},"old":null}`) {
		t.Errorf("the whole letter: %s, %v", whole.Event, err)
	}
	if more, err := w.runner.Letters(ctx, "f", l.ID, 10); err != nil || len(more) != 0 {
		t.Errorf("after the last letter: %v, %v", more, err)
	}
	failing.Store(false)
	if n, now, err := w.runner.Retry(ctx, "f", nil); n != 1 || !now || err != nil {
		t.Errorf("retry: %d, %t, %v", n, now, err)
	}
	w.wantAny("f", "create bad <nil>>1", "create good <nil>>1", "update bad 1>2")
	w.eventually("it is gone", func() bool {
		left, err := w.runner.Letters(ctx, "f", "", 10)
		return err == nil && len(left) == 0
	})
	for _, room := range []string{roomEvent, roomRetry, roomDead} {
		w.eventually("nothing is left in "+room, func() bool {
			notes, err := w.store.Noted(ctx, room+"f", "", 10)
			return err == nil && len(notes) == 0
		})
	}
	if _, _, err := w.runner.Retry(ctx, "f", []string{l.ID}); !fault.Is(err, CodeNoLetter) {
		t.Errorf("retry of none: %v", err)
	}
	status := w.runner.Status(ctx)
	if !status.Leads || len(status.Functions) != 1 || status.Functions[0].Runs != 3 || status.Functions[0].Failures != 4 || status.Functions[0].Error != "it fails" {
		t.Errorf("status: %+v", status)
	}
}

func TestDiscard(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	w.fakes.set(func(context.Context, *seen) error { return errFails })
	for i := range 3 {
		w.put("items", fmt.Sprint(i), "")
	}
	ctx := t.Context()
	var letters []Letter
	w.eventually("all are dead", func() bool {
		letters, _ = w.runner.Letters(ctx, "f", "", 10)
		return len(letters) == 3
	})
	if n, _, err := w.runner.Discard(ctx, "f", []string{letters[1].ID}); n != 1 || err != nil {
		t.Errorf("discard: %d, %v", n, err)
	}
	w.eventually("one is gone", func() bool { left, _ := w.runner.Letters(ctx, "f", "", 10); return len(left) == 2 })
	if n, _, err := w.runner.Discard(ctx, "f", nil); n != 2 || err != nil {
		t.Errorf("discard all: %d, %v", n, err)
	}
	w.eventually("no event is left", func() bool {
		notes, err := w.store.Noted(ctx, roomEvent+"f", "", 10)
		return err == nil && len(notes) == 0
	})
}

// TestBusy: a function without room has not failed.
func TestBusy(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	var calls atomic.Int64
	w.fakes.set(func(context.Context, *seen) error {
		if calls.Add(1) < 3 {
			return fault.New(function.CodeBusy, "busy")
		}
		return nil
	})
	w.put("items", "a", `,"n":1`)
	w.want("f", "create a <nil>>1")
	if s := w.runner.Status(t.Context()).Functions[0]; s.Failures != 0 || s.Runs != 1 {
		t.Errorf("status: %+v", s)
	}
}

// TestStatusFails: an answer that says that it failed is a failure.
func TestStatusFails(t *testing.T) {
	a := &answer{}
	_ = a.Head(399, nil)
	if err := call(t.Context(), answering(400), "f", function.KindChange, 0, []byte("{}")); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("400: %v", err)
	}
	if err := call(t.Context(), answering(399), "f", function.KindChange, 0, []byte("{}")); err != nil {
		t.Errorf("399: %v", err)
	}
	if err := call(t.Context(), answering(-1), "f", function.KindChange, 0, []byte("{}")); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("a panic: %v", err)
	}
}

type answering int

func (a answering) Call(_ context.Context, _ string, _ *function.Event, answer function.Answer) error {
	if a < 0 {
		panic("it does")
	}
	return answer.Head(int(a), nil)
}

// TestParallel: rows run beside one another, up to the function's instances.
func TestParallel(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	var now, most atomic.Int64
	let := make(chan struct{})
	w.fakes.set(func(ctx context.Context, _ *seen) error {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			was := most.Load()
			if n <= was || most.CompareAndSwap(was, n) {
				break
			}
		}
		<-let
		return nil
	})
	for i := range 10 {
		w.put("items", fmt.Sprint(i), "")
	}
	w.eventually("four run", func() bool { return now.Load() == 4 })
	time.Sleep(20 * time.Millisecond)
	close(let)
	w.eventually("all ran", func() bool { return len(w.fakes.done()) == 10 })
	if most.Load() != 4 {
		t.Errorf("%d ran at once, want 4", most.Load())
	}
}

// TestRestart: what was done is not done again, what was not is; what waits for
// another try waits on; what is dead stays dead.
func TestRestart(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	w.retry.First, w.retry.Most = time.Hour, time.Hour
	w.stop()
	w.run()
	w.fakes.set(func(_ context.Context, s *seen) error {
		if s.key() == "bad" {
			return errFails
		}
		return nil
	})
	w.put("items", "a", `,"n":1`)
	w.put("items", "bad", `,"n":1`)
	w.put("items", "bad", `,"n":2`)
	w.put("items", "b", `,"n":1`)
	w.eventually("all are seen", func() bool {
		s := w.runner.Status(t.Context()).Functions[0]
		return s.Runs == 2 && s.Retries == 2 && s.Commits == 0
	})
	w.stop()
	w.put("items", "c", `,"n":1`)
	w.end()

	w.retry.First = time.Millisecond
	w.fakes.reset()
	w.begin(on("f", "items", ""))
	w.want("f", "create c <nil>>1")
	if s := w.runner.Status(t.Context()).Functions[0]; s.Retries != 2 {
		t.Errorf("status: %+v", s)
	}
}

// TestCut: a call that is cut by the end is no failure, and runs again.
func TestCut(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	begun := make(chan struct{}, 10)
	w.fakes.set(func(ctx context.Context, s *seen) error {
		begun <- struct{}{}
		if s.key() == "slow" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	w.put("items", "slow", `,"n":1`)
	w.put("items", "quick", `,"n":1`)
	<-begun
	<-begun
	w.eventually("the quick one is done", func() bool { return len(w.fakes.done()) == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	w.runner.Close(ctx)
	w.fakes.reset()
	w.run()
	w.want("f", "create slow <nil>>1")
}

// TestCloseWaits: what runs may end.
func TestCloseWaits(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	let, begun := make(chan struct{}), make(chan struct{})
	w.fakes.set(func(ctx context.Context, _ *seen) error { close(begun); <-let; return ctx.Err() })
	w.put("items", "a", "")
	<-begun
	go func() { time.Sleep(20 * time.Millisecond); close(let) }()
	w.stop()
	if len(w.fakes.done()) != 1 {
		t.Error("what ran was cut")
	}
	if err := w.runner.Swap(t.Context(), w.set); err == nil {
		t.Error("a closed runner swaps")
	}
	w.fakes.reset()
	w.run()
	w.put("items", "b", "")
	w.want("f", "create b <nil>><nil>")
}

// TestReload: a new function begins at the present, one that stays goes on, the
// rules of a commit are those of its time, and one that is gone and comes back
// within a day goes on where it was.
func TestReload(t *testing.T) {
	w := newWorld(t, on("f", "items", "n < 10"))
	w.put("items", "a", `,"n":1`)
	w.put("items", "b", `,"n":20`)
	w.reload(on("f", "items", "n >= 10"), on("g", "items", ""))
	w.put("items", "c", `,"n":1`)
	w.put("items", "d", `,"n":20`)
	w.want("f", "create a <nil>>1", "create d <nil>>20")
	w.want("g", "create c <nil>>1", "create d <nil>>20")
	w.reload(on("g", "items", ""))
	w.put("items", "e", `,"n":30`)
	w.want("g", "create c <nil>>1", "create d <nil>>20", "create e <nil>>30")
	w.reload(on("f", "items", ""))
	w.want("f", "create a <nil>>1", "create d <nil>>20", "create e <nil>>30")
}

// TestRemoved: a function that is gone for a day leaves nothing.
func TestRemoved(t *testing.T) {
	w := newWorld(t, on("f", "items", ""), on("g", "items", ""))
	var later atomic.Int64
	w.stop()
	w.now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	w.run()
	w.fakes.set(func(_ context.Context, s *seen) error {
		if s.function == "f" {
			return errFails
		}
		return nil
	})
	w.put("items", "a", "")
	w.eventually("a dead letter", func() bool { l, _ := w.runner.Letters(t.Context(), "f", "", 1); return len(l) == 1 })
	w.reload(on("g", "items", ""))
	w.eventually("it is parked", func() bool { return w.runner.Status(t.Context()).Functions[0].Removed })
	later.Store(int64(25 * time.Hour))
	w.eventually("it is gone", func() bool { return len(w.runner.Status(t.Context()).Functions) == 1 })
	w.eventually("its notes are gone", func() bool {
		for _, room := range []string{roomDead, roomEvent, roomRetry} {
			if notes, err := w.store.Noted(t.Context(), room+"f", "", 1); err != nil || len(notes) > 0 {
				return false
			}
		}
		notes, err := w.store.Noted(t.Context(), roomPlace, "", 10)
		return err == nil && len(notes) == 1 && notes[0].Key == "g"
	})
}

// TestDepth: a chain of functions ends.
func TestDepth(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	w.fakes.set(func(ctx context.Context, s *seen) error {
		if s.depth > function.MaxDepth {
			t.Errorf("called at the depth of %d", s.depth)
		}
		write := writeOf("items", fmt.Sprintf(`{"id":"after%d"}`, s.depth))
		write.Depth = s.depth + 1
		_, err := w.gate.Insert(ctx, service, write)
		return err
	})
	w.put("items", "first", "")
	var letters []Letter
	w.eventually("the chain ends", func() bool { letters, _ = w.runner.Letters(t.Context(), "f", "", 10); return len(letters) == 1 })
	if l := letters[0]; !strings.Contains(l.Error, function.CodeDepth) || l.Key != "after8" || l.Attempts != 1 {
		t.Errorf("the letter is %+v", l)
	}
	if n := len(w.fakes.done()); n != function.MaxDepth+1 {
		t.Errorf("%d functions followed from one another, want %d", n, function.MaxDepth+1)
	}
}

// TestMissed: where the feed ends, it is said, and what comes after it goes on.
func TestMissed(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	w.put("items", "a", `,"n":1`)
	w.want("f", "create a <nil>>1")
	w.stop()
	w.put("items", "b", `,"n":1`)
	m := stock(on("f", "items", ""))
	m.Tables[2].Columns[0].Name, m.Tables[2].Columns[0].Was = "m", "n" // a migration that begins a new feed
	w.generation(m)
	w.fakes.reset()
	w.run()
	w.put("items", "c", `,"n":1`)
	w.want("f", "create c <nil>>1")
	letters, err := w.runner.Letters(t.Context(), "f", "", 10)
	if err != nil || len(letters) != 1 || !letters[0].Missed || letters[0].At.IsZero() {
		t.Fatalf("letters: %+v, %v", letters, err)
	}
	if _, _, err := w.runner.Retry(t.Context(), "f", []string{letters[0].ID}); !fault.Is(err, CodeMissed) {
		t.Errorf("retry: %v", err)
	}
	if n, _, err := w.runner.Discard(t.Context(), "f", []string{letters[0].ID}); n != 1 || err != nil {
		t.Errorf("discard: %d, %v", n, err)
	}
}

// TestPause: what is noted before the feed ends is run after it.
func TestPause(t *testing.T) {
	w := newWorld(t, many(on("f", "items", "")))
	let := make(chan struct{})
	w.fakes.set(func(ctx context.Context, s *seen) error {
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	const n = 2000 // more than the window has
	for i := range n / 100 {
		var rows []string
		for j := range 100 {
			rows = append(rows, fmt.Sprintf(`{"id":"%d-%d"}`, i, j))
		}
		if _, err := w.gate.Insert(t.Context(), service, writeOf("items", "["+strings.Join(rows, ",")+"]")); err != nil {
			t.Fatal(err)
		}
	}
	go func() { time.Sleep(50 * time.Millisecond); close(let) }()
	resume := w.runner.Pause(t.Context())
	ran := len(w.fakes.done())
	m := stock(on("f", "items", ""))
	m.Tables[2].Columns[0].Name, m.Tables[2].Columns[0].Was = "m", "n"
	w.generation(m)
	if now := len(w.fakes.called()); now != ran {
		t.Errorf("%d were called in a pause", now-ran)
	}
	if err := w.runner.Swap(t.Context(), w.set); err != nil {
		t.Fatal(err)
	}
	resume()
	w.eventually("all ran", func() bool { return len(w.fakes.done()) >= n })
	w.put("items", "after", "")
	w.eventually("it goes on", func() bool { return len(w.fakes.done()) == n+1 })
	if l, err := w.runner.Letters(t.Context(), "f", "", 1); len(l) > 0 || err != nil {
		t.Errorf("letters: %+v, %v", l, err)
	}
}

// TestTwoRunners: one works at a time, and the other takes over.
func TestTwoRunners(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	other := &fakes{}
	second := New(Options{Store: w.store, Retry: w.retry, pace: hasty})
	set := *w.set
	set.caller = other
	if err := second.Swap(t.Context(), &set); err != nil {
		t.Fatal(err)
	}
	defer second.Close(context.Background())
	w.put("items", "a", `,"n":1`)
	w.want("f", "create a <nil>>1")
	if second.Status(t.Context()).Leads || len(other.called()) > 0 {
		t.Error("both work")
	}
	w.fakes.set(func(context.Context, *seen) error { return errFails })
	w.put("items", "bad", `,"n":1`)
	w.eventually("a dead letter", func() bool { l, _ := second.Letters(t.Context(), "f", "", 1); return len(l) == 1 })
	w.fakes.set(nil)
	if n, now, err := second.Retry(t.Context(), "f", nil); n != 1 || now || err != nil {
		t.Errorf("asked of who does not lead: %d, %t, %v", n, now, err)
	}
	w.want("f", "create a <nil>>1", "create bad <nil>>1")
	w.stop()
	w.put("items", "b", `,"n":1`)
	w.eventually("the other has it", func() bool { return len(other.done()) == 1 && second.Status(t.Context()).Leads })
}

// TestNoFunctions: a manifest without functions releases what was held.
func TestNoFunctions(t *testing.T) {
	w := newWorld(t, on("f", "items", ""))
	w.put("items", "a", "")
	w.want("f", "create a <nil>><nil>")
	w.reload()
	w.reload(manifest.Function{Name: "plain"})
}
