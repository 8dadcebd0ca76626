package proxy

import (
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
)

// answer is what ReverseProxy writes to. The headers of the answer itself are put
// where they belong before (forward.answered): what is set here are those of
// informational answers, and trailers.
type answer struct {
	to     http.ResponseWriter
	header http.Header
	began  atomic.Bool // a part of it was handed on
}

func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader sends a status. An informational one has headers of its own, and ours
// wait for the answer.
func (a *answer) WriteHeader(status int) {
	if status == http.StatusContinue {
		return // net/http says it when somebody begins to read the body
	}
	a.began.Store(true)
	header := a.to.Header()
	if status >= 200 {
		if announced := a.header["Trailer"]; announced != nil {
			header["Trailer"] = allowedNames(announced)
		}
		clear(a.header)
		a.to.WriteHeader(status)
		return
	}
	ours := maps.Clone(header)
	clear(header)
	for name, values := range a.header {
		if !own(name) && !isHop(name) {
			header[name] = values
		}
	}
	a.to.WriteHeader(status)
	clear(header)
	maps.Copy(header, ours)
}

// allowedNames leaves of the announced trailers those that may come.
func allowedNames(announced []string) []string {
	var names []string
	for _, list := range announced {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); !own(http.CanonicalHeaderKey(name)) && !isHop(http.CanonicalHeaderKey(name)) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (a *answer) Write(p []byte) (int, error) { return a.to.Write(p) }

// FlushError sends what was written.
func (a *answer) FlushError() error { return http.NewResponseController(a.to).Flush() }

// trailers hands on what the answer ended with.
func (a *answer) trailers() {
	header := a.to.Header()
	for name, values := range a.header {
		plain := strings.TrimPrefix(name, http.TrailerPrefix)
		if !own(plain) && !isHop(plain) {
			header[name] = values
		}
	}
}
