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

// read follows the feed until the hub is closed. It is the only goroutine that
// moves the hub's place.
func (h *Hub) read() {
	defer h.tasks.Done()
	retry := time.NewTimer(0) // a first look: commits may have come before Watch
	defer retry.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case s := <-h.swaps:
			h.carryOut(s)
			continue
		case _, open := <-h.wakes:
			if !open {
				h.watchAgain()
			}
		case <-retry.C:
		}
		if err := h.follow(); err != nil && h.ctx.Err() == nil {
			h.log.Error("the feed could not be read; subscribers wait", "error", err)
			retry.Reset(retryAfter)
		}
	}
}

// watchAgain replaces a wake-up channel that was closed.
func (h *Hub) watchAgain() {
	wakes, err := h.feed.Watch(h.ctx)
	for err != nil && h.ctx.Err() == nil {
		h.log.Error("the feed could not be watched", "error", err)
		select {
		case <-time.After(retryAfter):
		case <-h.ctx.Done():
			return
		}
		wakes, err = h.feed.Watch(h.ctx)
	}
	h.wakes = wakes
}

// follow reads the feed to its end. Between pages a waiting swap comes first.
func (h *Hub) follow() error {
	for {
		more, err := h.page(h.ctx)
		if err != nil || !more {
			return err
		}
		select {
		case s := <-h.swaps:
			h.carryOut(s)
		case <-h.ctx.Done():
			return nil
		default:
		}
	}
}

// page reads and serves the next commits; more says that others may follow.
func (h *Hub) page(ctx context.Context) (more bool, err error) {
	commits, err := h.feed.Changes(ctx, h.Position(), pageCommits)
	if errors.Is(err, store.ErrTruncated) {
		// Restored, rebuilt, or we were too slow: nobody can be served from
		// here without a new snapshot.
		end, err := h.feed.Position(ctx)
		if err != nil {
			return false, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.log.Warn("the feed no longer reaches back to the hub's place", "place", h.position.String(), "end", end.String())
		h.position = end
		h.recent.reset(end)
		h.renew()
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for i := range commits {
		h.dispatch(&commits[i])
	}
	return len(commits) == pageCommits, nil
}

// dispatch serves one commit. A commit that cannot be served, for a stored row
// cannot be read or because of a mistake of ours, costs its subscribers a new
// snapshot and nobody the hub.
func (h *Hub) dispatch(c *query.Commit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.serve(c)
	h.position = c.Cursor
	h.recent.add(*c)
	if err != nil {
		h.log.Error("a commit could not be served; its subscribers begin anew", "cursor", c.Cursor.String(), "error", err)
		h.groups.forget()
		h.renew()
	}
}

func (h *Hub) serve(c *query.Commit) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := h.groups.judge(c); err != nil {
		return err
	}
	for _, s := range h.groups.deliver(c) {
		h.overflow(s)
	}
	return nil
}

// renew makes every subscription begin anew: truncated, then a snapshot. The
// caller holds h.mu.
func (h *Hub) renew() {
	for s := range h.subs {
		h.detach(s)
		s.turn()
		s.place = place{fresh: true, lost: true}
		if !s.paused {
			h.start(s)
		}
	}
}

// swap asks the reader to go on with another gate.
type swap struct {
	gate Gate
	done chan struct{}
}

// Swap makes the gate of a new generation the hub's. It is one step in the
// stream: every commit up to the feed's present end is judged by the old gate,
// then every subscription is bound anew for its caller. Who sees the same goes
// on with nothing lost or doubled; who sees something else gets a new snapshot;
// whose channel is gone, or who may not listen any more, is ended. When Swap
// returns nil the old gate is not used again, but for snapshots that have begun,
// whose outcome is void: the old View's Close waits for those.
//
// An error is that of the context, or ErrClosed; then nothing was swapped.
func (h *Hub) Swap(ctx context.Context, gate Gate) error {
	s := &swap{gate: gate, done: make(chan struct{})}
	select {
	case h.swaps <- s:
	case <-ctx.Done():
		return ctx.Err()
	case <-h.ctx.Done():
		return ErrClosed
	}
	<-s.done // the reader has it and will carry it out
	return nil
}

// swapPatience bounds how long a swap waits for a feed that does not answer.
const swapPatience = 5 * time.Second

func (h *Hub) carryOut(s *swap) {
	defer close(s.done)
	ctx, cancel := context.WithTimeout(h.ctx, swapPatience)
	defer cancel()
	err := h.reachEnd(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate = s.gate
	if err != nil {
		// What was not read yet may not be judged by rules that came later.
		h.log.Error("the feed could not be read before a reload; subscribers begin anew", "error", err)
		h.renew()
	}
	for s := range h.subs {
		_ = h.rebind(s) // who is refused has been ended and told why
	}
}

// reachEnd serves every commit that the feed has now.
func (h *Hub) reachEnd(ctx context.Context) error {
	end, err := h.feed.Position(ctx)
	if err != nil {
		return err
	}
	for h.Position().Compare(end) < 0 {
		before := h.Position()
		if _, err := h.page(ctx); err != nil {
			return err
		}
		if h.Position() == before {
			return fmt.Errorf("the feed ends at %s, short of %s", before, end)
		}
	}
	return nil
}
