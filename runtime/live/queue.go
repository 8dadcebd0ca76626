package live

import (
	"time"
)

// The queue of a subscription is filled in two ways. The hub pushes and never
// waits. A join puts and waits for room; it leaves half of the queue free, so
// that the subscription does not begin its attached life at the bound.
//
// At the bound a reader that has stood still for Options.Patience is slow, and
// ended. One that reads, and was only overtaken by a burst, is detached and
// catches up by a join, at its own speed: what it may hold of our memory stays
// the same. If it then stands still, it is slow as well.

// turn makes whatever a join is doing void. The caller holds hub.mu.
func (s *Subscription) turn() {
	s.version++
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accept = s.version
	s.arrive()
	s.signal()
}

// arrive makes where a join has come the subscription's place. The caller
// holds hub.mu and s.mu.
func (s *Subscription) arrive() {
	if s.moved != nil {
		s.place, s.moved = *s.moved, nil
	}
}

// signal wakes a waiting join.
func (s *Subscription) signal() {
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// push queues a bundle without waiting; false when the queue is full.
func (s *Subscription) push(b *bundle) bool {
	s.mu.Lock()
	fits := len(s.queue) == 0 || (len(s.queue) < s.hub.queueMessages && s.bytes+b.size <= s.hub.queueBytes)
	if fits {
		s.add(b)
	}
	s.mu.Unlock()
	if fits {
		s.wake()
	}
	return fits
}

// put queues a bundle (nil: none) for a join of the given version, waiting for
// room, and records in the same breath where the join has come by it.
func (s *Subscription) put(version uint64, b *bundle, to place) error {
	for {
		s.mu.Lock()
		if s.accept != version || s.ended != nil {
			s.mu.Unlock()
			return errTurned
		}
		if b == nil {
			s.moved = &to
			s.mu.Unlock()
			return nil
		}
		fits := len(s.queue) == 0 || s.half(b.size)
		if fits {
			s.moved = &to
			s.add(b)
		}
		s.mu.Unlock()
		if fits {
			s.wake()
			return nil
		}
		if err := s.wait(); err != nil {
			return err
		}
	}
}

// settle waits until half of the queue is free, or the subscription ends.
func (s *Subscription) settle() {
	for {
		s.mu.Lock()
		settled := len(s.queue) == 0 || s.half(0)
		s.mu.Unlock()
		if settled || s.wait() != nil {
			return
		}
	}
}

// wait returns when something about the queue changed. A subscription that is
// behind and stands still is ended.
func (s *Subscription) wait() error {
	var stalled <-chan time.Time
	s.mu.Lock()
	behind, since := s.behind, s.moving
	s.mu.Unlock()
	if behind {
		timer := time.NewTimer(max(0, s.hub.patience-time.Since(since)))
		defer timer.Stop()
		stalled = timer.C
	}
	select {
	case <-s.room:
		return nil
	case <-s.ctx.Done():
		return errTurned
	case <-stalled:
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.standsStill() {
		s.hub.endSlow(s)
	}
	return nil
}

// standsStill reports whether nothing was taken for as long as we wait.
func (s *Subscription) standsStill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) > 0 && time.Since(s.moving) >= s.hub.patience
}

// half reports whether size more bytes leave half of the queue free. The
// caller holds s.mu.
func (s *Subscription) half(size int) bool {
	return len(s.queue) < s.hub.queueMessages/2 && s.bytes+size <= s.hub.queueBytes/2
}

// add queues a bundle. The caller holds s.mu.
func (s *Subscription) add(b *bundle) {
	if len(s.queue) == 0 {
		s.moving = time.Now()
	}
	s.queue = append(s.queue, b)
	s.bytes += b.size
}

// overflow deals with a subscription whose queue has no room for the commit at
// hand. The caller holds hub.mu, and has not moved the hub's place yet.
func (h *Hub) overflow(s *Subscription) {
	if s.standsStill() {
		h.endSlow(s)
		return
	}
	h.detach(s)
	s.turn()
	s.mu.Lock()
	s.behind = true
	s.mu.Unlock()
	h.start(s)
}

// endSlow ends a subscription that does not keep up: what is queued is let go,
// for its cursor brings it back. The caller holds hub.mu.
func (h *Hub) endSlow(s *Subscription) {
	s.mu.Lock()
	s.queue, s.bytes = nil, 0
	s.mu.Unlock()
	h.remove(s, End{Reason: Slow})
}
