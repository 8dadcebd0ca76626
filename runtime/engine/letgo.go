package engine

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// How this process lets go of what it serves: requests are held or carried away, what
// runs ends, and what stands behind the listeners is closed.

// lingerTime is how long connections that are left may last: as long as one may
// wait for its next request, and be answered.
const lingerTime = 120*time.Second + drainTime

// away is where requests go that still arrive here.
type away struct {
	handler http.Handler
	running *leases
	// cut tells that the contexts of requests have ended with those of before.
	cut func() bool
}

// serve carries a request over.
func (a *away) serve(w http.ResponseWriter, r *http.Request) {
	a.running.take()
	defer a.running.give()
	if a.cut() {
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	a.handler.ServeHTTP(w, r)
}

// holdBack holds requests that come until the function is called that it gives.
func (e *Engine) holdBack() (release func()) {
	held := &pause{over: make(chan struct{}), patience: upgradePatience}
	e.pause.Store(held)
	return func() {
		e.pause.Store(nil)
		close(held.over)
	}
}

// endPackets ends HTTP/3, as two processes cannot read one socket of UDP: clients are
// told, and what runs is answered. Packets that come wait for the next process.
func (e *Engine) endPackets() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.life), drainTime)
	defer cancel()
	e.handing.Store(true)
	if err := e.shared.tls.shutdown(ctx); err != nil {
		e.log.Warn("HTTP/3 was ended by the upgrade", "error", err)
	}
}

// goAway lets this process take no more connections, and carries what still comes
// on those that it has to another.
func (e *Engine) goAway(to http.Handler) {
	e.away.Store(&away{handler: to, running: newLeases(), cut: func() bool { return e.requests.Err() != nil }})
	e.options.Sockets.Leave()
	e.handing.Store(true)
	e.shared.stopAccepting()
}

// endHere ends what runs, within the time of a stop, and closes what stands behind
// the listeners. Requests that come meanwhile are held, or are carried away.
func (e *Engine) endHere() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.life), drainTime)
	defer cancel()
	e.handing.Store(true)
	e.options.Sockets.Leave()
	e.shared.stopAccepting()           // who comes waits for the next one
	_ = e.shared.adminListener.Close() // and who asks
	idle := e.current.Load().leases.Load().retire()
	live := make(chan error, 1)
	go func() { live <- e.shared.stopLive(ctx) }()
	e.shared.stopTriggers(ctx)
	drained := make(chan struct{})
	go func() { // ends with the generations, which end with e.life at the latest
		defer close(drained)
		e.drains.Wait()
	}()
	for _, ended := range []func() <-chan struct{}{
		func() <-chan struct{} { return idle }, func() <-chan struct{} { return drained }, e.long.retire, e.asked.retire,
	} {
		select {
		case <-ended():
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		e.log.Warn("requests were cut off by the upgrade", "requests", e.running()+e.long.count()+e.asked.count())
		e.cut()
	}
	errs := []error{<-live}
	if e.shared.metricsServer != nil {
		errs = append(errs, e.shared.metricsServer.Shutdown(ctx))
	}
	errs = append(errs, e.closeInside(ctx))
	if err := errors.Join(unlessClosed(errs)...); err != nil {
		e.log.Error("what ends for the upgrade", "error", err)
	}
}
