package engine

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// pauseTime is how long requests wait for a migration that closes the gate, and
// how long such a migration waits for the requests that run. Only tests change it.
var pauseTime = 5 * time.Second

// pause holds requests back while a migration changes what the current
// generation relies on, or while an upgrade puts another process in this one's
// place.
type pause struct {
	over     chan struct{}
	patience time.Duration
}

var (
	errPaused = errors.New("the server is busy with a migration, or stops")
	errAway   = errors.New("another process serves now")
)

// admit begins a request on the current generation; leases.give ends it.
func (e *Engine) admit(ctx context.Context) (*generation, *leases, error) {
	for {
		g := e.current.Load()
		l := g.leases.Load()
		if l.take() {
			return g, l, nil
		}
		if e.away.Load() != nil {
			return nil, nil, errAway
		}
		if e.stopping.Load() {
			return nil, nil, errPaused
		}
		if p := e.pause.Load(); p != nil {
			if err := p.wait(ctx); err != nil {
				return nil, nil, err
			}
		}
	}
}

func (p *pause) wait(ctx context.Context) error {
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case <-p.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errPaused
	}
}

// hold lets no request begin and waits for those that run. The function that
// it gives lets requests begin again; it must be called after the swap, or
// instead of one.
func (e *Engine) hold(ctx context.Context) (func(), error) {
	g := e.current.Load()
	p := &pause{over: make(chan struct{}), patience: pauseTime}
	before := g.leases.Load()
	e.pause.Store(p)
	resume := func() {
		if e.current.Load() == g {
			g.earlier = append(g.earlier, before)
			g.leases.Store(newLeases())
		}
		e.pause.Store(nil)
		close(p.over)
	}
	timer := time.NewTimer(pauseTime)
	defer timer.Stop()
	var err error
	select {
	case <-before.retire():
		return resume, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = errBusy
	}
	resume()
	return nil, err
}

// refuse answers a request that no generation takes.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"code":"57P03","message":"the server is not ready","details":null,"hint":"try again in a few seconds"}` + "\n"))
}

// outlives reports whether a request may live on when its generation is gone:
// live connections and exports do. Others are spared the bookkeeping.
func outlives(path string) bool {
	return strings.HasPrefix(path, "/api/realtime/") || strings.HasPrefix(path, "/api/export/")
}
