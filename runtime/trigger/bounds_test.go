package trigger

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// spoilt is a feed with a row that nobody can read.
type spoilt struct{ Store }

func (s spoilt) Changes(ctx context.Context, after query.Cursor, limit int) ([]query.Commit, error) {
	commits, err := s.Store.Changes(ctx, after, limit)
	commits = slices.Clone(commits)
	for i := range commits {
		commits[i].Changes = slices.Clone(commits[i].Changes)
		for j := range commits[i].Changes {
			if c := &commits[i].Changes[j]; strings.Contains(string(c.After), "spoilt") {
				c.After = []byte(`{"id":"spoilt","n":"no number"}`)
			}
		}
	}
	return commits, err
}

// TestUnreadable: a row that does not fit its columns is a dead letter at once, and
// holds nobody up.
func TestUnreadable(t *testing.T) {
	w := newWorld(t, on("f", "items", "n > 0"))
	w.stop()
	w.runner = New(Options{Store: spoilt{w.store}, Retry: w.retry, pace: hasty})
	if err := w.runner.Swap(t.Context(), w.set); err != nil {
		t.Fatal(err)
	}
	w.put("items", "spoilt", `,"n":1`)
	w.put("items", "good", `,"n":1`)
	w.want("f", "create good <nil>>1")
	var letters []Letter
	w.eventually("a dead letter", func() bool { letters, _ = w.runner.Letters(t.Context(), "f", "", 2); return len(letters) == 1 })
	l, err := w.runner.Letter(t.Context(), "f", letters[0].ID)
	if err != nil || !strings.Contains(l.Error, "cannot be read") || !strings.Contains(string(l.Event), `"n":"no number"`) {
		t.Errorf("the letter is %+v, %s, %v", l, l.Event, err)
	}
}

// TestDeadLettersAreBounded: beyond the bound, the oldest go.
func TestDeadLettersAreBounded(t *testing.T) {
	d := &driver{r: &Runner{log: slog.New(slog.DiscardHandler), meter: silent{}, now: time.Now}, notes: map[store.NoteName][]byte{}}
	l := newLine("f", query.Cursor{})
	for i := range mostDead + 5 {
		d.addDead(l, &letter{ID: idOf(query.Cursor{Epoch: 1, Seq: uint64(i)}, 0)})
	}
	oldest := idOf(query.Cursor{Epoch: 1, Seq: 5}, 0)
	if len(l.dead) != mostDead || l.dead[0] != oldest {
		t.Errorf("%d letters from %s on, want %d from %s on", len(l.dead), l.dead[0], mostDead, oldest)
	}
	for i := range 5 {
		id := idOf(query.Cursor{Epoch: 1, Seq: uint64(i)}, 0)
		for _, room := range []string{roomDead, roomEvent} {
			if body, there := d.notes[store.NoteName{Room: room + "f", Key: id}]; !there || body != nil {
				t.Errorf("the note of %s in %s is not dropped", id, room)
			}
		}
	}
}

// TestIDsAreSorted: ids are sorted as the feed is.
func TestIDsAreSorted(t *testing.T) {
	most := ^uint64(0) >> 1
	var ids []string
	for _, c := range []query.Cursor{{Epoch: 0, Seq: 0}, {Epoch: 1, Seq: most}, {Epoch: 2, Seq: 1}, {Epoch: 1_800_000_000_000_000, Seq: 35}, {Epoch: 1_800_000_000_000_000, Seq: 36}, {Epoch: 1_800_000_000_000_000, Seq: most}} {
		ids = append(ids, idOf(c, 0), idOf(c, 35), idOf(c, 36), idOf(c, mostChanges))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not sorted: %q", ids)
	}
	for _, id := range ids {
		if len(id) != len(ids[0]) {
			t.Errorf("%q is of another length than %q", id, ids[0])
		}
	}
}

// FuzzTimetable: what is due comes after what was asked for, and the first of what
// comes after a moment before it is the same.
func FuzzTimetable(f *testing.F) {
	for _, cron := range []string{"0 3 * * *", "*/7 * * * *", "15,45 2 * * SUN", "0 0 31 * *", "30 2 29 2 *", "59 23 L * *", "* * * * * *"} {
		for i, zone := range []string{"", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"} {
			f.Add(cron, zone, int64(1_300_000_000+i*77_777_777))
		}
	}
	f.Fuzz(func(t *testing.T, cron, zone string, seconds int64) {
		if len(cron) > 100 || seconds < 0 || seconds > 4_000_000_000 {
			t.Skip()
		}
		table, err := newTimetable(cron, zone)
		if err != nil {
			t.Skip()
		}
		at := time.Unix(seconds, 0)
		for range 3 {
			next, err := table.after(at)
			if err != nil {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q in %q: %s is due after %s", cron, zone, next, at)
			}
			if again, err := table.after(next.Add(-time.Second)); err != nil || again.After(next) {
				t.Fatalf("%q in %q: %s is due after %s, but %s, %v after a moment before it", cron, zone, next, at, fmt.Sprint(again), err)
			}
			at = next
		}
	})
}
