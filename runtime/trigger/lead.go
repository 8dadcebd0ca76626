package trigger

import (
	"context"
	"errors"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
)

// leaseName is the lease of the node that calls functions.
const leaseName = "functions"

// askTime bounds what is asked of the ledger.
const askTime = 5 * time.Second

// run holds the lease as far as it can be had, until the runner is closed.
func (r *Runner) run() {
	defer close(r.ended)
	if !r.wait(0) {
		return
	}
	failed := false
	for {
		asked := time.Now()
		lease, got, err := r.ask()
		switch {
		case err != nil && !failed:
			r.log.Warn("it is not known which node calls functions for commits", "error", err)
			failed = true
		case err == nil:
			failed = false
		}
		switch {
		case got:
			r.lead(lease, asked)
		case err == nil:
			r.become(follows, nil)
		}
		if !r.wait(r.pace.poll) {
			return
		}
	}
}

// wait waits for a time, or where it is 0 for the first set; false when the runner
// is closed.
func (r *Runner) wait(d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-r.closing:
			return false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.await(r.calls, func() bool { return r.set != nil }) == nil
}

func (r *Runner) ask() (store.Lease, bool, error) {
	ctx, cancel := context.WithTimeout(r.calls, min(askTime, r.pace.lease/2))
	defer cancel()
	return r.store.Lead(ctx, leaseName, r.holder, r.pace.lease)
}

func (r *Runner) become(now role, d *driver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.role != now {
		switch {
		case now == leads:
			r.log.Debug("this node calls functions for commits and at times")
		case r.role == leads:
			r.log.Debug("this node calls functions for commits no more")
		}
	}
	r.role, r.driver = now, d
	r.move()
}

var errLost = errors.New("another node calls functions now")

// lead works until the lease is lost or the runner is closed.
func (r *Runner) lead(lease store.Lease, held time.Time) {
	ctx, lose := context.WithCancelCause(r.calls)
	defer lose(nil)
	renewing := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(renewing)
		r.renew(lease, held, stop, lose)
	}()
	d := newDriver(ctx, r, lease)
	r.become(leads, d)
	d.run()
	r.become(unknown, nil)
	close(stop)
	<-renewing
	if errors.Is(context.Cause(ctx), errLost) {
		r.log.Warn("this node has lost the lease for functions; what ran was ended, and runs on another")
		return
	}
	free, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	if err := r.store.Resign(free, lease); err != nil {
		r.log.Warn("the lease for functions was not given back; another node takes it in a while", "error", err)
	}
}

// renew holds the lease until it is stopped or the lease is lost.
func (r *Runner) renew(lease store.Lease, held time.Time, stop <-chan struct{}, lose context.CancelCauseFunc) {
	ticker := time.NewTicker(min(r.pace.poll, r.pace.lease/4))
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		asked := time.Now()
		now, got, err := r.ask()
		switch {
		case err == nil && got && now.Term == lease.Term:
			held = asked
		case err == nil || time.Since(held) > r.pace.lease-r.pace.lease/8:
			lose(errLost)
			return
		}
	}
}
