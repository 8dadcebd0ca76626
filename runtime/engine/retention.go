package engine

import (
	"context"
	"time"
)

// sweepEvery is how often rows that are too old are looked for.
const sweepEvery = time.Minute

// sweep deletes, until the engine ends, rows that are older than their table's
// retention.
func (e *Engine) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := e.expire(e.life); err != nil && e.life.Err() == nil {
			e.log.Warn("old rows could not be deleted", "error", err.Error())
		}
		select {
		case <-e.life.Done():
			return
		case <-tick.C:
		}
	}
}

// expire goes once over the tables with a retention.
func (e *Engine) expire(ctx context.Context) error {
	g, from, err := e.admit(ctx)
	if err != nil {
		return err
	}
	names := g.gate.Expiring()
	from.give()
	for _, name := range names {
		if err := e.expireTable(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// expireTable takes a lease for each commit, so that it holds no reload back.
func (e *Engine) expireTable(ctx context.Context, name string) error {
	total := 0
	for more := true; more; {
		g, from, err := e.admit(ctx)
		if err != nil {
			return err
		}
		n, left, err := g.gate.Expire(ctx, name)
		from.give()
		if err != nil {
			return err
		}
		total, more = total+n, left && n > 0
	}
	if total > 0 {
		e.log.Info("old rows were deleted", "table", name, "rows", total)
	}
	return nil
}
