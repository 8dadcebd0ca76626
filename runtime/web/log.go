package web

import (
	"crypto/tls"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// logRequest writes the request's line: at error what is our fault, with its
// cause; at info what is the client's, and the share of what went well that is
// asked for; at debug the rest. The query string is never in it, for it may hold
// a token or people's data. A WebSocket has its line when it ends.
func (h *Handler) logRequest(x *exchange, r *http.Request) {
	status := x.outcome(r)
	level := slog.LevelDebug
	switch {
	case status >= 500:
		level = slog.LevelError
	case status >= 400 && status != statusClosed:
		level = slog.LevelInfo
	case h.logged > 0 && (h.logged >= 1 || rand.Float64() < h.logged): //nolint:gosec // G404: a sample, not a secret
		level = slog.LevelInfo
	}
	ctx := r.Context()
	if !h.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("request_id", x.id))
	if x.trace != nil {
		attrs = append(attrs, slog.String("trace_id", x.trace.TraceID()))
	}
	attrs = append(attrs,
		slog.String("method", printable(r.Method)),
		slog.String("path", loggedPath(r)),
		slog.String("route", x.route),
		slog.Int("status", status),
		slog.Int64("bytes", x.bytes),
		slog.Duration("duration", time.Since(x.began)),
		slog.String("client", x.client.String()),
		slog.String("protocol", r.Proto),
	)
	if r.TLS != nil {
		attrs = append(attrs, slog.String("tls", tls.VersionName(r.TLS.Version)))
	}
	if x.caller != nil {
		attrs = append(attrs, slog.String("role", string(x.caller.Role)))
		if x.caller.UID != "" {
			attrs = append(attrs, slog.String("uid", x.caller.UID))
		}
	}
	if x.fault != nil {
		attrs = append(attrs, slog.String("code", x.fault.Code))
		if status >= 500 && x.fault.Cause != nil {
			attrs = append(attrs, slog.String("cause", x.fault.Cause.Error()))
		}
	}
	h.log.LogAttrs(ctx, level, "request", attrs...)
}

// loggedPath bounds the path of a log line.
func loggedPath(r *http.Request) string { return cutPath(r.URL.Path) }

func cutPath(path string) string {
	const longest = 256
	if len(path) > longest {
		return path[:longest] + "..."
	}
	return path
}

// safe reports whether a method only reads.
func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }
