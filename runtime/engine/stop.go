package engine

import (
	"context"
	"errors"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/supervisor"
)

// Close stops the backend: it is no longer ready, no request begins, those
// that run are answered within 20 seconds, subscribers are told to come back,
// and the database is closed. Everything that was started has ended when it
// returns. Calls after the first give the same error.
func (e *Engine) Close() error {
	e.closed.Do(func() { e.closeErr = e.close() })
	return e.closeErr
}

func (e *Engine) close() error {
	e.stopping.Store(true)
	e.halt() // an upgrade that runs
	serving := e.current.Load() != nil
	away := e.away.Load() != nil // another serves, and this one has told so
	if serving && !away {
		e.log.Info("stopping", "requests", e.running())
		e.tell(supervisor.Stopping)
	}
	e.upgrades.Wait()
	if serving && !away && e.options.Drain > 0 {
		e.log.Info("not ready", "serving on for", e.options.Drain.String())
		<-time.After(e.options.Drain)
	}
	e.turn <- struct{}{} // a reload that runs is waited for, no other begins
	defer func() { <-e.turn }()
	e.leave()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.life), drainTime)
	defer cancel()
	var errs []error
	if e.forebear != nil {
		errs = append(errs, e.forebear.Close())
	}
	if e.shared != nil {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.shared.stopTriggers(ctx)
		}()
		errs = append(errs, e.shared.stopServing(ctx))
		<-ended
		errs = append(errs, e.shared.closeOthers(), e.shared.closeFronts())
	}
	errs = append(errs, e.closeInside(ctx))
	e.accepting.Wait()
	err := errors.Join(errs...)
	switch {
	case err != nil && serving:
		e.log.Error("stopped", "error", err)
	case serving && !away:
		e.log.Info("stopped")
	}
	return err
}

// leave lets clients go: no connection is taken any more, and those that are open
// get an answer to what they are just sending, which says that it is the last.
// Without a time to linger, none that waits for its next request is waited for.
func (e *Engine) leave() {
	if e.shared == nil || e.options.Linger <= 0 || e.away.Load() != nil {
		return
	}
	e.shared.stopAccepting()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.life), drainTime)
	defer cancel()
	until(ctx, func() bool { return e.connections.left(e.options.Linger) == 0 })
}

// closeInside ends what stands behind the listeners, once: tasks, hub, generation
// and store.
func (e *Engine) closeInside(ctx context.Context) error {
	e.insideOnce.Do(func() {
		var errs []error
		if e.shared != nil && e.shared.hub != nil {
			e.shared.hub.Close()
		}
		e.end()
		if e.shared != nil {
			errs = append(errs, e.shared.stopWatching())
		}
		e.tasks.Wait()
		e.drains.Wait()
		if g := e.current.Load(); g != nil {
			errs = append(errs, g.release(ctx), g.closeCache(nil))
		}
		if e.shared != nil {
			errs = append(errs, e.shared.close(ctx))
		}
		e.insideErr = errors.Join(errs...)
	})
	return e.insideErr
}

// running is how many requests run, on all generations.
func (e *Engine) running() int64 {
	if g := e.current.Load(); g != nil {
		return g.running()
	}
	return 0
}
