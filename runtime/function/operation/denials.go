package operation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

const (
	// mostDenials is how many refusals are remembered; more are not told of until
	// others are forgotten.
	mostDenials = 1024
	// denialPause is how long one is not told of again.
	denialPause = time.Minute
)

// denials are the refusals that the log was told of lately: a function asks as
// often as it likes, and the log is to stay readable.
type denials struct {
	mu    sync.Mutex
	since map[denial]time.Time
}

type denial struct{ function, operation, what string }

// first reports whether a refusal is to be told of.
func (d *denials) first(which denial, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, known := d.since[which]; known && now.Sub(at) < denialPause {
		return false
	}
	if d.since == nil {
		d.since = map[denial]time.Time{}
	}
	if len(d.since) >= mostDenials {
		for old, at := range d.since {
			if now.Sub(at) >= denialPause {
				delete(d.since, old)
			}
		}
		if len(d.since) >= mostDenials {
			return false
		}
	}
	d.since[which] = now
	return true
}

// denied tells the log what a function was refused for want of a grant. The
// fault's text has names, and no values.
func (o *operations) denied(ctx context.Context, name string, c *function.Call, f *fault.Fault) {
	if !o.denials.first(denial{c.Definition.Name, name, f.Message}, time.Now()) {
		return
	}
	o.Log.LogAttrs(ctx, slog.LevelInfo, "a function asked for what it is not granted", slog.String("function", c.Definition.Name),
		slog.String("operation", name), slog.String("refused", f.Message), slog.String("request_id", c.Event.ID))
}
