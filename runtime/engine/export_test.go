package engine

import (
	"context"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

// Paused reports whether requests are held back by a migration.
func (e *Engine) Paused() bool { return e.pause.Load() != nil }

// SetPauseTime has migrations and requests wait for each other for another time until
// the test ends.
func SetPauseTime(t *testing.T, d time.Duration) {
	before := pauseTime
	pauseTime = d
	t.Cleanup(func() { pauseTime = before })
}

// Issue signs an access token that the generation that serves now takes.
func (e *Engine) Issue(c auth.Claims) (string, error) { return e.current.Load().keys.Issue(c) }

// StartAfter starts as an heir does, whose forebear has served the same as e, up to
// a migration.
func StartAfter(ctx context.Context, e *Engine, migration int64) (*Engine, error) {
	o := e.options
	o.left = &left{draft: e.current.Load().draft, migration: migration}
	return Start(ctx, o)
}
