package surreal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// A lease says which node does what one node alone shall do. It is a row of
// _leases with who holds it and until when, by the database's clock; a holder
// renews it, and one that is gone loses it when that time is over. Who has lost
// a lease may not know it yet: what is done under one must itself refuse to be
// done twice.

const (
	// leaseTime is how long a holder may be silent.
	leaseTime = 10 * time.Second
	// leasePoll is how often one who waits asks again.
	leasePoll = 100 * time.Millisecond
)

var errLeaseLost = errors.New("another node leads now")

// leading is a lease that is held.
type leading struct {
	store *Store
	name  string
	// ctx is that of who asked, and ends when the lease is lost.
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   context.CancelFunc // of renewing
	done   chan struct{}
}

// lead waits until the lease is this store's, and holds it until release.
func (s *Store) lead(ctx context.Context, name string) (*leading, error) {
	for {
		got, err := s.takeLease(ctx, name)
		if err != nil && !isConflict(err) {
			return nil, err
		}
		if got {
			break
		}
		timer := time.NewTimer(leasePoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &leading{store: s, name: name, stop: stop, done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	go l.renew(renewing)
	return l, nil
}

// takeLease takes or renews a lease; it reports whether it is the store's.
func (s *Store) takeLease(ctx context.Context, name string) (bool, error) {
	const text = "{ LET $held = (SELECT * FROM ONLY type::record('" + tableLeases + "', $name));" +
		" IF $held != NONE AND $held.holder != $holder AND $held.until > time::now() { RETURN false };" +
		" UPSERT type::record('" + tableLeases + "', $name) SET holder = $holder, until = time::now() + duration::from_millis($time) RETURN NONE;" +
		" RETURN true }"
	results, err := s.client.Query(ctx, text, s.leaseVars(name))
	if err != nil {
		return false, fmt.Errorf("take the lease %q: %w", name, err)
	}
	r := wire.NewReader(results[0])
	got := r.Bool()
	return got, r.Err()
}

func (s *Store) leaseVars(name string) []byte {
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "name"), name)
	vars = wire.AppendString(wire.AppendString(vars, "holder"), s.holder)
	return wire.AppendInt(wire.AppendString(vars, "time"), leaseTime.Milliseconds())
}

// renew holds the lease until it is stopped or the lease is lost.
func (l *leading) renew(ctx context.Context) {
	defer close(l.done)
	ticker := time.NewTicker(leaseTime / 4)
	defer ticker.Stop()
	held := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		try, cancel := context.WithTimeout(ctx, leaseTime/4)
		got, err := l.store.takeLease(try, l.name)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case got:
			held = asked
		case err == nil || time.Since(held) > leaseTime:
			l.cancel(errLeaseLost)
			return
		}
	}
}

// releaseTime bounds how long a release may take; what is not released ends by
// itself.
const releaseTime = 2 * time.Second

// release gives the lease back.
func (l *leading) release() {
	l.stop()
	<-l.done
	l.cancel(nil)
	l.store.giveLease(l.name)
}

func (s *Store) giveLease(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	const text = "DELETE type::record('" + tableLeases + "', $name) WHERE holder = $holder RETURN NONE"
	if _, err := s.client.Query(ctx, text, s.leaseVars(name)); err != nil {
		s.options.Logger.Warn("a lease was not given back", "lease", name, "error", err)
	}
}
