package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// pathRule is what becomes of a request's path.
type pathRule struct {
	strip string     // without final slash, "" for nothing
	parts []pathPart // nil: the request's own path
}

// pathPart is fixed text, then a path parameter ("" for none).
type pathPart struct{ text, param string }

func newPathRule(route *manifest.Route) (pathRule, error) {
	declared := route.Proxy
	rule := pathRule{strip: strings.TrimRight(declared.Strip, "/")}
	for rest := declared.Rewrite; rest != ""; {
		text, tail, found := strings.Cut(rest, "{")
		part := pathPart{text: text}
		if found {
			name, after, closed := strings.Cut(tail, "}")
			if !closed || !hasParameter(route.URLPath, name) {
				return rule, fault.Newf("bad-proxy", "the route's path has no parameter %q", name)
			}
			part.param, tail = name, after
		}
		rule.parts = append(rule.parts, part)
		rest = tail
	}
	return rule, nil
}

// hasParameter reports whether a route's path has a parameter; * is the rest.
func hasParameter(path, name string) bool {
	if name == "*" {
		return strings.HasSuffix(path, "/*")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "{"+name+"}" {
			return true
		}
	}
	return false
}

// of is the path that a server is asked for, decoded. false: a reader of it could
// take it for another.
func (rule *pathRule) of(r *http.Request) (string, bool) {
	path := r.URL.Path
	if rule.strip != "" {
		if rest, found := strings.CutPrefix(path, rule.strip); found && (rest == "" || rest[0] == '/') {
			path = rest
			if path == "" {
				path = "/"
			}
		}
	}
	if rule.parts == nil {
		return path, true
	}
	return rule.rewrite(r.PathValue)
}

// rewrite fills the parameters in. What they leave empty is no segment.
func (rule *pathRule) rewrite(value func(string) string) (string, bool) {
	var b strings.Builder
	for _, part := range rule.parts {
		b.WriteString(part.text)
		if part.param != "" {
			b.WriteString(value(part.param))
		}
	}
	path := b.String()
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return "", false
		}
	}
	return path, strings.HasPrefix(path, "/")
}

// setPath puts a decoded path into a URL. Escaped is, beyond what net/url does, what
// servers take for more than a part of a name: "/..;/" is a way up for some.
func setPath(u *url.URL, path string) {
	u.Path, u.RawPath = path, ""
	if !strings.ContainsAny(path, ";,") {
		return
	}
	var b strings.Builder
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(segment))
	}
	u.RawPath = b.String()
}
