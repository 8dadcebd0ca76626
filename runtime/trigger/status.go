package trigger

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Meter counts what is done. Its methods are called by one goroutine, and must not
// wait. Labels are names of functions.
type Meter interface {
	// Ran counts a call for a change or at a time (function.KindChange,
	// KindSchedule), how long it took and whether it did what it should.
	Ran(function, kind string, took time.Duration, well bool)
	// Retried counts a change that is to be tried again, Died one that is a dead
	// letter.
	Retried(function string)
	Died(function string)
	// Missed counts that the feed no longer reached back; Skipped a time that was
	// passed over.
	Missed(function string)
	Skipped(function string)
	// Lag says how far behind a function is: the age of the oldest commit that it has
	// something left to do for, and how many commits are read and not done; how many
	// changes wait for another try, and how many are dead letters.
	Lag(function string, age time.Duration, commits, retries, dead int)
}

// silent is a Meter for nobody.
type silent struct{}

func (silent) Ran(string, string, time.Duration, bool)  {}
func (silent) Retried(string)                           {}
func (silent) Died(string)                              {}
func (silent) Missed(string)                            {}
func (silent) Skipped(string)                           {}
func (silent) Lag(string, time.Duration, int, int, int) {}

// Status is how triggers stand.
type Status struct {
	// Leads tells that this node calls functions; else another does, and the rest is
	// known there.
	Leads bool `json:"leads"`
	// Trouble is why nothing goes on, "" where it does.
	Trouble   string           `json:"trouble,omitempty"`
	Functions []FunctionStatus `json:"functions,omitempty"`
}

// FunctionStatus is how one function stands. The counts are those of this process.
type FunctionStatus struct {
	Name string `json:"name"`
	Runs uint64 `json:"runs"`
	// Failures are calls that failed, Skipped times that were passed over, Missed how
	// often the feed no longer reached back.
	Failures uint64 `json:"failures,omitempty"`
	Skipped  uint64 `json:"skipped,omitempty"`
	Missed   uint64 `json:"missed,omitempty"`
	// Running are calls, Commits those that are read and not done, Retries changes
	// that wait for another try or behind one, and Dead the dead letters.
	Running int `json:"running,omitempty"`
	Commits int `json:"commits,omitempty"`
	Retries int `json:"retries,omitempty"`
	Dead    int `json:"dead,omitempty"`
	// Behind is the age of the oldest commit with something left to do, seconds.
	Behind float64 `json:"behind,omitempty"`
	// Next and Last are when it is due and was, of a schedule.
	Next *time.Time `json:"next,omitempty"`
	Last *time.Time `json:"last,omitempty"`
	// Error is that of the last call that failed.
	Error   string     `json:"error,omitempty"`
	ErrorAt *time.Time `json:"errorAt,omitempty"`
	// Removed tells that no manifest asks for it any more.
	Removed bool `json:"removed,omitempty"`
}

// Status tells how it stands.
func (r *Runner) Status(ctx context.Context) Status {
	var s Status
	r.do(ctx, func(d *driver) { s = d.status() })
	return s
}

func (d *driver) status() Status {
	s := Status{Leads: true}
	switch {
	case d.badSave.times > 0:
		s.Trouble = "what functions have done cannot be noted: " + causeText(d.badSave.err)
	case d.badRead.times > 0:
		s.Trouble = "the feed cannot be read: " + causeText(d.badRead.err)
	}
	for _, l := range d.lines {
		f := FunctionStatus{
			Name: l.name, Running: l.running, Commits: len(l.window), Retries: l.filed, Dead: len(l.dead), Removed: l.of == nil,
			Behind: d.age(l).Seconds(),
		}
		f.add(&l.seen)
		f.Missed = l.seen.Missed
		s.Functions = append(s.Functions, f)
	}
	for name, c := range d.times {
		at := slices.IndexFunc(s.Functions, func(f FunctionStatus) bool { return f.Name == name })
		if at < 0 {
			at = len(s.Functions)
			s.Functions = append(s.Functions, FunctionStatus{Name: name, Removed: d.set == nil || d.set.times[name] == nil})
		}
		f := &s.Functions[at]
		f.add(&c.seen)
		f.Skipped = c.seen.Missed
		if c.running {
			f.Running++
		}
		if !c.next.IsZero() {
			next := c.next.UTC()
			f.Next = &next
		}
		if !c.ranAt.IsZero() {
			last := c.ranAt.UTC()
			f.Last = &last
		}
	}
	slices.SortFunc(s.Functions, func(a, b FunctionStatus) int { return strings.Compare(a.Name, b.Name) })
	return s
}

func (f *FunctionStatus) add(t *tally) {
	f.Runs += t.Runs
	f.Failures += t.Failures
	if t.last != "" && (f.ErrorAt == nil || f.ErrorAt.Before(t.lastAt)) {
		at := t.lastAt.UTC()
		f.Error, f.ErrorAt = t.last, &at
	}
}

// age is that of the oldest commit with something left to do.
func (d *driver) age(l *line) time.Duration {
	oldest := l.oldest()
	if oldest == 0 {
		return 0
	}
	return max(d.r.now().Sub(time.UnixMicro(oldest)), 0)
}

// measure tells the meter how far behind functions are.
func (d *driver) measure() {
	for _, l := range d.lines {
		d.r.meter.Lag(l.name, d.age(l), len(l.window), l.filed, len(l.dead))
	}
}
