package guards

import (
	"context"
	"errors"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

var errBroken = errors.New("the look did not end as it should")

// looks has a password that comes many times at once looked at once: a page whose
// parts are all asked for together is one look, and not as many as there may be.
type looks struct {
	mu      sync.Mutex
	running map[credentialKey]*look
}

type look struct {
	over  chan struct{}
	right bool
	err   error
}

// once is do, or what another request's found that runs already. When that one's
// caller has gone before, it is done anew.
func (l *looks) once(ctx context.Context, key credentialKey, do func() (bool, error)) (bool, error) {
	for {
		l.mu.Lock()
		theirs, running := l.running[key]
		if !running {
			ours := &look{over: make(chan struct{})}
			if l.running == nil {
				l.running = map[credentialKey]*look{}
			}
			l.running[key] = ours
			l.mu.Unlock()
			return l.lead(key, ours, do)
		}
		l.mu.Unlock()
		select {
		case <-theirs.over:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if theirs.err == nil || errors.Is(theirs.err, auth.ErrHashing) {
			return theirs.right, theirs.err
		}
	}
}

// lead does it, and tells those who wait.
func (l *looks) lead(key credentialKey, ours *look, do func() (bool, error)) (bool, error) {
	ours.err = errBroken // until it is known
	defer func() {
		l.mu.Lock()
		delete(l.running, key)
		l.mu.Unlock()
		close(ours.over)
	}()
	ours.right, ours.err = do()
	return ours.right, ours.err
}
