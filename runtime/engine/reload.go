package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/supervisor"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Outcome is what a reload did.
type Outcome struct {
	Result     string // admin.Swapped, admin.Unchanged or admin.Refused
	Generation uint64 // that serves now
	Hash       string // of the manifest that serves now
	Steps      []string
	Backup     string              // made before the migration, which loses data
	Faults     fault.List          // of a refused one
	Changes    []difference.Change // of a swapped one
	Who        string
	Took       time.Duration
}

// Reload reads the manifest again and swaps it in whole, or refuses it whole:
// then the faults are in the Outcome and nothing has changed. Of two at once,
// one waits. An error is no fault of the manifest. Either is logged.
func (e *Engine) Reload(ctx context.Context) (Outcome, error) {
	return e.ReloadAs(ctx, By("reload"), "")
}

// ReloadAs is Reload for somebody, who stands in the history of a migration. A
// manifest of another hash than the one given is refused, "" is any.
func (e *Engine) ReloadAs(ctx context.Context, who, hash string) (Outcome, error) {
	if err := e.awaitTurn(ctx); errors.Is(err, errUpgrading) {
		return e.refused(who), nil
	} else if err != nil {
		return Outcome{}, err
	}
	defer func() { <-e.turn }()
	began := time.Now()
	e.tell(supervisor.Reloading)
	defer e.tell(supervisor.Ready)
	// Once begun it is carried out, even if who asked has gone.
	out, err := e.reload(e.life, who, hash)
	out.Took, out.Who = time.Since(began), who
	var faults fault.List
	var single *fault.Fault
	switch {
	case errors.As(err, &faults):
		out.Faults, err = faults, nil
	case errors.As(err, &single):
		out.Faults, err = fault.List{single}, nil
	}
	if len(out.Faults) > 0 {
		out.Result = admin.Refused
	}
	now := e.current.Load()
	out.Generation, out.Hash = now.number, now.hash()
	e.note(out, err)
	return out, err
}

