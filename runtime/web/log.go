package web

import (
	"log/slog"
	"net/http"
	"time"
)

// logRequest writes the request's line: at error what is our fault, with its
// cause; at info what is the client's; at debug what went well. The query
// string is never in it, for it may hold a token or people's data.
func (h *Handler) logRequest(x *exchange, r *http.Request) {
	status := x.outcome(r)
	level := slog.LevelDebug
	switch {
	case status >= 500:
		level = slog.LevelError
	case status >= 400 && status != statusClosed:
		level = slog.LevelInfo
	}
	ctx := r.Context()
	if !h.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("request_id", x.id),
		slog.String("method", r.Method),
		slog.String("path", loggedPath(r)),
		slog.String("route", x.route),
		slog.Int("status", status),
		slog.Int64("bytes", x.bytes),
		slog.Duration("duration", time.Since(x.began)),
		slog.String("client", x.client.String()),
	)
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
func loggedPath(r *http.Request) string {
	const longest = 256
	path := r.URL.Path
	if len(path) > longest {
		return path[:longest] + "..."
	}
	return path
}

// safe reports whether a method only reads.
func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }
