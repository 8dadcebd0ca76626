package live

import "sync/atomic"

// tally counts what the hub did since it began.
type tally struct {
	frames atomic.Uint64
	ended  [Failed + 1]atomic.Uint64
}

// Tally is what a hub did since it began.
type Tally struct {
	// Frames is how many messages subscriptions have taken.
	Frames uint64
	// Ended are the subscriptions that are over, by why: Slow, Gone, Denied,
	// Failed, and Stopping, which is all that left by themselves, too.
	Ended map[Reason]uint64
}

// Tally tells what the hub did.
func (h *Hub) Tally() Tally {
	t := Tally{Frames: h.tally.frames.Load(), Ended: make(map[Reason]uint64, Failed)}
	for reason := Slow; reason <= Failed; reason++ {
		t.Ended[reason] = h.tally.ended[reason].Load()
	}
	return t
}

// String is the reason in a word.
func (r Reason) String() string {
	switch r {
	case Slow:
		return "slow"
	case Gone:
		return "gone"
	case Denied:
		return "denied"
	case Stopping:
		return "left"
	case Failed:
		return "failed"
	}
	return "unknown"
}
