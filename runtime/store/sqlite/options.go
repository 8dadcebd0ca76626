package sqlite

import (
	"log/slog"
	"runtime"
	"time"
)

// Options say where the database is and how much it may use.
type Options struct {
	// Path is the database's file; its folder is made (0700) if missing.
	Path string
	// Readers is how many selects run at once; 0 is a core each, at least 4.
	Readers int
	// StatementTimeout bounds each select, and the reading part of each write;
	// 0 is 30 seconds.
	StatementTimeout time.Duration
	// ChangesKeep and ChangesMax bound the feed by age and by bytes; 0 is 24
	// hours and 1 GiB.
	ChangesKeep time.Duration
	ChangesMax  int64
	// Queue is how many batches may wait for the writer; beyond it Apply
	// answers at once with a fault. 0 is 1024.
	Queue int
	// MaxSize bounds the database's file in bytes; 0 is no bound but the disk.
	MaxSize int64
	// Logger hears what happened outside of any request; nil is silence.
	Logger *slog.Logger

	files files
}

const (
	defaultStatementTimeout = 30 * time.Second
	defaultChangesKeep      = 24 * time.Hour
	defaultChangesMax       = 1 << 30
	defaultQueue            = 1024
)

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = max(4, runtime.NumCPU())
	}
	if o.StatementTimeout <= 0 {
		o.StatementTimeout = defaultStatementTimeout
	}
	if o.ChangesKeep <= 0 {
		o.ChangesKeep = defaultChangesKeep
	}
	if o.ChangesMax <= 0 {
		o.ChangesMax = defaultChangesMax
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
