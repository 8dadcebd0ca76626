package surreal

import (
	"slices"
	"time"
)

// A versionstamp is made just before its transaction is committed, so commits
// come into sight out of order: one may turn up below others that were seen
// before. Therefore a commit is held back until it has been in sight for a
// while, and is released when none came below it in that time. What comes even
// later is found by looking back (see reader), and costs those who have passed
// it a fresh start; it is never left out.
//
// Two transactions that write one row never overlap, for then one of them fails;
// so the order in which a row's changes are released is that in which they were
// made, always.
//
// One change can be missed, and nobody knows of it: where a node ends, killed or
// not, between the release of what is behind a late commit and the next look back,
// a second at most, it leaves no break; and a node that saw the late commit in its
// place finds nothing wrong with a cursor behind it. A subscriber of the one that
// goes on at the other then has not heard of that commit, until its rows are
// written again or it takes a new snapshot. All that began, or stood, on nodes that
// live have it.
const (
	minHold = 20 * time.Millisecond
	maxHold = time.Second
	// holdFor is how long a longer hold stays after the disorder that it is for, and
	// strainFor after a slow answer.
	holdFor   = time.Minute
	strainFor = 5 * time.Second

	// recentCommits and recentBytes bound the commits that are kept in memory.
	recentCommits = 4096
	recentBytes   = 16 << 20
	// waitingCommits and waitingBytes bound those that are read ahead of what is
	// released: who was away for long goes through what came meanwhile bit by bit.
	waitingCommits = 1 << 16
	waitingBytes   = 64 << 20
	// knownFor is how far back it is remembered which commits were seen, by their
	// own time.
	knownFor = 30 * time.Second
)

// sequence brings commits into order. It is guarded by the feed's mutex.
type sequence struct {
	base   uint64      // recent has every released commit after it
	last   uint64      // every commit up to it is released
	recent []feedEntry // released, in order
	bytes  int
	// waiting are in sight and not released, in order, with so many bytes.
	waiting []waitingEntry
	held    int
	// known are the commits that were seen, in order, from floor on.
	known []uint64
	floor uint64
	// checked is where the last look far back ended. What is known from some time
	// before it on is kept for the next one.
	checked uint64

	hold   time.Duration
	holdTo time.Time // then it is the least again
	// quickest is how long the server takes for an answer when it has little to do.
	quickest time.Duration
	late     int // how many came after their place was passed
}

type waitingEntry struct {
	feedEntry
	seen time.Time
}

// restart forgets what is before a commit that begins a new epoch, and it.
func (q *sequence) restart(at uint64) {
	q.recent = slices.DeleteFunc(q.recent, func(e feedEntry) bool { return e.seq <= at })
	q.base, q.bytes = max(q.base, at), 0
	for i := range q.recent {
		q.bytes += q.recent[i].size
	}
}

// newest is the highest commit that is in sight.
func (q *sequence) newest() uint64 {
	if n := len(q.waiting); n > 0 {
		return q.waiting[n-1].seq
	}
	return q.last
}

// add takes a commit that is in sight; late says that its place was passed.
func (q *sequence) add(e feedEntry, now time.Time) (added, late bool) {
	at, found := slices.BinarySearch(q.known, e.seq)
	if found || e.seq < q.floor {
		return false, false
	}
	q.known = slices.Insert(q.known, at, e.seq)
	if e.seq <= q.last {
		q.late++
		q.disorder(2*q.hold, now)
		q.insert(e)
		return true, true
	}
	i, _ := slices.BinarySearchFunc(q.waiting, e.seq, func(w waitingEntry, seq uint64) int {
		switch {
		case w.seq < seq:
			return -1
		case w.seq > seq:
			return 1
		}
		return 0
	})
	for _, higher := range q.waiting[i:] {
		if behind := now.Sub(higher.seen); behind > 0 {
			q.disorder(3*behind, now)
		}
	}
	q.waiting = slices.Insert(q.waiting, i, waitingEntry{e, now})
	q.held += e.size
	return true, false
}

// full reports that nothing more is to be read before some of it is released.
func (q *sequence) full() bool { return len(q.waiting) >= waitingCommits || q.held >= waitingBytes }

// insert puts a late commit where it belongs, for those who begin before it.
func (q *sequence) insert(e feedEntry) {
	if e.seq <= q.base {
		return // the database has it
	}
	i := slices.IndexFunc(q.recent, func(r feedEntry) bool { return r.seq > e.seq })
	if i < 0 {
		i = len(q.recent)
	}
	q.recent = slices.Insert(q.recent, i, e)
	q.bytes += e.size
}

