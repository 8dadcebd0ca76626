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
// moves the hub's place. A feed that fails, for its server is away for example,
// is tried again for as long as it takes; a swap does not wait for it.
func (h *Hub) read(ctx context.Context) {
	defer h.tasks.Done()
	retry := time.NewTimer(0) // a first look: commits may have come before Watch
	defer retry.Stop()
	failed := 0
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-h.swaps:
			h.carryOut(ctx, s)
			continue
		case _, open := <-h.wakes:
			if !open {
				h.wakes = nil // nothing comes from it any more
			}
		case <-retry.C:
		}
		err := h.catchUp(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if failed == 0 {
				h.log.Error("the feed could not be read; subscribers wait", "error", err)
			}
			retry.Reset(min(retryAfter<<failed, retryAtLeast))
			failed = min(failed+1, mostShifts)
		case failed > 0:
			h.log.Info("the feed is read again")
			failed = 0
		}
	}
}

// catchUp reads the feed to its end, and sees to it that it is watched.
func (h *Hub) catchUp(ctx context.Context) error {
	if h.wakes == nil {
		wakes, err := h.feed.Watch(ctx)
		if err != nil {
			return fmt.Errorf("watch it: %w", err)
		}
		h.wakes = wakes
	}
	return h.follow(ctx)
}

// follow reads the feed to its end. Between pages a waiting swap comes first.
func (h *Hub) follow(ctx context.Context) error {
	for {
		more, err := h.page(ctx)
		if err != nil || !more {
			return err
		}
		select {
		case s := <-h.swaps:
			h.carryOut(ctx, s)
		case <-ctx.Done():
			return nil
		default:
		}
	}
}

// page reads and serves the next commits, and tells whether there were any:
// then others may follow.
func (h *Hub) page(ctx context.Context) (bool, error) {
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
		// A new epoch is a rename, a drop or a restore; within one, the hub fell
		// behind what the feed keeps.
		if end.Epoch != h.position.Epoch {
			h.log.Info("a new feed begins, every subscriber gets a fresh snapshot", "end", end.String())
		} else {
			h.log.Warn("the feed no longer reaches back to the hub's place, every subscriber gets a fresh snapshot", "place", h.position.String(), "end", end.String())
		}
		h.position = end
		h.recent.reset(end)
		h.renew()
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for i := range commits {
		h.dispatch(ctx, &commits[i])
	}
	return len(commits) > 0, nil
}

// dispatch serves one commit. A commit that cannot be served, for a stored row
// cannot be read or because of a mistake of ours, costs its subscribers a new
// snapshot and nobody the hub.
func (h *Hub) dispatch(ctx context.Context, c *query.Commit) {
	answers := h.inquire(ctx, c)
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.serve(c, answers)
	h.position = c.Cursor
	h.recent.add(*c)
	if err != nil {
		h.log.Error("a commit could not be served; its subscribers begin anew", "cursor", c.Cursor.String(), "error", err)
		h.groups.forget()
		h.renew()
	}
}

func (h *Hub) serve(c *query.Commit, answers *questions) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := h.groups.judge(c, answers); err != nil {
		return err
	}
	for _, s := range h.groups.deliver(c) {
		h.overflow(s)
	}
	for _, g := range h.groups.unknown {
		h.dismiss(g)
	}
	return nil
}

// renew makes every subscription of rows begin anew: truncated, then a snapshot. The
// caller holds h.mu.
func (h *Hub) renew() {
	for s := range h.subs {
		if s.bound.Channel.Broadcast {
			continue // the feed is none of its business
		}
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

func (h *Hub) carryOut(ctx context.Context, s *swap) {
	defer close(s.done)
	ctx, cancel := context.WithTimeout(ctx, swapPatience)
	defer cancel()
	err := h.reachEnd(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate = s.gate
	h.declare()
	if err != nil {
		// What was not read yet may not be judged by rules that came later.
		h.log.Error("the feed could not be read before a reload; subscribers begin anew", "error", err)
		h.renew()
	}
	for s := range h.subs {
		h.carryOver(s)
	}
}

// carryOver binds one subscription to the new gate. Who is refused is ended and
// told why; a mistake of ours costs one subscription and not the reader. The
// caller holds h.mu.
func (h *Hub) carryOver(s *Subscription) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("a subscription could not be bound", "channel", s.channel, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			h.remove(s, End{Reason: Failed})
		}
	}()
	_ = h.rebind(s)
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
