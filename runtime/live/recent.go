package live

import "github.com/edge-hive/edge-hive/runtime/query"

// recent keeps the last commits in memory, bounded by bytes, so that those who
// join while the hub moves on, or come back after a short break, need not read
// the store. It is guarded by the hub's mutex; the commits are immutable.
type recent struct {
	limit   int
	size    int
	base    query.Cursor // commits holds every commit after it
	commits []query.Commit
}

// commitOverhead is what a commit and a change cost beside their rows, bytes.
const commitOverhead = 128

func commitSize(c *query.Commit) int {
	size := commitOverhead
	for i := range c.Changes {
		size += commitOverhead + len(c.Changes[i].Before) + len(c.Changes[i].After)
	}
	return size
}

// add appends a commit and drops the oldest beyond the limit.
func (r *recent) add(c query.Commit) {
	r.commits = append(r.commits, c)
	r.size += commitSize(&c)
	drop := 0
	for ; r.size > r.limit && drop < len(r.commits); drop++ {
		r.size -= commitSize(&r.commits[drop])
		r.base = r.commits[drop].Cursor
		r.commits[drop] = query.Commit{} // let go of its rows
	}
	r.commits = r.commits[drop:]
}

// reset forgets everything up to a cursor.
func (r *recent) reset(base query.Cursor) {
	r.base, r.commits, r.size = base, nil, 0
}

// after gives at most limit of the commits after a cursor; false when they are
// not all here.
func (r *recent) after(c query.Cursor, limit int) ([]query.Commit, bool) {
	if c.Epoch != r.base.Epoch || c.Compare(r.base) < 0 {
		return nil, false
	}
	low, high := 0, len(r.commits)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if r.commits[middle].Cursor.Compare(c) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	end := min(low+limit, len(r.commits))
	// A copy: add clears the places of the commits that it drops.
	return append([]query.Commit(nil), r.commits[low:end]...), true
}
