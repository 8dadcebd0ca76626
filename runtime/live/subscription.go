package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Request asks for a subscription.
type Request struct {
	Channel string
	Caller  *auth.Caller
	// After is where the subscriber left off; nil begins with a snapshot.
	After *Cursor
	// Encoder writes the frames.
	Encoder Encoder
	// Wake is called when there is something to Take. It is called from any
	// goroutine, also during Subscribe, with the hub locked: it must not block
	// and must not call the hub.
	Wake func()
}

// Subscription is one subscriber of one channel. Its owner takes the frames
// and must Close it.
type Subscription struct {
	hub     *Hub
	id      uint64
	channel string
	encoder Encoder
	wake    func()
	ctx     context.Context // ends with the subscription
	cancel  context.CancelFunc
	room    chan struct{} // a token when something about the queue changed

	// Guarded by hub.mu.
	caller   *auth.Caller
	bound    *data.Subscription
	version  uint64 // raised whenever what it does is no longer what it should
	group    *group // nil while it joins or is paused
	topic    *topic // nil but while it is attached to a broadcast
	told     uint64 // the number of the last message that was queued of topic
	index    int    // in the members of its group or topic
	place    place  // while not attached: where it is; attached: where it began
	paused   bool
	joining  bool // a goroutine runs join
	finished bool

	mu     sync.Mutex // after hub.mu
	queue  []*bundle
	bytes  int
	taken  Cursor    // of the last frame given out
	moving time.Time // when something was taken or written, or nothing was there to take
	behind bool      // it joins because a burst has overtaken it
	ended  *End
	accept uint64 // the version whose frames may be queued
	moved  *place // where the join has come since place was set
}

// place is how far a subscription has come.
type place struct {
	cursor Cursor
	fresh  bool // it needs a snapshot, whatever the cursor
	lost   bool // and must be told first that what it missed is gone
	greet  bool // the cursor came from outside and is not checked and answered yet
}

// Subscribe binds the channel to the caller and begins. A channel that is not
// declared is PGRST205, a caller who may not listen 42501.
func (h *Hub) Subscribe(r Request) (*Subscription, error) {
	s := &Subscription{
		hub: h, channel: r.Channel, encoder: r.Encoder, wake: r.Wake, caller: r.Caller,
		room: make(chan struct{}, 1), place: place{fresh: true},
	}
	if r.After != nil {
		s.place = place{cursor: *r.After, greet: true}
		s.taken = *r.After
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	bound, err := h.gate.Subscribe(r.Caller, r.Channel)
	if err != nil {
		return nil, err
	}
	s.bound = bound
	h.ids++
	s.id = h.ids
	s.ctx, s.cancel = context.WithCancel(h.ctx)
	h.subs[s] = struct{}{}
	h.start(s)
	return s, nil
}

// Take moves queued frames to dst until it holds at least size bytes of them,
// and tells the end when nothing is queued before it. After an end there is
// nothing more.
func (s *Subscription) Take(dst []Frame, size int) ([]Frame, *End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, n, before := 0, 0, len(dst)
	for n < len(s.queue) && taken < size {
		dst = append(dst, s.queue[n].frames...)
		taken += s.queue[n].size
		s.queue[n] = nil
		n++
	}
	if n > 0 {
		s.taken = dst[len(dst)-1].Cursor
		s.hub.tally.frames.Add(uint64(len(dst) - before))
		s.bytes -= taken
		s.moving = time.Now()
		if s.queue = s.queue[n:]; len(s.queue) == 0 {
			s.queue = nil // an idle subscriber keeps no buffer
		}
		s.signal()
	}
	if len(s.queue) == 0 && s.ended != nil {
		end := *s.ended
		end.Cursor = s.taken
		return dst, &end
	}
	return dst, nil
}

// Moved says that the reader takes what was given out: to write a large commit
// may last longer than Options.Patience, and who reads it is not slow.
func (s *Subscription) Moved() {
	s.mu.Lock()
	s.moving = time.Now()
	s.mu.Unlock()
}

// Progress is a cursor that everything given out so far lies before, newer than
// the last frame's when other rows changed meanwhile; false when there are
// frames to take, or none may be promised. It lets idle subscribers come back
// without asking for what does not concern them.
func (s *Subscription) Progress() (Cursor, bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 || s.ended != nil {
		return Cursor{}, false
	}
	if s.topic != nil && s.told == s.topic.last {
		s.taken = s.topic.at(s.told)
		return s.taken, true
	}
	if s.group == nil {
		return Cursor{}, false
	}
	s.taken = Cursor{Commit: later(s.hub.position, s.place.cursor.Commit), Of: s.group.view.mark}
	return s.taken, true
}

// Pause stops the subscription at its present place, for the token of a caller
// has expired. What is queued may still be taken; Rebind goes on from there. If
// it is another caller's by now it goes on: the new token came first.
func (s *Subscription) Pause(expired *auth.Caller) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.caller != expired {
		return
	}
	h.detach(s)
	s.paused = true
	s.turn()
}

// Rebind makes the subscription another caller's, or the same one's with a new
// token. If he sees what was seen before, it goes on with nothing lost or
// doubled; if he sees something else, a new snapshot follows. An error is why
// the new caller may not listen; the subscription has then ended.
func (s *Subscription) Rebind(caller *auth.Caller) error {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.finished {
		return ErrClosed
	}
	s.caller = caller
	s.paused = false
	return h.rebind(s)
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(s, End{Reason: Stopping})
}

// remove ends a subscription for good. The caller holds h.mu.
func (h *Hub) remove(s *Subscription, end End) {
	if s.finished {
		return
	}
	h.detach(s)
	s.turn()
	s.finished = true
	h.tally.ended[end.Reason].Add(1)
	delete(h.subs, s)
	s.cancel()
	s.mu.Lock()
	s.ended = &end
	s.mu.Unlock()
	s.wake()
}

// rebind binds the channel anew, by the present gate. The caller holds h.mu.
func (h *Hub) rebind(s *Subscription) error {
	bound, err := h.gate.Subscribe(s.caller, s.channel)
	if err != nil {
		h.remove(s, End{Reason: h.refusal(s, err)})
		return err
	}
	same := bound.Group == s.bound.Group && slices.Equal(bound.Channel.Events, s.bound.Channel.Events)
	switch {
	case same && s.group != nil:
		s.bound = bound
		s.group.rebuild(bound)
		return nil
	case same && s.topic != nil:
		s.bound = bound
		return nil
	}
	h.detach(s)
	s.turn()
	s.bound = bound
	if !same {
		s.place = place{fresh: true, lost: s.place.lost}
	}
	if !s.paused {
		h.start(s)
	}
	return nil
}

func (h *Hub) refusal(s *Subscription, err error) Reason {
	switch {
	case fault.Is(err, data.CodeUnknownTable):
		return Gone
	case fault.Is(err, data.CodeDenied):
		return Denied
	}
	h.log.Error("a subscription could not be bound", "channel", s.channel, "error", err)
	return Failed
}
