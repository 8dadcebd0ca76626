package autotls

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// told is what an authority has said about when it may be asked again.
type told struct {
	mu sync.Mutex
	at time.Time
}

func (t *told) retryAt() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

func (t *told) say(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.After(t.at) {
		t.at = at
	}
}

// newLogger gives certmagic a log. What it has to say is for who looks for a cause:
// what counts, keepers say themselves. It is also the one way by which it lets the
// headers of an authority's answers through.
func newLogger(next *slog.Logger, told *told) *zap.Logger {
	return zap.New(&core{next: next, told: told})
}

// core is a core of zap on slog.
type core struct {
	next   *slog.Logger
	told   *told
	fields []zapcore.Field
}

func (c *core) Enabled(zapcore.Level) bool { return true }

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{next: c.next, told: c.told, fields: append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

func (c *core) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(e, c)
}

func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.listen(fields)
	if !c.next.Enabled(context.Background(), slog.LevelDebug) {
		return nil
	}
	all := zapcore.NewMapObjectEncoder()
	for _, f := range c.fields {
		f.AddTo(all)
	}
	for _, f := range fields {
		if f.Key != "headers" && f.Key != "response_headers" {
			f.AddTo(all)
		}
	}
	c.next.Debug("certificates: "+e.Message, "from", e.LoggerName, "about", all.Fields)
	return nil
}

func (c *core) Sync() error { return nil }

// listen takes Retry-After from what is said about an answer.
func (c *core) listen(fields []zapcore.Field) {
	status, after := int64(0), ""
	for _, f := range fields {
		switch f.Key {
		case "status_code":
			status = f.Integer
		case "response_headers":
			if headers, ok := f.Interface.(http.Header); ok {
				after = headers.Get("Retry-After")
			}
		}
	}
	if after == "" || status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		c.told.say(time.Now().Add(time.Duration(seconds) * time.Second))
	} else if at, err := http.ParseTime(after); err == nil {
		c.told.say(at)
	}
}
