package trigger

import (
	"encoding/json"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// clock is one function that is called at times. The driver alone uses it.
type clock struct {
	of      *appointment
	last    time.Time // all up to it was run, or passed over
	next    time.Time
	running bool
	seen    tally
	ranAt   time.Time
}

// timeNote is the note of a clock. Where a manifest says another time, it begins
// anew.
type timeNote struct {
	Cron string `json:"cron"`
	Zone string `json:"zone"`
	Last int64  `json:"last"` // microseconds
}

const (
	// lateTime is how late a run may be that is not missed: a node that takes over
	// from another is in time.
	lateTime = time.Minute
	// clockTime is how far a run may lie in the future; beyond it the clock was wrong.
	clockTime = time.Hour
)

func (d *driver) loadTimes() error {
	return d.r.each(d.ctx, roomTime, func(n store.Note) error {
		var note timeNote
		if err := json.Unmarshal(n.Body, &note); err != nil {
			return err
		}
		d.times[n.Key] = &clock{of: &appointment{name: n.Key, cron: note.Cron, zone: note.Zone}, last: time.UnixMicro(note.Last)}
		return nil
	})
}

// adoptTimes follows the times of a set. What has no time any more is forgotten.
func (d *driver) adoptTimes(set *Set) {
	for name, c := range d.times {
		if set.times[name] == nil && !c.running {
			delete(d.times, name)
			d.drop(store.NoteName{Room: roomTime, Key: name})
		}
	}
	for name, of := range set.times {
		c := d.times[name]
		if c == nil {
			c = &clock{of: of}
			d.times[name] = c
		}
		if c.last.IsZero() || c.of.cron != of.cron || c.of.zone != of.zone {
			c.of = of
			d.passed(c, d.r.now())
		}
		c.of, c.next = of, time.Time{}
	}
}

// passed notes that all up to a time is run, or passed over.
func (d *driver) passed(c *clock, at time.Time) {
	c.last, c.next = at, time.Time{}
	d.putJSON(store.NoteName{Room: roomTime, Key: c.of.name}, &timeNote{Cron: c.of.cron, Zone: c.of.zone, Last: at.UnixMicro()})
}

// startTimes calls what is due.
func (d *driver) startTimes() {
	if d.set == nil {
		return
	}
	now := d.r.now()
	for name, c := range d.times {
		if d.set.times[name] == nil {
			continue
		}
		if c.last.Sub(now) > clockTime {
			d.r.log.Warn("the clock has gone back; a schedule begins anew", "function", name, "last", c.last.UTC())
			d.passed(c, now)
		}
		if c.next.IsZero() {
			next, err := c.of.table.after(c.last)
			if err != nil {
				d.r.log.Error("a function is never due again", "function", name, "error", err)
				next = now.Add(parkedTime)
			}
			c.next = next
		}
		if c.next.After(now) {
			if wait := c.next.Sub(now); wait < d.r.pace.tick {
				d.tick = minTime(d.tick, time.Now().Add(wait))
			}
			continue
		}
		d.due(c, now)
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// due decides about a clock whose time has come.
func (d *driver) due(c *clock, now time.Time) {
	due, ok := c.of.table.latest(c.last, now)
	if !ok {
		due = c.next
	}
	switch {
	case c.running:
		d.r.log.Warn("a function is due again, but still runs: this time is passed over", "function", c.of.name, "due", due.UTC())
		d.r.meter.Skipped(c.of.name)
		c.seen.Missed++
		// Not noted: until the run ends, a crash makes it run again.
		c.last, c.next = due, time.Time{}
	case c.of.missed == manifest.MissedSkip && now.Sub(due) > lateTime:
		d.r.log.Warn("a function was due while nothing ran: this time is passed over", "function", c.of.name, "due", due.UTC())
		d.r.meter.Skipped(c.of.name)
		c.seen.Missed++
		d.passed(c, due)
	default:
		c.running = true
		c.last, c.next = due, time.Time{}
		d.startRun(c.of, due)
	}
}

// scheduled is what came of a run.
type scheduled struct {
	name string
	due  time.Time
	took time.Duration
	err  error
}

func (d *driver) startRun(of *appointment, due time.Time) {
	d.calls++
	caller := d.set.caller
	detail, err := json.Marshal(map[string]string{"cron": of.cron, "due": due.UTC().Format("2006-01-02T15:04:05-07:00")})
	go func() {
		s := scheduled{name: of.name, due: due, err: err}
		begun := time.Now()
		if err == nil {
			s.err = call(d.ctx, caller, of.name, function.KindSchedule, 0, detail)
		}
		s.took = time.Since(begun)
		d.runs <- s
	}()
}

// takeRun notes that a run is over; one that failed is not repeated.
func (d *driver) takeRun(s *scheduled) {
	d.calls--
	c := d.times[s.name]
	if c == nil {
		return
	}
	c.running = false
	if s.err != nil && d.ctx.Err() != nil {
		return // it was ended, and is made up for
	}
	c.ranAt = d.r.now()
	c.seen.Runs++
	d.r.meter.Ran(s.name, function.KindSchedule, s.took, s.err == nil)
	if s.err != nil {
		c.seen.Failures++
		c.seen.last, c.seen.lastAt = causeText(s.err), c.ranAt
		d.r.log.Error("a function failed that was due", "function", s.name, "due", s.due.UTC(), "error", s.err)
	}
	if d.set.times[s.name] == nil {
		delete(d.times, s.name)
		d.drop(store.NoteName{Room: roomTime, Key: s.name})
		return
	}
	d.passed(c, c.last)
}
