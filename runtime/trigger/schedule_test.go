package trigger

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func at(name, cron, zone, missed string) manifest.Function {
	return manifest.Function{Name: name, Limits: manifest.FunctionLimits{Instances: 1}, Schedule: &manifest.Schedule{Cron: cron, Zone: zone, Missed: missed}}
}

// handClock is a clock that a test puts.
type handClock struct{ micros atomic.Int64 }

func (h *handClock) now() time.Time { return time.UnixMicro(h.micros.Load()) }

func (h *handClock) put(text string) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	h.micros.Store(t.UnixMicro())
}

func dues(list []seen, name string) []string {
	var out []string
	for _, s := range list {
		if s.function == name {
			out = append(out, s.Due)
		}
	}
	return out
}

func (w *world) wantDue(name string, want ...string) {
	w.Helper()
	w.eventually(name+" was due", func() bool { return len(dues(w.fakes.done(), name)) >= len(want) })
	time.Sleep(30 * time.Millisecond)
	if got := dues(w.fakes.done(), name); !slices.Equal(got, want) {
		w.Fatalf("%s was due %q, want %q", name, got, want)
	}
}

// timed is a world whose clock stands still.
func timed(t *testing.T, start string, functions ...manifest.Function) (*world, *handClock) {
	t.Helper()
	w := newWorld(t)
	w.stop()
	h := &handClock{}
	h.put(start)
	w.now = h.now
	w.generation(stock(functions...))
	w.run()
	return w, h
}

func TestSchedule(t *testing.T) {
	w, h := timed(t, "2026-03-01T00:00:30Z", at("f", "0 3 * * *", "Europe/Berlin", manifest.MissedOnce))
	w.wantDue("f")
	h.put("2026-03-01T01:59:59Z")
	w.wantDue("f")
	h.put("2026-03-01T02:00:00Z")
	w.wantDue("f", "2026-03-01T02:00:00+00:00")
	if s := w.fakes.done()[0]; s.kind != function.KindSchedule || s.Cron != "0 3 * * *" || s.depth != 0 {
		t.Errorf("told: %+v", s)
	}
	// The clocks are put on, and back.
	h.put("2026-03-29T00:30:00Z") // makes up for those missed
	h.put("2026-03-29T01:00:00Z")
	w.wantDue("f", "2026-03-01T02:00:00+00:00", "2026-03-29T01:00:00+00:00")
	f := w.runner.Status(t.Context()).Functions[0]
	if f.Next == nil || !f.Next.Equal(time.Date(2026, 3, 30, 1, 0, 0, 0, time.UTC)) || f.Last == nil || f.Runs != 2 {
		t.Errorf("status: %+v", f)
	}
}

// TestMissedRuns: one run makes up for all, or none does.
func TestMissedRuns(t *testing.T) {
	functions := []manifest.Function{at("once", "0 * * * *", "", manifest.MissedOnce), at("skip", "0 * * * *", "", manifest.MissedSkip)}
	w, h := timed(t, "2026-01-01T00:30:00Z", functions...)
	h.put("2026-01-01T01:00:10Z")
	w.wantDue("once", "2026-01-01T01:00:00+00:00")
	w.wantDue("skip", "2026-01-01T01:00:00+00:00")
	w.stop()
	h.put("2026-01-01T09:10:00Z")
	w.run()
	w.wantDue("once", "2026-01-01T01:00:00+00:00", "2026-01-01T09:00:00+00:00")
	w.wantDue("skip", "2026-01-01T01:00:00+00:00")
	w.stop()
	h.put("2026-01-01T12:00:20Z") // late, but not by so much that it was missed
	w.run()
	w.wantDue("skip", "2026-01-01T01:00:00+00:00", "2026-01-01T12:00:00+00:00")
}

// TestStillRunning: a run is not doubled, and one that is cut is made up for.
func TestStillRunning(t *testing.T) {
	w, h := timed(t, "2026-01-01T00:00:30Z", at("f", "* * * * *", "", manifest.MissedOnce))
	let := make(chan struct{})
	w.fakes.set(func(ctx context.Context, _ *seen) error {
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	h.put("2026-01-01T00:01:00Z")
	w.eventually("it runs", func() bool { return len(w.fakes.called()) == 1 })
	h.put("2026-01-01T00:02:00Z")
	w.eventually("one is passed over", func() bool { return w.runner.Status(t.Context()).Functions[0].Skipped == 1 })
	close(let)
	w.wantDue("f", "2026-01-01T00:01:00+00:00")
	h.put("2026-01-01T00:03:00Z")
	w.wantDue("f", "2026-01-01T00:01:00+00:00", "2026-01-01T00:03:00+00:00")

	let = make(chan struct{})
	h.put("2026-01-01T00:04:00Z")
	w.eventually("it runs", func() bool { return len(w.fakes.called()) == 3 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.runner.Close(ctx)
	close(let)
	w.run()
	w.wantDue("f", "2026-01-01T00:01:00+00:00", "2026-01-01T00:03:00+00:00", "2026-01-01T00:04:00+00:00")
}

// TestRunFails: a run that fails is told, and not repeated.
func TestRunFails(t *testing.T) {
	w, h := timed(t, "2026-01-01T00:00:30Z", at("f", "* * * * *", "", manifest.MissedOnce))
	w.fakes.set(func(context.Context, *seen) error { return errFails })
	h.put("2026-01-01T00:01:00Z")
	w.eventually("it is told", func() bool { return w.runner.Status(t.Context()).Functions[0].Error == "it fails" })
	time.Sleep(30 * time.Millisecond)
	if n := len(w.fakes.called()); n != 1 {
		t.Errorf("called %d times", n)
	}
}

// TestClockGoesBack: a little back repeats nothing; far back begins anew.
func TestClockGoesBack(t *testing.T) {
	w, h := timed(t, "2026-01-01T10:00:30Z", at("f", "* * * * *", "", manifest.MissedOnce))
	h.put("2026-01-01T10:01:00Z")
	w.wantDue("f", "2026-01-01T10:01:00+00:00")
	h.put("2026-01-01T09:30:00Z")
	h.put("2026-01-01T09:31:00Z")
	w.wantDue("f", "2026-01-01T10:01:00+00:00")
	h.put("2026-01-01T05:00:00Z")
	w.eventually("it begins anew", func() bool {
		next := w.runner.Status(t.Context()).Functions[0].Next
		return next != nil && next.Hour() == 5
	})
	h.put("2026-01-01T05:01:00Z")
	w.wantDue("f", "2026-01-01T10:01:00+00:00", "2026-01-01T05:01:00+00:00")
}

// TestAnotherTime: a manifest that says another time makes up for nothing.
func TestAnotherTime(t *testing.T) {
	w, h := timed(t, "2026-01-01T00:00:30Z", at("f", "0 3 * * *", "", manifest.MissedOnce))
	h.put("2026-01-01T05:00:00Z")
	w.wantDue("f", "2026-01-01T03:00:00+00:00")
	w.reload(at("f", "0 4 * * *", "", manifest.MissedOnce))
	w.wantDue("f", "2026-01-01T03:00:00+00:00")
	h.put("2026-01-02T04:00:00Z")
	w.wantDue("f", "2026-01-01T03:00:00+00:00", "2026-01-02T04:00:00+00:00")
	w.reload()
	w.eventually("nothing is left", func() bool { n, err := w.store.Noted(t.Context(), roomTime, "", 1); return err == nil && len(n) == 0 })
}
