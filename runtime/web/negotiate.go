package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// wantsObject reads the Accept headers: an array of objects, or one object. The
// first acceptable type wins; q-values are ignored, as PostgREST's users expect.
func wantsObject(headers []string) (bool, *fault.Fault) {
	if len(headers) == 0 || (len(headers) == 1 && (headers[0] == "*/*" || headers[0] == "application/json" || headers[0] == "")) {
		return false, nil
	}
	for _, header := range headers {
		for header != "" {
			var item string
			item, header, _ = strings.Cut(header, ",")
			media, parameters, _ := strings.Cut(item, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "*/*", "application/*", "application/json", "":
				return false, nil
			case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
				if !stripsNulls(parameters) {
					return false, nil
				}
			case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
				if !stripsNulls(parameters) {
					return true, nil
				}
			}
		}
	}
	return false, fault.New("PGRST107", "None of these media types are available: "+printable(strings.Join(headers, ", "))).
		WithHint("application/json and application/vnd.pgrst.object+json are")
}

// stripsNulls finds the nulls=stripped of a media type: another body, which this
// version does not make.
func stripsNulls(parameters string) bool {
	return strings.Contains(strings.ToLower(parameters), "nulls=stripped")
}

// checkProfile accepts the one schema there is.
func checkProfile(r *http.Request) *fault.Fault {
	headers := r.Header["Content-Profile"]
	if safe(r.Method) {
		headers = r.Header["Accept-Profile"]
	}
	for _, name := range headers {
		if name != "public" && name != "" {
			return fault.New("PGRST106", "Invalid schema: "+printable(name)).WithHint("Only the following schemas are exposed: public")
		}
	}
	return nil
}

// window is the part of an answer that a Range header asks for: rows from..to,
// both inclusive; to is -1 for an open end.
type window struct{ from, to int }

// parseRange reads a Range header in items, as "0-9" or "items=0-9". Other units
// (a browser's bytes) and what does not parse are ignored, as RFC 9110 says.
func parseRange(header string) (window, bool) {
	header = strings.TrimPrefix(header, "items=")
	first, last, found := strings.Cut(header, "-")
	if !found {
		return window{}, false
	}
	from, ok := parseCount(first)
	if !ok {
		return window{}, false
	}
	if last == "" {
		return window{from, -1}, true
	}
	to, ok := parseCount(last)
	return window{from, to}, ok
}

// parseCount reads a plain number of at most nine digits.
func parseCount(s string) (int, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

var errRange = fault.New("PGRST103", "Requested range not satisfiable").
	WithDetails("The lower boundary must be lower than or equal to the upper boundary in the Range header.")

// matchesETag judges an If-None-Match header against a strong tag, weakly.
func matchesETag(headers []string, tag string) bool {
	for _, header := range headers {
		for header != "" {
			var item string
			item, header, _ = strings.Cut(header, ",")
			item = strings.TrimSpace(item)
			if item == "*" || strings.TrimPrefix(item, "W/") == tag {
				return true
			}
		}
	}
	return false
}
