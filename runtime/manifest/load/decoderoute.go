package load

import (
	"regexp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func (d *decoder) route(n *node) manifest.Route {
	r := manifest.Route{
		Pattern: n.name,
		Use:     n.strs("use"),
		Cache:   n.str("cache"),
		Rate:    n.str("rate"),
		Body:    n.field("limits").size("body"),
		Timeout: n.field("limits").duration("timeout"),
		Path:    n.path(),
	}
	if f := splitPattern(&r); f != nil {
		d.faults = append(d.faults, f.At(r.Path, n.label))
	}
	if s := n.field("static"); s != nil {
		r.Static = &manifest.Static{Dir: d.path(s.str("dir")), SPA: s.flag("spa"), CleanURLs: s.flag("cleanURLs"), NotFound: s.str("notFound")}
	}
	if s := n.field("respond"); s != nil {
		r.Respond = &manifest.Respond{Status: s.num("status"), Body: s.str("body")}
		for _, h := range s.field("headers").list() {
			if r.Respond.Headers == nil {
				r.Respond.Headers = map[string]string{}
			}
			r.Respond.Headers[h.name] = h.text
		}
	}
	if s := n.field("redirect"); s != nil {
		r.Redirect = &manifest.Redirect{To: s.str("to"), Status: s.num("status")}
	}
	if s := n.field("query"); s != nil {
		r.Query = callQuery(s)
	}
	if s := n.field("function"); s != nil {
		r.Function = &manifest.CallFunction{Name: s.str("name")}
	}
	r.Proxy = d.proxy(n.field("proxy"))
	return r
}

// colonParameter is how other routers write {parameter}.
var colonParameter = regexp.MustCompile(`/:([A-Za-z_]\w*)`)

// splitPattern takes "METHOD HOST/PATH" apart.
func splitPattern(r *manifest.Route) *fault.Fault {
	bad := fault.Newf(codeBadRoute, "%q is not a route", cutText(r.Pattern))
	rest := r.Pattern
	if method, after, spaced := strings.Cut(rest, " "); spaced && !strings.Contains(method, "/") {
		if !slices.Contains(methods, method) {
			if upper := strings.ToUpper(method); slices.Contains(methods, upper) {
				return bad.WithHint(`did you mean "` + upper + " " + cutText(after) + `"?`)
			}
			return bad.WithHint("it begins with a method, " + join(methods, " or ") + ", or with the host or path")
		}
		r.Method, rest = method, after
	}
	slash := strings.IndexByte(rest, '/')
	switch {
	case strings.Contains(rest, "://"):
		return bad.WithHint("leave the scheme out: HOST/PATH")
	case slash < 0:
		return bad.WithHint(`a path begins with /: "/` + cutText(strings.TrimSpace(rest)) + `"`)
	case strings.ContainsAny(rest, " \t\n?#"):
		return bad.WithHint("a path has no space, ? or #")
	}
	r.Host, r.URLPath = strings.ToLower(rest[:slash]), rest[slash:]
	if r.Method == "" && slices.Contains(methods, strings.ToUpper(r.Host)) {
		return bad.WithHint(`did you mean "` + strings.ToUpper(r.Host) + " " + cutText(r.URLPath) + `"?`)
	}
	if named := colonParameter.FindStringSubmatch(r.URLPath); named != nil {
		return bad.WithHint("a parameter is {" + named[1] + "}, not :" + named[1])
	}
	if strings.ContainsAny(strings.TrimPrefix(r.Host, "*."), ":{}*@") {
		return bad.WithHint("a host is a plain name, without port; its first label may be *")
	}
	return nil
}
