package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"
)

// watch asks the servers how they are until the pool is closed, each beside the
// others. A server is well until it was found otherwise.
func (o *pool) watch() {
	if o.health == nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	for _, s := range o.servers {
		o.watches.Go(func() {
			defer func() {
				if thrown := recover(); thrown != nil {
					o.home.log.Error("a health check panicked", "route", o.route, "panic", fmt.Sprint(thrown), "stack", string(debug.Stack()))
				}
			}()
			s.watch(ctx)
		})
	}
}

func (s *upstream) watch(ctx context.Context) {
	every := time.NewTicker(s.pool.health.Interval)
	defer every.Stop()
	good, bad := 0, 0
	for {
		err := s.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		s.judge(good, bad, err)
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// judge turns a server ill or well after as many answers in a row as declared.
func (s *upstream) judge(good, bad int, err error) {
	logger := s.pool.home.log
	switch {
	case bad >= s.pool.health.Fails && s.ill.CompareAndSwap(false, true):
		logger.Warn("a server behind a route is ill", "route", s.pool.route, "server", s.index, "error", err)
	case good >= s.pool.health.Passes && s.ill.CompareAndSwap(true, false):
		s.rests.Store(0)
		logger.Info("a server behind a route is well again", "route", s.pool.route, "server", s.index)
	}
}

// mostHealth is how much of an answer is read.
const mostHealth = 64 << 10

// ask asks a server once; nil: it is well.
func (s *upstream) ask(ctx context.Context) error {
	declared := s.pool.health
	ctx, cancel := context.WithTimeout(ctx, declared.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.scheme+"://"+s.authority+declared.URLPath, http.NoBody)
	if err != nil {
		return err
	}
	request.Host = s.host
	if s.pool.host != "" {
		request.Host = s.pool.host
	}
	request.Header.Set("User-Agent", "edge-hive-health")
	answer, err := s.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer closeQuietly(answer.Body)
	if _, err := io.CopyN(io.Discard, answer.Body, mostHealth); err != nil && err != io.EOF { //nolint:errorlint // CopyN gives it bare
		return err
	}
	good := answer.StatusCode >= 200 && answer.StatusCode <= 299
	if declared.Status != 0 {
		good = answer.StatusCode == declared.Status
	}
	if !good {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	return nil
}
