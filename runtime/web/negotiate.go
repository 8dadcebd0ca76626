package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// accepted is what a request's Accept headers ask for.
type accepted struct {
	form   data.Form
	object bool // one object, not an array
}

// accept reads the Accept headers. The first acceptable type wins; q-values are
// ignored, as PostgREST's users expect.
func accept(headers []string) (accepted, *fault.Fault) {
	if len(headers) == 0 || (len(headers) == 1 && (headers[0] == "*/*" || headers[0] == "application/json" || headers[0] == "")) {
		return accepted{}, nil
	}
	for _, header := range headers {
		for header != "" {
			var item string
			item, header, _ = strings.Cut(header, ",")
			media, parameters, _ := strings.Cut(item, ";")
			form := data.JSON
			if stripsNulls(parameters) {
				form = data.Stripped
			}
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "*/*", "application/*", "application/json", "":
				return accepted{}, nil
			case "text/csv":
				return accepted{form: data.CSV}, nil
			case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
				return accepted{form: form}, nil
			case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
				return accepted{form: form, object: true}, nil
			}
		}
	}
	return accepted{}, notAcceptable(headers).WithHint("application/json, application/vnd.pgrst.object+json and text/csv are")
}

// wantsObject is accept where rows are written as JSON alone: an array of
// objects, or one object.
func wantsObject(headers []string) (bool, *fault.Fault) {
	a, f := accept(headers)
	if f == nil && a.form != data.JSON {
		f = notAcceptable(headers).WithHint("application/json and application/vnd.pgrst.object+json are")
	}
	return a.object, f
}

func notAcceptable(headers []string) *fault.Fault {
	return fault.New(codeMediaTypes, "None of these media types are available: "+printable(strings.Join(headers, ", ")))
}

// stripsNulls finds the nulls=stripped of a media type.
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
			return fault.New(codeProfile, "Invalid schema: "+printable(name)).WithHint("Only the following schemas are exposed: public")
		}
	}
	return nil
}

// window is the part of an answer that a Range header asks for: rows from..to,
// both inclusive; to is -1 for an open end.
type window struct{ from, to int }

// rangeOf reads the one Range header of a read; false where the request has none
// that counts.
func rangeOf(r *http.Request) (window, bool, *fault.Fault) {
	ranges := r.Header["Range"]
	if len(ranges) != 1 {
		return window{}, false, nil
	}
	part, ok := parseRange(ranges[0])
	if ok && part.to >= 0 && part.to < part.from {
		return window{}, false, errRange
	}
	return part, ok, nil
}

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

var errRange = fault.New(codeRange, "Requested range not satisfiable").
	WithDetails("The lower boundary must be lower than or equal to the upper boundary in the Range header.")

// unchanged sends the tag of an answer, and answers 304 where the client has just
// that. It reports whether the request is answered. size is that of the body.
func (x *exchange) unchanged(r *http.Request, tag string, size int) bool {
	x.set("Etag", tag)
	tags := r.Header["If-None-Match"]
	if len(tags) == 0 || !matchesETag(tags, tag) {
		return false
	}
	x.wouldBe = size
	x.WriteHeader(http.StatusNotModified)
	return true
}

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
