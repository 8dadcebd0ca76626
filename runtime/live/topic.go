package live

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime/debug"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

const (
	// leastKept is how many messages of a broadcast are kept at least, whatever
	// its history: for who comes back, and who is overtaken by a burst.
	leastKept = 256
	// letterOverhead is what a kept message costs beside its text, bytes.
	letterOverhead = 256
)

// topics are the broadcasts that are declared, by name. The hub's mutex guards
// them.
type topics struct {
	byName map[string]*topic
	limit  int // bytes of each
}

// topic is one broadcast: who listens, and the last messages, numbered. It is
// one process's: a cursor of another's is none of its epoch.
type topic struct {
	name    string
	epoch   uint64
	mark    uint32
	history int // messages that who joins is given
	limit   int // bytes of kept
	last    uint64
	kept    []*letter // the last ones, up to number last
	size    int
	members []*Subscription
}

// letter is a message in a topic. It is encoded once for each surface.
type letter struct {
	broadcast Broadcast
	cursor    Cursor
	sender    uint64 // the subscription that does not want it; 0 is none
	encoded   []encoded
}

type encoded struct {
	encoder Encoder
	bundle  *bundle
}

// declare makes the topics those that the gate declares: what goes on keeps its
// messages. The caller holds h.mu, or nobody else has the hub yet.
func (h *Hub) declare() {
	before := h.topics.byName
	h.topics.byName = make(map[string]*topic)
	for _, channel := range h.gate.Broadcasts() {
		t := before[channel.Name]
		if t == nil {
			t = newTopic(channel.Name, h.topics.limit)
		}
		t.declare(channel)
		h.topics.byName[channel.Name] = t
	}
	h.listen()
}

func newTopic(name string, limit int) *topic {
	sum := fnv.New32a()
	// A hash refuses nothing.
	_, _ = sum.Write([]byte("broadcast " + name))
	// The epoch tells a process's topics from those of others and of before. It is
	// no secret.
	return &topic{name: name, limit: limit, mark: max(sum.Sum32(), 1), epoch: max(rand.Uint64(), 1)} //nolint:gosec // no secret
}

func (t *topic) declare(channel *manifest.Channel) {
	t.history = channel.History
	t.trim()
}

// at is the cursor behind a message.
func (t *topic) at(number uint64) Cursor {
	return Cursor{Commit: query.Cursor{Epoch: t.epoch, Seq: number}, Of: t.mark}
}

// has reports whether what follows a cursor is all there.
func (t *topic) has(c Cursor) bool {
	return c.Commit.Epoch == t.epoch && c.Part == 0 && (c.Of == 0 || c.Of == t.mark) &&
		c.Commit.Seq <= t.last && c.Commit.Seq >= t.last-uint64(len(t.kept))
}

// letter is a message by its number; nil when it is not kept any more.
func (t *topic) letter(number uint64) *letter {
	if back := t.last - number; back < uint64(len(t.kept)) {
		return t.kept[uint64(len(t.kept))-1-back]
	}
	return nil
}

// add numbers and keeps a message.
func (t *topic) add(b *Broadcast, sender uint64) *letter {
	t.last++
	l := &letter{broadcast: *b, cursor: t.at(t.last), sender: sender}
	t.kept = append(t.kept, l)
	t.size += l.size()
	t.trim()
	return l
}

// trim drops the oldest messages beyond the bounds. The newest always fits.
func (t *topic) trim() {
	drop := 0
	for most := max(t.history, leastKept); len(t.kept)-drop > most || t.size > t.limit && len(t.kept)-drop > 1; drop++ {
		t.size -= t.kept[drop].size()
		t.kept[drop] = nil
	}
	t.kept = t.kept[drop:]
}

// size is what a message costs: as it came, and encoded.
func (l *letter) size() int {
	return letterOverhead + 2*(len(l.broadcast.Event)+len(l.broadcast.Payload))
}

// bundle is the message as a surface has it, shared by all of its subscribers.
func (l *letter) bundle(s *Subscription) *bundle {
	for i := range l.encoded {
		if l.encoded[i].encoder == s.encoder {
			return l.encoded[i].bundle
		}
	}
	b := single(s, &Event{Type: Message, Cursor: l.cursor, At: l.broadcast.At, Broadcast: &l.broadcast})
	l.encoded = append(l.encoded, encoded{s.encoder, b})
	return b
}

