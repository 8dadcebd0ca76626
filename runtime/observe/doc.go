// Package observe is what operators see: the log and the metrics. The engine
// makes one of each for the process and hands them down as *slog.Logger and as
// the small interfaces that web and others declare; nothing else knows
// Prometheus. It never writes a secret's value.
package observe
