package engine

// Paused reports whether requests are held back by a migration.
func (e *Engine) Paused() bool { return e.pause.Load() != nil }
