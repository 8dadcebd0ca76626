package web

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// CheckPath and ParsePrefer are opened to the fuzz targets.
func CheckPath(path, raw string) bool { return checkPath(path, raw) }

// Preferences is what ParsePrefer found.
type Preferences struct {
	Applied string
	Invalid []string
	Strict  bool
}

// ParsePrefer parses Prefer headers for a method.
func ParsePrefer(method string, headers []string) Preferences {
	p := parsePrefer(headers)
	return Preferences{p.applied(method), p.Invalid, p.Strict}
}

var _ http.ResponseWriter = (*exchange)(nil)

// SetBodyTime is within which a body must have come.
func (h *Handler) SetBodyTime(d time.Duration) { h.bodyTime = d }

// StatusOf is the HTTP status of a code, for a caller who is nobody.
func StatusOf(code string) int { return statusOf(code, nil) }

// Codes are those that have a status of their own.
func Codes() []string { return slices.Collect(maps.Keys(statuses)) }

// SetPace is within which a client of HTTP/2 must take something of an answer.
func (h *Handler) SetPace(d time.Duration) { h.pace = d }

// KeptFor says for how long an answer with these headers is kept, and whether.
func KeptFor(control, vary []string) (time.Duration, bool) {
	return headersOfAnswers{}.judge(http.StatusOK, http.Header{"Cache-Control": control, "Vary": vary})
}
