package surreal

import (
	"context"
	"time"
)

// crowd is how many commits in pollAfter are so many that the reader is not
// woken for them any more: it finds some at most looks.
const crowd = 25

// listen wakes the reader when somebody writes. What LIVE tells is no more than
// that: it loses some, and has no order. While there is so much of it that each
// look finds some, LIVE costs every write something and tells nothing: then it is
// ended, and the reader looks at every breath.
func (f *feed) listen() {
	for f.ctx.Err() == nil {
		f.hear()
		select {
		case <-time.After(maxRetry):
		case <-f.ctx.Done():
		}
	}
}

// hear listens until LIVE ends, or until there is too much to be told of.
func (f *feed) hear() {
	if f.isCrowded() {
		return
	}
	ctx, stop := context.WithCancel(f.ctx)
	defer stop()
	wakes, err := f.source.Live(ctx, "LIVE SELECT op FROM "+tableChanges)
	if err != nil {
		return
	}
	// A write that began before LIVE is not told of; it is soon over.
	looks := time.NewTicker(pollAfter)
	defer looks.Stop()
	heard := silence{sighted: f.sights()}
	for {
		select {
		case _, open := <-wakes:
			if !open {
				return
			}
			heard.untold = 0
		case <-ctx.Done():
			return
		case <-looks.C:
			f.poll(false)
			if heard.isDeaf(f.sights()) {
				f.log.Debug("LIVE did not tell of commits, and is begun again")
				f.poll(true)
				return
			}
		}
		f.hurry()
		if f.isCrowded() {
			f.poll(true)
			return
		}
	}
}

// silence notices a live query that the server keeps and never tells anything, as
// happens to some that begin while there are writes.
type silence struct {
	sighted uint64 // at the last look
	untold  int    // looks in a row that saw commits and were not told of any
}

// isDeaf is asked at each look. What came into sight just now may be told yet, so
// one look is not enough.
func (s *silence) isDeaf(sighted uint64) bool {
	if s.sighted != sighted {
		s.sighted = sighted
		s.untold++
	}
	return s.untold >= 3
}

func (f *feed) sights() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sighted
}

// poll has the reader look at every breath, or no longer.
func (f *feed) poll(on bool) {
	f.mu.Lock()
	f.polled = on
	f.mu.Unlock()
	f.hurry()
}

// isCrowded reports that much came into sight lately.
func (f *feed) isCrowded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.stirred, f.stirredBefore) >= crowd && time.Since(f.stirredFrom) < 2*pollAfter
}

// stir counts what comes into sight. The caller holds f.mu.
func (f *feed) stir(now time.Time) {
	if span := now.Sub(f.stirredFrom); span > pollAfter {
		f.stirredBefore = 0
		if span < 2*pollAfter {
			f.stirredBefore = f.stirred
		}
		f.stirred, f.stirredFrom = 0, now
	}
	f.stirred++
	f.sighted++
}
