package function

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// pool are the instances of one function.
type pool struct {
	mu sync.Mutex
	// idle are ready for a call; the one used last is the last.
	idle    []*instance
	working int // calls that have an instance, or make one
	// waiting are calls for which there is none, the first first. What they get
	// is the place of a call that ended, with or without its instance.
	waiting []chan *instance
	closed  bool
	drained chan struct{} // closed when nothing is at work after closing
}

var (
	errBusy    = fault.New(CodeBusy, "all instances of the function are at work, and enough calls wait").WithHint("try again in a moment")
	errNoRoom  = fault.New(CodeBusy, "there is no memory left for another function just now").WithHint("try again in a moment")
	errNoTurn  = fault.New(CodeBusy, "all instances of the function stayed at work for as long as a call may take").WithHint("try again in a moment")
	errClosing = fault.New(CodeBusy, "the function is being replaced").WithHint("try again in a moment")
)

// enter gives a call its place, with an idle instance where there is one. At the
// function's limit it waits until a time.
func (p *pool) enter(ctx context.Context, limits *Limits, until time.Time) (*instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosing
	}
	if n := len(p.idle); n > 0 && p.working < limits.Instances {
		in := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.working++
		p.mu.Unlock()
		return in, nil
	}
	if p.working < limits.Instances {
		p.working++
		p.mu.Unlock()
		return nil, nil
	}
	if len(p.waiting) >= limits.Waiting {
		p.mu.Unlock()
		return nil, errBusy
	}
	turn := make(chan *instance, 1)
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case in := <-turn:
		return in, nil
	case <-timer.C:
		return p.giveUp(turn, errNoTurn)
	case <-ctx.Done():
		return p.giveUp(turn, errCanceled(ctx))
	}
}

// giveUp leaves the queue, unless the turn has come in the meantime.
func (p *pool) giveUp(turn chan *instance, err error) (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, turn)
	if i < 0 {
		return <-turn, nil // who served us took us from the queue first
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	return nil, err
}

// leave gives a place back, with its instance where that is as good as new. It
// gives back an instance that there is no use for.
func (p *pool) leave(in *instance, now int64) (drop *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		turn := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		turn <- in
		return nil
	}
	p.working--
	if p.closed {
		if p.working == 0 {
			close(p.drained)
		}
		return in
	}
	if in != nil {
		in.idle = now
		p.idle = append(p.idle, in)
	}
	// After a rush there are more than are needed.
	if len(p.idle) > 1 && p.idle[0].idle < now-int64(idleTime) {
		unused := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		return unused
	}
	return nil
}

// idleTime is for how long instances are kept beside the one that is enough.
const idleTime = time.Minute

// oldest tells since when the instance that was idle longest is so.
func (p *pool) oldest() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return 0, false
	}
	return p.idle[0].idle, true
}

// takeOldest takes the instance that was idle longest.
func (p *pool) takeOldest() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	in := p.idle[0]
	p.idle = slices.Delete(p.idle, 0, 1)
	return in
}

// unused reports that there is no instance, and nobody who makes one.
func (p *pool) unused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.working == 0 && len(p.idle) == 0
}

// close ends the pool: who waits goes on, nobody comes. It waits until the calls
// have ended, and gives the idle instances.
func (p *pool) close(ctx context.Context) ([]*instance, error) {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	if !p.closed {
		p.closed = true
		p.drained = make(chan struct{})
		if p.working == 0 {
			close(p.drained)
		}
	}
	p.mu.Unlock()
	select {
	case <-p.drained:
		return idle, nil
	case <-ctx.Done():
		return idle, ctx.Err()
	}
}
