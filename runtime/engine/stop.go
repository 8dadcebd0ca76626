package engine

import (
	"context"
	"errors"
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
	serving := e.current.Load() != nil
	if serving {
		e.log.Info("stopping", "requests", e.running())
	}
	e.turn <- struct{}{} // a reload that runs is waited for, no other begins
	defer func() { <-e.turn }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.life), drainTime)
	defer cancel()
	var errs []error
	if e.shared != nil {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.shared.stopTriggers(ctx)
		}()
		errs = append(errs, e.shared.stopServing(ctx))
		<-ended
	}
	e.end()
	if e.shared != nil {
		errs = append(errs, e.shared.closeOthers())
	}
	e.tasks.Wait()
	e.drains.Wait()
	if g := e.current.Load(); g != nil {
		errs = append(errs, g.release(ctx), g.closeCache(nil))
	}
	if e.shared != nil {
		errs = append(errs, e.shared.close(ctx))
	}
	err := errors.Join(errs...)
	switch {
	case err != nil && serving:
		e.log.Error("stopped", "error", err)
	case serving:
		e.log.Info("stopped")
	}
	return err
}

// running is how many requests run, on all generations.
func (e *Engine) running() int64 {
	if g := e.current.Load(); g != nil {
		return g.running()
	}
	return 0
}
