package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/trigger"
)

// triggersOf are what a generation's functions are called for besides by requests.
func triggersOf(g *generation) (*trigger.Set, error) {
	set, err := trigger.NewSet(g.manifest, g.rules, g.view, g.functions)
	if err != nil {
		return nil, fmt.Errorf("triggers: %w", err)
	}
	return set, nil
}

// startTriggers begins to call functions after commits and at times, where the
// manifest asks for it or one before it did: what that has left has an end, too.
func (e *Engine) startTriggers(ctx context.Context, g *generation) error {
	set, err := triggersOf(g)
	if err != nil {
		return err
	}
	if set.IsEmpty() {
		left, err := trigger.IsLeft(ctx, e.shared.store)
		if err != nil || !left {
			return err
		}
	}
	return e.openTriggers(ctx, set)
}

// openTriggers makes the runner, and gives it what to do.
func (e *Engine) openTriggers(ctx context.Context, set *trigger.Set) error {
	o := trigger.Options{Store: e.shared.store, Log: e.log.Logger}
	if e.metrics != nil {
		meter, err := e.metrics.Triggers()
		if err != nil {
			return err
		}
		o.Meter = meter
	}
	runner := trigger.New(o)
	if err := runner.Swap(ctx, set); err != nil {
		runner.Close(ctx)
		return fmt.Errorf("start the triggers: %w", err)
	}
	e.shared.triggers.Store(runner)
	return nil
}

// swapTriggers goes over to a generation's triggers. Of those before, nothing is
// asked any more when it returns.
func (e *Engine) swapTriggers(ctx context.Context, g *generation) error {
	set, err := triggersOf(g)
	if err != nil {
		return err
	}
	runner := e.shared.triggers.Load()
	if runner != nil {
		return runner.Swap(ctx, set)
	}
	if set.IsEmpty() {
		return nil
	}
	return e.openTriggers(ctx, set)
}

// stopTriggers lets no more calls begin, and waits for those that run.
func (s *shared) stopTriggers(ctx context.Context) {
	if runner := s.triggers.Load(); runner != nil {
		runner.Close(ctx)
	}
}

// noteTime is how long a migration that ends the feed may wait for triggers.
const noteTime = 10 * time.Second

// pauseTriggers holds calls back while a migration ends the feed, and notes what
// was committed and not run. Resume must be called.
func (e *Engine) pauseTriggers(ctx context.Context) (resume func()) {
	runner := e.shared.triggers.Load()
	if runner == nil {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	return runner.Pause(ctx)
}