// disorder makes the hold as long as what was seen asks for.
func (q *sequence) disorder(hold time.Duration, now time.Time) {
	if hold = min(hold, maxHold); hold >= q.hold {
		q.hold, q.holdTo = hold, now.Add(holdFor)
	}
}

// strained makes the hold longer while the server takes longer for an answer than
// it can: then commits take longer to come into sight, too.
func (q *sequence) strained(took time.Duration, now time.Time) {
	if q.quickest == 0 || took < q.quickest {
		q.quickest = took
	}
	q.quickest += (took - q.quickest) / 256 // it is found again when it has changed
	if hold := min(2*(took-q.quickest), maxHold); hold > q.hold {
		q.hold = hold
		if end := now.Add(strainFor); end.After(q.holdTo) {
			q.holdTo = end
		}
	}
}

// release moves on over what has been in sight for long enough, and gives what
// that is.
func (q *sequence) release(now time.Time) []feedEntry {
	if q.hold > minHold && now.After(q.holdTo) {
		q.hold = minHold
	}
	n := 0
	for n < len(q.waiting) && now.Sub(q.waiting[n].seen) >= q.hold {
		n++
	}
	from := len(q.recent)
	for _, w := range q.waiting[:n] {
		q.recent = append(q.recent, w.feedEntry)
		q.bytes += w.size
		q.held -= w.size
		q.last = w.seq
	}
	released := slices.Clone(q.recent[from:])
	q.waiting = slices.Delete(q.waiting, 0, n)
	q.forget()
	return released
}

// forget keeps what is in memory within its bounds.
func (q *sequence) forget() {
	drop := 0
	for drop < len(q.recent)-1 && (len(q.recent)-drop > recentCommits || q.bytes > recentBytes) {
		q.bytes -= q.recent[drop].size
		q.base = q.recent[drop].seq
		drop++
	}
	if drop > 0 {
		q.recent = slices.Delete(q.recent, 0, drop)
	}
	oldest := before(q.last, knownFor)
	if q.checked != 0 {
		oldest = min(oldest, before(q.checked, farBackFor))
	}
	if i, _ := slices.BinarySearch(q.known, oldest); i > len(q.known)/2 {
		q.known = slices.Delete(q.known, 0, i)
		q.floor = max(q.floor, oldest)
	}
}

// next is how long it is until something can be released; false when nothing
// waits.
func (q *sequence) next(now time.Time) (time.Duration, bool) {
	if len(q.waiting) == 0 {
		return 0, false
	}
	return max(q.hold-now.Sub(q.waiting[0].seen), 0), true
}

// after gives the released commits after a cursor, at most limit; false when
// memory does not reach back so far. passed says that the cursor stands behind a
// break, whose place it may have missed something before.
func (q *sequence) after(seq uint64, limit int) (commits []feedEntry, passed, ok bool) {
	if seq < q.base {
		return nil, false, false
	}
	from, _ := slices.BinarySearchFunc(q.recent, seq+1, func(e feedEntry, seq uint64) int {
		if e.seq < seq {
			return -1
		}
		return 1
	})
	for i := from; i < len(q.recent); i++ {
		if q.recent[i].voids(seq) {
			return nil, true, true
		}
	}
	return slices.Clone(q.recent[from:min(len(q.recent), from+limit)]), false, true
}

// Versionstamps are unsigned numbers of 64 bits whose upper bits are
// milliseconds: the lower 16 count within one where SurrealDB makes them itself
// (in memory, RocksDB), the lower 18 where TiKV's placement driver does. Which
// it is shows in the number: with 18 bits, today's is above that of the year
// 2001, and the other never is before 2096.
const (
	ownBits    = 16
	tikvBits   = 18
	year2001ms = 1_000_000_000_000
)

func clockBits(seq uint64) int {
	if seq>>tikvBits >= year2001ms {
		return tikvBits
	}
	return ownBits
}

// millis is when a commit was made, in milliseconds since the epoch.
func millis(seq uint64) int64 { return int64(seq >> clockBits(seq)) }

// before is a place that long before another one.
func before(seq uint64, d time.Duration) uint64 {
	bits := clockBits(seq)
	return uint64(max(int64(seq>>bits)-d.Milliseconds(), 0)) << bits
}
