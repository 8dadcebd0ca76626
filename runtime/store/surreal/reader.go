package surreal

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	// maxPage is the most that SHOW CHANGES gives at once; a page that was larger
	// than pageBytes makes the next ones smaller.
	maxPage   = 1000
	minPage   = 8
	pageBytes = 4 << 20
	// breath is the least time between two looks that nobody waits for: what is
	// seen is held back for one of them at least anyway, so that what comes into
	// sight after what is behind it is seen before that is released.
	breath = minHold
	// pollAfter is how long the reader relies on being woken.
	pollAfter = time.Second
	// backEvery and backFor say how the reader looks for commits that came into
	// sight late: back to where it looked last, and a little beyond.
	backEvery = time.Second
	backFor   = 200 * time.Millisecond
	// farBackEvery and farBackFor are for those that a disk or a net has held up.
	farBackEvery = 30 * time.Second
	farBackFor   = 15 * time.Second
	// readTime bounds a request of the reader.
	readTime = 10 * time.Second
	// findTime bounds the search for the feed's end.
	findTime = time.Minute

	minRetry = 20 * time.Millisecond
	maxRetry = time.Second
)

// reader follows the changefeed until the feed is closed. It is one goroutine;
// another one wakes it.
type reader struct {
	*feed
	looked      time.Time
	back, far   time.Time // when it looked back last
	near        uint64    // how far it has looked back
	scan, until uint64    // what is still to be looked through again
	isFar       bool      // it is far back
	away        bool
	behind      bool      // the last look at the end was none
	failing     bool      // the last step failed
	due         time.Time // when the next one is
}

// read is the reader's goroutine.
func (f *feed) read() {
	f.running.Go(f.listen)
	r := &reader{feed: f}
	timer := time.NewTimer(0)
	defer timer.Stop()
	retry := minRetry
	for r.rest(timer) {
		wait, err := r.step(f.ctx)
		if err != nil {
			wait = retry
			retry = min(2*retry, maxRetry)
			r.failed(err)
		} else {
			retry = minRetry
		}
		r.failing = err != nil
		r.due = time.Now().Add(wait)
		timer.Reset(wait)
	}
}

// rest waits until something is due, false at the end. Who calls makes the next
// look due as soon as one may be; back-off holds whoever calls.
func (r *reader) rest(timer *time.Timer) bool {
	for {
		select {
		case <-r.ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-r.look:
		}
		if r.failing {
			continue
		}
		now := time.Now()
		early := r.early(now)
		if early <= 0 {
			return true
		}
		if due := now.Add(early); due.Before(r.due) {
			r.due = due
			timer.Reset(early)
		}
	}
}

// failed tells those who wait.
func (r *reader) failed(err error) {
	if r.ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.away {
		r.log.Warn("the feed cannot be read", "error", err)
	}
	r.away = true
	r.failures++
	r.cause = err
	r.move()
}

// step does what is due, and says how long nothing is.
func (r *reader) step(ctx context.Context) (time.Duration, error) {
	if r.isNew() {
		if err := r.find(ctx); err != nil {
			return 0, err
		}
	}
	if err := r.lookAtEnd(ctx); err != nil {
		return 0, err
	}
	if err := r.lookBack(ctx); err != nil {
		return 0, err
	}
	return r.release(), nil
}

func (r *reader) isNew() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch == 0
}

// early is how long it is until the next look at the end may be.
func (r *reader) early(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.urgent {
		return 0
	}
	return breath - now.Sub(r.looked)
}

// release moves on, and says when it can again.
func (r *reader) release() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	released := r.order.release(now)
	for i := range released {
		if released[i].epoch != 0 && released[i].epoch != r.epoch {
			r.enterEpoch(released[i].epoch, released[i].seq)
		}
	}
	if len(released) > 0 {
		r.watchers.Wake()
	}
	r.move()
	wait := pollAfter
	if r.polled {
		wait = breath
	}
	if next, ok := r.order.next(now); ok {
		wait = min(wait, next)
	} else if r.behind {
		wait = 0
	}
	if r.scan != 0 {
		wait = 0
	}
	return max(wait, breath)
}

// enterEpoch begins a new epoch after a commit. The caller holds r.mu.
func (r *reader) enterEpoch(epoch, after uint64) {
	r.log.Info("a new feed begins", "epoch", epoch)
	r.epoch = epoch
	r.order.restart(after)
	r.versions.bumpAll()
	r.watchers.Wake()
}

// lookAtEnd reads what is after the last released commit: all, or as much more as
// there is room for. What is behind that is read when some of it is released, and
// who waits for the end waits until then.
func (r *reader) lookAtEnd(ctx context.Context) error {
	r.mu.Lock()
	r.begun++
	r.urgent = false
	begun, acked, from := r.begun, r.acked, r.order.last+1
	r.mu.Unlock()
	r.looked = time.Now()
	ended := false
	for more := true; more; {
		asked := time.Now()
		list, last, full, err := r.show(ctx, from)
		if err != nil {
			return err
		}
		if !full { // a page that is full takes its time
			r.strained(time.Since(asked))
		}
		r.take(ctx, list)
		from, ended = last+1, !full
		more = full && r.hasRoom(last)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		r.away = false
		r.far = time.Time{}
		r.versions.bumpAll()
		r.versions.leave()
		r.log.Info("the feed is read again")
	}
	if r.behind = !ended; ended {
		r.done, r.seen = begun, acked
	}
	r.move()
	return nil
}

