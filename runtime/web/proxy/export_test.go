package proxy

import (
	"net/http"
	"net/url"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

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
