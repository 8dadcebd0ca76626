package trigger

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// driver is the goroutine of who leads: what it has is its alone. It waits for
// nothing but its channels.
type driver struct {
	r     *Runner
	lease store.Lease
	ctx   context.Context // of calls and reads; ends when the lease is lost
	asked chan func(*driver)
	ended chan struct{}

	set     *Set
	version uint64 // of set
	coming  *coming
	drains  []*drain
	lines   map[string]*line
	times   map[string]*clock

	wakes   <-chan struct{}
	looks   int // how often there was something new
	pages   chan *page
	reading bool
	results chan result
	runs    chan scheduled
	calls   int // that run
	asking  bool
	paused  int             // no call begins
	quiet   []chan struct{} // closed when none runs
	replies chan []request

	// notes are what is to be written into the ledger; nil drops one.
	notes  map[store.NoteName][]byte
	filed  []*task // that have a note among notes
	saves  chan *save
	saving *save
	saved  time.Time // when the last one began
	over   bool      // the last one was begun

	// bad is why what comes next is put off, until when.
	badRead, badSave bad
	tick             time.Time // the next
	next             time.Time // when to look again, at the latest
}

// bad is something that fails, and when it is tried again.
type bad struct {
	times int
	until time.Time
	err   error
}

func (b *bad) failed(now time.Time, err error) (first bool) {
	b.times++
	b.err = err
	b.until = now.Add(min(100*time.Millisecond<<min(b.times, 6), 5*time.Second))
	return b.times == 1
}

func newDriver(ctx context.Context, r *Runner, lease store.Lease) *driver {
	return &driver{
		r: r, lease: lease, ctx: ctx,
		asked: make(chan func(*driver)), ended: make(chan struct{}),
		lines: map[string]*line{}, times: map[string]*clock{},
		pages: make(chan *page), results: make(chan result), runs: make(chan scheduled),
		replies: make(chan []request), saves: make(chan *save),
		notes: map[store.NoteName][]byte{},
	}
}

// run works until the lease is lost, or the runner is closed and what runs has
// ended.
func (d *driver) run() {
	defer close(d.ended)
	if err := d.load(); err != nil {
		if d.ctx.Err() == nil {
			d.r.log.Error("what functions were called for could not be read; it is tried again", "error", err)
		}
		return
	}
	watching, stop := context.WithCancel(d.ctx)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if d.wakes == nil && watching.Err() == nil {
			if wakes, err := d.r.store.Watch(watching); err == nil {
				d.wakes = wakes
				d.look()
			}
		}
		d.step()
		if d.finished() {
			d.release()
			return
		}
		timer.Reset(max(time.Until(d.next), 0))
		d.await(timer)
	}
}

// await waits for one thing, and takes it.
func (d *driver) await(timer *time.Timer) {
	closing, lost := d.r.closing, d.ctx.Done()
	if d.isClosing() {
		closing = nil
	}
	if d.ctx.Err() != nil {
		lost = nil
	}
	d.r.mu.Lock()
	changed, version := d.r.changed, d.r.version
	d.r.mu.Unlock()
	if d.coming == nil && version != d.version {
		return
	}
	select {
	case <-timer.C:
	case <-closing:
	case <-lost:
	case <-changed:
	case _, open := <-d.wakes:
		if !open {
			d.wakes = nil
		}
		d.look()
	case f := <-d.asked:
		f(d)
	case p := <-d.pages:
		d.takePage(p)
	case res := <-d.results:
		d.takeResult(&res)
	case s := <-d.runs:
		d.takeRun(&s)
	case list := <-d.replies:
		d.takeRequests(list)
	case s := <-d.saves:
		d.takeSave(s)
	}
}

func (d *driver) isClosing() bool {
	select {
	case <-d.r.closing:
		return true
	default:
		return false
	}
}

// ending reports that no more is to begin.
func (d *driver) ending() bool { return d.ctx.Err() != nil || d.isClosing() }

// finished reports that nothing runs any more, and all is noted that can be.
func (d *driver) finished() bool {
	if !d.ending() || d.calls > 0 || d.reading || d.asking || d.saving != nil {
		return false
	}
	return d.lost() || d.over
}