func (r *reader) strained(took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order.strained(took, time.Now())
}

// hasRoom reports that what is behind a commit may be read, too. What waits already
// is looked through to its end in any case, for those that came into sight late.
func (r *reader) hasRoom(last uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.order.full() || last < r.order.newest()
}

// lookBack looks once more, a page at a time, through what was released lately.
func (r *reader) lookBack(ctx context.Context) error {
	if r.scan == 0 && !r.begin() {
		return nil
	}
	list, last, full, err := r.show(ctx, r.scan)
	if err != nil {
		return err
	}
	r.scan = 0
	if full && last < r.until {
		r.scan = last + 1
	}
	r.take(ctx, list)
	if r.scan != 0 {
		return nil
	}
	r.near = r.until
	if r.isFar {
		r.mu.Lock()
		r.order.checked = r.until
		r.mu.Unlock()
	}
	return nil
}

// begin says from where to look back, when it is time.
func (r *reader) begin() bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var from uint64
	r.isFar = now.Sub(r.far) >= farBackEvery
	switch {
	case r.isFar:
		// Back from the end of the last such look, not from now: the server may have
		// been away for longer than that, and have come back with what it had then.
		r.far, r.back, from = now, now, before(min(r.order.last, r.order.checked), farBackFor)
	case now.Sub(r.back) >= backEvery:
		if r.near == 0 {
			r.near = before(r.order.last, backEvery)
		}
		r.back, from = now, before(min(r.order.last, r.near), backFor)
	default:
		return false
	}
	r.scan, r.until = max(from, r.order.floor), r.order.last
	return r.scan != 0
}

// take adds what came into sight.
func (r *reader) take(ctx context.Context, list []feedEntry) {
	var missed []uint64
	r.mu.Lock()
	now := time.Now()
	for i := range list {
		added, late := r.order.add(list[i], now)
		if !added {
			continue
		}
		r.see(&list[i])
		r.stir(now)
		switch {
		case !late:
		case list[i].epoch != 0:
			r.enterEpoch(list[i].epoch, r.order.last)
		case list[i].breaks:
			// Those behind it may have passed it as well.
			missed = append(missed, list[i].from)
		default:
			missed = append(missed, list[i].seq)
			r.log.Warn("a commit came into sight after its place had passed; those who passed it begin anew",
				"seq", list[i].seq, "late", now.Sub(time.UnixMilli(millis(list[i].seq))), "held", r.order.hold)
		}
	}
	r.mu.Unlock()
	for _, seq := range missed {
		r.breakAt(ctx, seq)
	}
}

// see moves the versions of what a commit touched, unless they were moved when
// it was acknowledged. The caller holds r.mu.
func (r *reader) see(e *feedEntry) {
	r.versions.saw(e)
	if own := r.marks[e.batch]; own != nil {
		own.seq = e.seq
		if own.acknowledged {
			delete(r.marks, e.batch)
			r.versions.free(own.tables)
			r.move()
			return
		}
		r.move()
	}
	r.noteLacking(e)
	for i := range e.changes {
		if i == 0 || e.changes[i].table != e.changes[i-1].table {
			r.versions.bump(e.changes[i].table)
		}
	}
}

// breakAt tells everybody, on every node, that they may have missed a commit.
func (r *reader) breakAt(ctx context.Context, seq uint64) {
	vars := wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 1), "from"), int64(seq))
	for attempt := 1; ctx.Err() == nil; attempt++ {
		try, done := context.WithTimeout(ctx, readTime)
		_, err := r.source.Query(try, breakText, vars)
		done()
		if err == nil {
			return
		}
		r.log.Error("a break could not be written into the feed", "seq", seq, "error", err)
		if pause(ctx, attempt) != nil {
			return
		}
	}
}

// show reads a page of the changefeed.
func (f *feed) show(ctx context.Context, from uint64) (list []feedEntry, last uint64, full bool, err error) {
	f.mu.Lock()
	page := f.page
	f.mu.Unlock()
	ctx, done := context.WithTimeout(ctx, readTime)
	defer done()
	text := "SHOW CHANGES FOR TABLE " + tableChanges + " SINCE " + strconv.FormatUint(from, 10) + " LIMIT " + strconv.Itoa(page)
	results, err := f.source.Read(ctx, text, nil)
	if err != nil {
		return nil, 0, false, fmt.Errorf("read the feed: %w", err)
	}
	list, read, last, err := readEntries(results[0])
	if err != nil {
		return nil, 0, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case len(results[0]) > pageBytes:
		f.page = max(page/2, minPage)
	case len(results[0]) < pageBytes/4:
		f.page = min(f.page*2, maxPage)
	}
	return list, last, read >= page, nil
}