// single encodes an event that is about no row.
func single(s *Subscription, e *Event) *bundle {
	e.Of = s.bound
	return newBundle([]Frame{{Type: e.Type, Cursor: e.Cursor, Data: s.encoder.Encode(nil, e)}})
}

func (t *topic) join(s *Subscription) {
	s.topic, s.index = t, len(t.members)
	t.members = append(t.members, s)
}

func (t *topic) leave(s *Subscription) {
	end := len(t.members) - 1
	t.members[s.index] = t.members[end]
	t.members[s.index].index = s.index
	t.members[end] = nil
	t.members = t.members[:end]
	s.topic = nil
}

// attend brings a subscription to its topic: it goes on where it was, or begins
// with the history. The caller holds h.mu.
func (h *Hub) attend(s *Subscription) {
	t := h.topics.byName[s.bound.Channel.Name]
	if t == nil { // the gate lets nobody subscribe what it does not declare
		h.remove(s, End{Reason: Gone})
		return
	}
	from := s.place
	s.place = place{}
	t.join(s)
	if t.has(from.cursor) {
		s.told = from.cursor.Commit.Seq
		if from.greet {
			s.greet(single(s, &Event{Type: Resumed, Cursor: t.at(s.told)}))
		}
	} else {
		if !from.fresh || from.lost {
			s.greet(single(s, &Event{Type: Truncated}))
		}
		s.told = t.last - uint64(min(t.history, len(t.kept)))
		s.greet(single(s, &Event{Type: Joined, Cursor: t.at(s.told)}))
	}
	h.fill(s)
}

// greet queues what a subscription is told first, whatever waits.
func (s *Subscription) greet(b *bundle) {
	s.mu.Lock()
	s.add(b)
	s.mu.Unlock()
	s.wake()
}

// fill queues what a subscription has not been told. What has no room now is
// left to a goroutine; who lacks what is not kept any more is slow. The caller
// holds h.mu.
func (h *Hub) fill(s *Subscription) {
	if h.tell(s) || s.joining {
		return
	}
	s.joining = true
	h.tasks.Add(1)
	go h.refill(s)
}

// tell queues what a subscription has not been told; false when there was no
// room for all of it.
func (h *Hub) tell(s *Subscription) bool {
	for t := s.topic; s.told < t.last; s.told++ {
		l := t.letter(s.told + 1)
		if l == nil {
			h.endSlow(s)
			return true
		}
		if l.sender != s.id && !s.push(l.bundle(s)) {
			return false
		}
	}
	return true
}

// refill tells a subscription more whenever half of its queue is free, until
// it has been told all.
func (h *Hub) refill(s *Subscription) {
	defer h.tasks.Done()
	defer func() {
		if p := recover(); p != nil {
			h.fail(s, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	for done := false; !done; {
		s.settle()
		done = h.refilled(s)
	}
}

func (h *Hub) refilled(s *Subscription) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s.finished || s.paused:
	case s.topic == nil: // it was bound to something else
		s.joining = false
		h.start(s)
		return true
	case !h.tell(s):
		return false
	}
	s.joining = false
	s.mu.Lock()
	s.behind = false
	s.mu.Unlock()
	return true
}

// deliver gives a message to who listens. Who has no room for it is served at his
// own speed, or ended where he takes nothing. The caller holds h.mu.
func (h *Hub) deliver(t *topic, b *Broadcast, sender uint64) Cursor {
	l := t.add(b, sender)
	var full []*Subscription // fill may end them, which moves the members
	for _, s := range t.members {
		switch {
		case s.told != t.last-1: // a goroutine has not told it what was before
		case l.sender == s.id || s.push(l.bundle(s)):
			s.told = t.last
		default:
			full = append(full, s)
		}
	}
	for _, s := range full {
		s.mu.Lock()
		s.behind = true
		s.mu.Unlock()
		h.fill(s)
	}
	return l.cursor
}