// awaitTurn waits until no other reload runs. Who waits for an upgrade would be waited
// for by it.
func (e *Engine) awaitTurn(ctx context.Context) error {
	tick := time.NewTicker(endEvery)
	defer tick.Stop()
	for {
		if e.upgrading.Load() {
			return errUpgrading
		}
		select {
		case e.turn <- struct{}{}:
			if e.stopping.Load() || e.away.Load() != nil {
				<-e.turn
				return errStopping
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-e.life.Done():
			return errStopping
		case <-tick.C:
		}
	}
}

// refused is the outcome of a reload that comes while an upgrade is under way.
func (e *Engine) refused(who string) Outcome {
	now := e.current.Load()
	out := Outcome{Result: admin.Refused, Generation: now.number, Hash: now.hash(), Faults: fault.List{errUpgrading}, Who: who}
	e.log.Warn("reload", "result", out.Result, "generation", out.Generation, "faults", said(out.Faults))
	return out
}

var (
	errStopping = errors.New("the server is stopping")
	errPanicked = errors.New("the reload failed by a mistake of ours: the manifest before serves on, and the log has the cause")
)

// reload does it. A panic, of ours or of a library that met a strange manifest,
// is an error: the generation that serves goes on.
func (e *Engine) reload(ctx context.Context, who, hash string) (_ Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("a reload panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	d, err := e.draft(ctx)
	if err != nil {
		return Outcome{}, err
	}
	d.who = who
	if hash != "" && hash != d.manifest.Hash {
		return Outcome{}, errOther
	}
	old := e.current.Load()
	if d.same(&old.draft) && maps.Equal(old.imports, old.imported()) {
		return Outcome{Result: admin.Unchanged}, nil
	}
	if err := restartFaults(old.manifest, d.manifest, e.options.Dev).Err(); err != nil {
		return Outcome{}, err
	}
	p, err := e.plan(ctx, d)
	if err != nil {
		return Outcome{}, err
	}
	changes := e.changes(ctx, old, &d, p)
	if !p.Empty() && !p.Additive() {
		resume, err := e.hold(ctx)
		if err != nil {
			return Outcome{}, err
		}
		defer resume()
		defer e.pauseTriggers(ctx)()
	}
	certificates, err := e.prepareTLS(d.manifest)
	if err != nil {
		return Outcome{}, err
	}
	next, did, err := e.build(ctx, d, old.number+1)
	if err != nil {
		certificates.drop()
		return Outcome{}, err
	}
	if err := e.swap(ctx, next); err != nil {
		certificates.drop()
		return Outcome{}, errors.Join(err, next.close(), next.closeCache(old))
	}
	e.useTLS(certificates)
	return Outcome{Result: admin.Swapped, Steps: did.steps, Backup: did.backup, Changes: changes}, nil
}

// swap makes next the generation that answers, and lets the one before drain.
func (e *Engine) swap(ctx context.Context, next *generation) error {
	if err := e.setLog(next.manifest); err != nil {
		return err
	}
	if err := e.shared.hub.Swap(ctx, next.gate); err != nil {
		return fmt.Errorf("swap the hub: %w", err)
	}
	if err := e.swapTriggers(ctx, next); err != nil {
		return errors.Join(err, e.shared.hub.Swap(ctx, e.current.Load().gate))
	}
	live := settings(next)
	live.NewKeys = next.keys.ServiceJWT() != e.current.Load().keys.ServiceJWT()
	e.shared.realtime.Use(live)
	if l := e.shared.bounded.Load(); l != nil {
		l.SetBounds(bounds(next.manifest))
	}
	e.shared.tls.setBounds(bounds(next.manifest))
	e.useRedis(next.manifest)
	old := e.current.Swap(next)
	e.follow(old, next)
	e.goes("first instances of functions", func() { e.warm(next) })
	old.leases.Load().retire()
	ended := e.drainsNow(old)
	e.drains.Go(func() {
		defer ended()
		if err := errors.Join(old.release(e.life), old.closeCache(next)); err != nil {
			e.log.Error("release of a generation", "generation", old.number, "error", err)
		}
	})
	return nil
}

// note keeps and logs how a reload ended. One that changed nothing is no news,
// unless the one before was refused: then the manifest is mended.
func (e *Engine) note(out Outcome, err error) {
	if out.Result == admin.Unchanged && !e.refusedLast() {
		e.log.Debug("reload", "result", out.Result, "generation", out.Generation)
		return
	}
	last := &admin.Reload{At: time.Now().UTC(), Who: out.Who, Result: out.Result, Took: out.Took.Round(time.Millisecond).String(), Faults: len(out.Faults), Said: said(out.Faults)}
	last.Changes, last.More = noted(out.Changes)
	if err != nil {
		last.Result = admin.Refused
	}
	e.lastMu.Lock()
	e.last = last
	e.lastMu.Unlock()
	if e.metrics != nil {
		e.metrics.Reloaded(last.Result != admin.Refused, out.Took)
	}
	switch {
	case err != nil:
		e.log.Error("reload", "result", last.Result, "error", err)
	case len(out.Faults) > 0:
		e.log.Warn("reload", "result", last.Result, "generation", out.Generation, "faults", said(out.Faults))
	default:
		e.log.Info("reload", "result", last.Result, "generation", out.Generation, "manifest", out.Hash,
			"migrated", len(out.Steps), "took", out.Took.Round(time.Millisecond).String())
	}
	if e.options.OnReload != nil && (err == nil || len(out.Faults) > 0) {
		e.options.OnReload(out)
	}
}

func (e *Engine) refusedLast() bool {
	e.lastMu.Lock()
	defer e.lastMu.Unlock()
	return e.last != nil && e.last.Result == admin.Refused
}

// mostSaid is how many faults of a refused reload stand in the log.
const mostSaid = 20

// said is faults as the log has them.
func said(faults fault.List) []string {
	lines := make([]string, 0, min(len(faults), mostSaid))
	for _, f := range faults[:min(len(faults), mostSaid)] {
		lines = append(lines, f.Error())
	}
	return lines
}
