package live

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// errTurned says that the subscription was bound anew, paused or ended since
// the step began, so that its outcome is void.
var errTurned = errors.New("the subscription has turned")

// step is one step of joining, as it was decided under the hub's lock.
type step struct {
	version uint64
	view    view
	from    place
	gate    Gate
	hub     query.Cursor   // the hub's place
	recent  []query.Commit // what follows the cursor
	known   bool           // recent is the next of what follows
}

// start lets a goroutine bring the subscription to its group, or brings it to
// its topic. The caller holds h.mu.
func (h *Hub) start(s *Subscription) {
	if s.joining || h.closed {
		return
	}
	if s.bound.Channel.Broadcast {
		h.attend(s)
		return
	}
	s.joining = true
	h.tasks.Add(1)
	go h.join(s)
}

// join takes steps until the subscription is attached, paused or ended.
func (h *Hub) join(s *Subscription) {
	defer h.tasks.Done()
	defer func() {
		if p := recover(); p != nil {
			h.fail(s, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	for failed := 0; ; {
		s.settle()
		st, joined := h.decide(s)
		if joined {
			return
		}
		err := h.advance(s, &st)
		switch {
		case err == nil || h.turned(s, st.version):
			failed = 0
		case failed == joinAttempts:
			h.fail(s, err)
			return
		default:
			s.pause(joinPause << failed)
			failed++
		}
	}
}

// A join that fails is tried again, so that neither a short failure of the
// store nor the moment between a migration and its swap ends a subscription: 6
// times, within 3.2 s.
const (
	joinAttempts = 6
	joinPause    = 50 * time.Millisecond
)

// pause waits, or until the subscription has ended.
func (s *Subscription) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// decide attaches the subscription if it has arrived (or gives up on one that
// was paused or ended), else says what to do next.
func (h *Hub) decide(s *Subscription) (step, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.finished || s.paused {
		s.joining = false
		return step{}, true
	}
	if s.bound.Channel.Broadcast { // since a reload
		s.joining = false
		h.attend(s)
		return step{}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrive()
	at := s.place
	if !at.fresh && !at.greet && at.cursor.Part == 0 && at.cursor.Commit.Compare(h.position) >= 0 {
		s.joining, s.behind = false, false
		h.groups.join(s)
		return step{}, true
	}
	st := step{version: s.version, view: newView(s.bound, s.encoder), from: at, gate: h.gate, hub: h.position}
	if !at.fresh && at.cursor.Commit.Compare(h.position) <= 0 {
		st.recent, st.known = h.recent.after(at.cursor.previous(), pageCommits)
	}
	return st, false
}

// advance carries out a step: everything that it queues is recorded with where
// it leads, so that a step that is cut short repeats nothing.
func (h *Hub) advance(s *Subscription, st *step) error {
	if st.from.fresh {
		return h.snapshot(s, st)
	}
	lost := place{fresh: true, lost: true}
	commits, err := h.missed(s, st)
	if errors.Is(err, store.ErrTruncated) {
		return s.put(st.version, nil, lost)
	}
	if err != nil {
		return err
	}
	at := place{cursor: st.from.cursor}
	if st.from.greet {
		if err := s.put(st.version, st.view.single(&Event{Type: Resumed, Cursor: at.cursor}), at); err != nil {
			return err
		}
	}
	for i := range commits {
		frames, err := h.replay(s.ctx, st, &commits[i], at.cursor)
		if err != nil && !errors.As(err, &unreadable{}) {
			return err
		}
		if err != nil {
			h.log.Error("a change could not be read", "channel", s.channel, "cursor", commits[i].Cursor.String(), "error", err)
			return s.put(st.version, nil, lost)
		}
		at.cursor = Cursor{Commit: commits[i].Cursor, Of: st.view.mark}
		var b *bundle
		if len(frames) > 0 {
			b = newBundle(frames)
		}
		if err := s.put(st.version, b, at); err != nil {
			return err
		}
	}
	return nil
}

// replay gives the frames of a commit. Where the store judges them it waits
// for a slot, as all that reads the store.
func (h *Hub) replay(ctx context.Context, st *step, c *query.Commit, after Cursor) ([]Frame, error) {
	if st.view.beyond {
		if err := h.acquire(ctx); err != nil {
			return nil, err
		}
		defer h.release()
	}
	return st.view.replay(ctx, st.gate, c, after)
}

// missed gives what follows the step's cursor, from memory or from the feed;
// store.ErrTruncated when it is gone, or never was.
func (h *Hub) missed(s *Subscription, st *step) ([]query.Commit, error) {
	at := st.from.cursor
	if at.Commit == (query.Cursor{}) || at.Of != 0 && at.Of != st.view.mark {
		return nil, store.ErrTruncated // nothing was seen, or not what is seen now
	}
	commits := st.recent
	if !st.known {
		var err error
		if commits, err = h.fetch(s.ctx, st); err != nil {
			return nil, err
		}
	}
	switch {
	case st.from.cursor.Part > 0 && (len(commits) == 0 || commits[0].Cursor != st.from.cursor.Commit):
		return nil, store.ErrTruncated
	case len(commits) == 0 && st.from.cursor.Commit.Compare(st.hub) < 0:
		return nil, store.ErrTruncated
	}
	return commits, nil
}

// fetch reads what follows the step's cursor from the feed.
func (h *Hub) fetch(ctx context.Context, st *step) ([]query.Commit, error) {
	if err := h.acquire(ctx); err != nil {
		return nil, err
	}
	defer h.release()
	if st.from.greet && st.from.cursor.Commit.Compare(st.hub) > 0 {
		// The hub may be behind, or the cursor be no cursor of this feed.
		end, err := h.feed.Position(ctx)
		if err != nil {
			return nil, err
		}
		if st.from.cursor.Commit.Compare(end) > 0 {
			return nil, store.ErrTruncated
		}
	}
	return h.feed.Changes(ctx, st.from.cursor.previous(), pageCommits)
}

// snapshot reads all that the subscriber sees and queues it.
func (h *Hub) snapshot(s *Subscription, st *step) error {
	if st.from.lost {
		if err := s.put(st.version, st.view.single(&Event{Type: Truncated}), place{fresh: true}); err != nil {
			return err
		}
	}
	w := query.NewJSONWriter(nil, st.view.shape)
	info, err := h.rows(s.ctx, st, w)
	if err != nil {
		return fmt.Errorf("read a snapshot of channel %q: %w", s.channel, err)
	}
	at := Cursor{Commit: info.Position, Of: st.view.mark}
	limit := st.view.of.Rows
	event := Event{Type: Snapshot, Cursor: at, Rows: w.Bytes(), More: limit > 0 && info.Rows >= limit}
	return s.put(st.version, st.view.single(&event), place{cursor: at})
}

// rows writes what the subscriber sees.
func (h *Hub) rows(ctx context.Context, st *step, w query.RowWriter) (store.Info, error) {
	if err := h.acquire(ctx); err != nil {
		return store.Info{}, err
	}
	defer h.release() // a panic would keep the slot for ever
	return st.gate.Snapshot(ctx, st.view.of, w)
}

// turned reports whether a step that began at version is void.
func (h *Hub) turned(s *Subscription, version uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.version != version
}

// fail ends a subscription that cannot go on.
func (h *Hub) fail(s *Subscription, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.joining = false
	if s.finished || h.ctx.Err() != nil {
		return // Close ends it
	}
	h.log.Error("a subscription could not go on", "channel", s.channel, "error", err)
	h.remove(s, End{Reason: Failed})
}

// acquire waits for a slot to read the store.
func (h *Hub) acquire(ctx context.Context) error {
	select {
	case h.reads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) release() { <-h.reads }