// lost reports that another node may lead.
func (d *driver) lost() bool { return context.Cause(d.ctx) == errLost } //nolint:errorlint // it is never wrapped

// release lets go who waits for what will not come.
func (d *driver) release() {
	for _, dr := range d.drains {
		if !d.lost() {
			close(dr.done)
		}
	}
}

// look says that there may be more in the feed.
func (d *driver) look() {
	d.looks++
	for _, l := range d.lines {
		l.atEnd = false
	}
}

// step begins all that can begin now.
func (d *driver) step() {
	now := time.Now()
	d.next = now.Add(d.r.pace.tick)
	if !d.ending() {
		d.swap(now)
		if d.badSave.times == 0 {
			d.startRead(now)
			if d.paused == 0 {
				d.startCalls(now)
			}
		}
		if !now.Before(d.tick) {
			d.tick = now.Add(d.r.pace.tick)
			if d.paused == 0 {
				d.startTimes()
			}
			d.startAsking()
			d.measure()
			d.forgetParked()
		}
		d.by(d.tick)
		d.drain()
		if d.calls == 0 {
			for _, quiet := range d.quiet {
				close(quiet)
			}
			d.quiet = nil
		}
	}
	d.startSave(now)
}

// by sees to it that the driver looks again at a time.
func (d *driver) by(at time.Time) {
	if !at.IsZero() && at.Before(d.next) {
		d.next = at
	}
}

// startRead looks at the feed for the line that is furthest behind, and with it
// for those that are not far from it.
func (d *driver) startRead(now time.Time) {
	if d.reading || d.set == nil {
		return
	}
	if now.Before(d.badRead.until) {
		d.by(d.badRead.until)
		return
	}
	var first *line
	for _, l := range d.lines {
		if l.of != nil && !l.atEnd && !l.full() && (first == nil || l.place.Compare(first.place) < 0) {
			first = l
		}
	}
	if first == nil {
		return
	}
	p := &page{looks: d.looks, after: first.place, view: d.set.view, lines: map[*listener]query.Cursor{}}
	for _, l := range d.lines {
		if l.of != nil && !l.full() && (l.place.Epoch == first.place.Epoch || l.place == first.place) {
			p.lines[l.of] = l.place
		}
	}
	d.reading = true
	go func() {
		d.r.read(d.ctx, p)
		d.pages <- p
	}()
}

// takePage enters what was found in the feed.
func (d *driver) takePage(p *page) {
	d.reading = false
	now := time.Now()
	if d.ending() {
		return
	}
	if p.err != nil {
		if d.badRead.failed(now, p.err) {
			d.r.log.Error("the feed could not be read for functions; they wait", "error", p.err)
		}
		return
	}
	if d.badRead.times > 0 {
		d.r.log.Info("the feed is read for functions again")
		d.badRead = bad{}
	}
	for of, place := range p.lines {
		l := d.lines[of.name]
		if l == nil || l.of != of || l.place != place {
			continue
		}
		switch {
		case p.truncated && place == p.after:
			d.miss(l, p.begin, p.whole)
		case p.truncated:
		case place.Compare(p.end) <= 0:
			for _, t := range l.take(p.found[of], p.end) {
				d.file(t)
			}
			l.fresh = false
			l.atEnd = p.commits == 0 && p.looks == d.looks
		}
	}
}

// startCalls calls functions for what is due.
func (d *driver) startCalls(now time.Time) {
	for _, l := range d.lines {
		if l.of == nil {
			continue
		}
		d.by(l.wake(now))
		for t := l.next(); t != nil; t = l.next() {
			d.start(t)
		}
	}
}

// backOff is how long to wait after a number of failures.
func (r *Runner) backOff(failures int) time.Duration {
	wait := r.retry.First << min(failures-1, 20)
	if wait <= 0 || wait > r.retry.Most {
		wait = r.retry.Most
	}
	return wait - wait/4 + rand.N(wait/2+1) //nolint:gosec // chance is all that is needed
}
