package engine

import "github.com/edge-hive/edge-hive/runtime/auth"

// Paused reports whether requests are held back by a migration.
func (e *Engine) Paused() bool { return e.pause.Load() != nil }

// Issue signs an access token that the generation that serves now takes.
func (e *Engine) Issue(c auth.Claims) (string, error) { return e.current.Load().keys.Issue(c) }
