package trigger

import (
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// coming is a set that is to be followed from a place on.
type coming struct {
	set     *Set
	version uint64
	until   query.Cursor // what came up to it is the former set's
	latest  time.Time
}

// drain waits until all up to a place is noted.
type drain struct {
	until query.Cursor
	noted bool // it is among what is to be saved
	done  chan struct{}
}

// catchUpTime is how long a set waits for what came before it to be judged by the
// former one.
const catchUpTime = 2 * time.Second

// swap goes over to another set when what came before it is judged.
func (d *driver) swap(now time.Time) {
	d.r.mu.Lock()
	set, version, from := d.r.set, d.r.version, d.r.from
	d.r.mu.Unlock()
	if version == d.version {
		return
	}
	if d.coming == nil || d.coming.version != version {
		d.coming = &coming{set: set, version: version, until: from, latest: now.Add(catchUpTime)}
		if d.set == nil {
			d.coming.latest = now
		}
		d.look()
	}
	if d.reading || now.Before(d.coming.latest) && d.behind() {
		d.by(d.coming.latest)
		return
	}
	d.adopt(set)
	d.version, d.coming = version, nil
}

// behind reports a line that is to read what came before the set.
func (d *driver) behind() bool {
	for _, l := range d.lines {
		if l.of != nil && !l.atEnd && !l.full() && l.place.Compare(d.coming.until) < 0 {
			return true
		}
	}
	return false
}

// adopt follows a set.
func (d *driver) adopt(set *Set) {
	d.set = set
	for name, l := range d.lines {
		l.of = set.lines[name]
		switch {
		case l.of == nil && l.parked.IsZero():
			l.parked, l.unsaved = d.r.now(), true
		case l.of != nil && !l.parked.IsZero():
			l.parked, l.unsaved = time.Time{}, true
		}
		l.atEnd = false
	}
	for name, of := range set.lines {
		if d.lines[name] != nil {
			continue
		}
		d.r.mu.Lock()
		since := d.r.since[name]
		d.r.mu.Unlock()
		l := newLine(name, since)
		l.of, l.fresh, l.unsaved = of, true, true
		d.lines[name] = l
	}
	d.adoptTimes(set)
}

// drain notes what was read and not run, where somebody waits for it.
func (d *driver) drain() {
	for _, dr := range d.drains {
		if dr.noted {
			continue
		}
		ready := true
		for _, l := range d.lines {
			if l.of == nil {
				continue
			}
			if l.place.Compare(dr.until) < 0 && !l.atEnd {
				ready = false
			}
			if l.full() && l.filed < mostRetries || ready {
				d.fileAll(l)
			}
		}
		if ready {
			dr.noted = true
		}
	}
}
