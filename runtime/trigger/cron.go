package trigger

import (
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// timetable is when a function is due: a cron expression, meant in a zone.
//
// A time of day that the zone leaves out is due when the clocks go on, and one
// that comes twice is due the first time. Where every hour is meant, hours are
// counted as they pass, so that nothing pauses while the clocks are put back.
type timetable struct {
	cron   string
	zone   *time.Location
	hourly bool // the hour is *
}

// newTimetable reads a cron expression and the zone's IANA name, "" for UTC.
func newTimetable(cron, zone string) (*timetable, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("the zone %q is not known: %w", zone, err)
	}
	if !gronx.IsValid(cron) {
		return nil, fmt.Errorf("%q is no cron expression", cron)
	}
	segments, err := gronx.Segments(cron)
	if err != nil {
		return nil, fmt.Errorf("%q is no cron expression: %w", cron, err)
	}
	return &timetable{cron: strings.Join(segments, " "), zone: location, hourly: segments[2] == "*"}, nil
}

const (
	// mostSteps bounds how many times of day are tried that turn out to be over: an
	// hour's seconds, and some.
	mostSteps = 10_000
	// mostPuts bounds how often clocks may be put until a time comes.
	mostPuts = 64
)

// after is the first time that is due after another; an error where there is
// none.
func (t *timetable) after(at time.Time) (time.Time, error) {
	if t.hourly {
		return t.passing(at)
	}
	wall := wallOf(at.In(t.zone))
	for range mostSteps {
		next, err := gronx.NextTickAfter(t.cron, wall, false)
		if err != nil {
			return time.Time{}, fmt.Errorf("find when %q is due: %w", t.cron, err)
		}
		if moment := t.moment(next); moment.After(at) {
			return moment, nil
		}
		if !next.After(wall) {
			break
		}
		wall = next
	}
	return time.Time{}, fmt.Errorf("find when %q is due: all that was tried is over", t.cron)
}

// passing is after where hours are counted as they pass: the clock is read as if
// it were never put, from one time that it is to the next.
func (t *timetable) passing(at time.Time) (time.Time, error) {
	from, include := at.In(t.zone), false
	for range mostPuts {
		_, offset := from.Zone()
		wall, err := gronx.NextTickAfter(t.cron, wallOf(from), include)
		if err != nil {
			return time.Time{}, fmt.Errorf("find when %q is due: %w", t.cron, err)
		}
		moment := wall.Add(-time.Duration(offset) * time.Second).In(t.zone)
		_, end := from.ZoneBounds()
		if end.IsZero() || moment.Before(end) {
			return moment, nil
		}
		from, include = end.In(t.zone), true
	}
	return time.Time{}, fmt.Errorf("find when %q is due: none was found", t.cron)
}

// wallOf is what a clock on the wall shows, as a time without a zone.
func wallOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
}

// moment is when the clock on the wall shows a time first, or where it never
// does, when it is put on over it.
func (t *timetable) moment(wall time.Time) time.Time {
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, t.zone)
	start, end := near.ZoneBounds()
	if !wallOf(near).Equal(wall) {
		// Read by one of the two offsets around a gap: the gap is where that ends, or
		// begins.
		if wallOf(near).After(wall) {
			return start
		}
		return end
	}
	if !start.IsZero() {
		_, before := start.Add(-time.Nanosecond).In(t.zone).Zone()
		earlier := wall.Add(-time.Duration(before) * time.Second)
		if earlier.Before(start) && wallOf(earlier.In(t.zone)).Equal(wall) {
			return earlier.In(t.zone)
		}
	}
	return near
}

// latest is the last time that was due after one and not after another; false
// where there was none.
func (t *timetable) latest(after, until time.Time) (time.Time, bool) {
	due, err := t.after(after)
	if err != nil || due.After(until) {
		return time.Time{}, false
	}
	for _, back := range []time.Duration{time.Hour, 25 * time.Hour, 32 * 24 * time.Hour, 367 * 24 * time.Hour} {
		from := until.Add(-back)
		if !from.After(due) {
			break
		}
		if near, err := t.after(from); err == nil && !near.After(until) {
			due = near
			break
		}
	}
	for {
		next, err := t.after(due)
		if err != nil || next.After(until) {
			return due, true
		}
		due = next
	}
}
