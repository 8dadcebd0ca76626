// Package gate holds back what would run while an engine's tables are changed, or
// after it is closed, and waits for what runs. Engines use it; it knows none of
// them.
package gate

import (
	"context"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Wait is how long a statement waits at a shut gate.
const Wait = 5 * time.Second

// CodeShut is the code of the fault of a gate that stays shut.
const CodeShut = "PGRST002"

// FaultShut is the fault of a statement that found the gate shut for too long.
func FaultShut() *fault.Fault {
	return fault.New(CodeShut, "the database's tables are being changed").WithHint("try again in a moment")
}

// Gate counts what runs, so that a migration or a close can wait for it, and
// holds back what comes meanwhile.
type Gate struct {
	mu      sync.Mutex
	running int
	opened  chan struct{} // not nil while shut; closed when it opens
	idle    chan struct{} // not nil while someone waits for running to end
	gone    bool
}

// Enter passes the gate; Leave must follow. It waits for a shut gate for a
// bounded time.
func (g *Gate) Enter(ctx context.Context) error {
	g.mu.Lock()
	for g.opened != nil && !g.gone {
		opened := g.opened
		g.mu.Unlock()
		if err := waitOpen(ctx, opened); err != nil {
			return err
		}
		g.mu.Lock()
	}
	defer g.mu.Unlock()
	if g.gone {
		return store.ErrClosed
	}
	g.running++
	return nil
}

func waitOpen(ctx context.Context, opened <-chan struct{}) error {
	timer := time.NewTimer(Wait)
	defer timer.Stop()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return FaultShut()
	}
}

// Leave ends what Enter began.
func (g *Gate) Leave() {
	g.mu.Lock()
	g.running--
	if g.running == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
	g.mu.Unlock()
}

// Shut holds back what comes and waits for what runs. Where ctx ends first
// the gate is open again.
func (g *Gate) Shut(ctx context.Context) error {
	g.mu.Lock()
	g.opened = make(chan struct{})
	idle := g.whenIdle()
	g.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		g.Open()
		return ctx.Err()
	}
}

// Open lets through again what comes.
func (g *Gate) Open() {
	g.mu.Lock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
	g.mu.Unlock()
}

// Close refuses what comes from now on and waits for what runs. It reports
// whether this call was the one that closed.
func (g *Gate) Close() bool {
	g.mu.Lock()
	first := !g.gone
	g.gone = true
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
	idle := g.whenIdle()
	g.mu.Unlock()
	<-idle
	return first
}

// whenIdle gives a channel that closes when nothing runs; g.mu is held.
func (g *Gate) whenIdle() <-chan struct{} {
	if g.running == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	return g.idle
}
