package proxy

import (
	"net/http"
	"net/url"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Frames is how far a stream of a WebSocket is read, in pieces, when it is stopped at
// the first end of a frame after stop bytes; -1 for nowhere.
func Frames(stream []byte, pieces []int, stop int) int {
	var f frames
	at := 0
	for i := 0; at < len(stream); i++ {
		end := len(stream)
		if len(pieces) > 0 {
			end = min(at+1+pieces[i%len(pieces)], end)
		}
		if at < stop {
			end = min(end, stop)
			at += f.advance(stream[at:end], false)
			continue
		}
		at += f.advance(stream[at:end], true)
		if f.between() {
			return at
		}
	}
	return -1
}

// Asked is the path, as it is written to a server, that a request's becomes.
func Asked(route *manifest.Route, path string, value func(string) string) (string, bool) {
	rule, err := newPathRule(route)
	if err != nil {
		return "", false
	}
	r := &http.Request{URL: &url.URL{Path: path}}
	for _, name := range []string{"id", "*"} {
		r.SetPathValue(name, value(name))
	}
	asked, ok := rule.of(r)
	if !ok {
		return "", false
	}
	var u url.URL
	setPath(&u, asked)
	return u.EscapedPath(), true
}
