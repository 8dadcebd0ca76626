package check

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// methods are those that a route may name; TRACE and CONNECT are never
// answered.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// builtIn are the paths that answer already. What is not under them, or less
// exact than they are ("/*", "/{page}"), does not collide.
var builtIn = []string{"/api", "/rest/v1", "/auth/v1", "/realtime/v1", "/storage/v1", "/functions/v1", "/graphql/v1", "/health", "/ready"}

const (
	longestPath    = 1024
	mostParams     = 16
	longestRoute   = time.Hour
	patternExample = `write "GET /path", "/path/{id}" or "www.example.com/*"`
)

// routes checks patterns, that no two of them answer the same request, and
// what they do. What passes here the router accepts.
func (c *checker) routes() {
	taken := map[string][]*manifest.Route{}
	for i := range c.m.Routes {
		r := &c.m.Routes[i]
		if !c.pathPattern(r) || !c.methodAndHost(r) {
			continue
		}
		c.reserved(r)
		c.collision(r, taken)
		c.handler(r)
		if r.Rate != "" && r.Rate != "default" && !slices.ContainsFunc(c.m.Rates, func(rate manifest.Rate) bool { return rate.Name == r.Rate }) {
			c.report(r.Path+".rate", fault.Newf(codeRate, "there is no rate %q", r.Rate).WithHint(fault.NearestHint(r.Rate, c.rateNames(), "declare it in rates")))
		}
		if r.Body != 0 {
			most := gib
			if r.Proxy != nil { // nobody here holds it
				most = largestPassed
			}
			c.size(r.Path+".limits.body", r.Body, 1, most)
		}
		if r.Timeout != 0 {
			c.duration(r.Path+".limits.timeout", r.Timeout, 10*time.Millisecond, longestRoute)
		}
	}
}

func (c *checker) rateNames() []string {
	names := append(make([]string, 0, len(c.m.Rates)+1), "default")
	for _, r := range c.m.Rates {
		names = append(names, r.Name)
	}
	return names
}

// pathPattern checks the path of a route, segment by segment.
func (c *checker) pathPattern(r *manifest.Route) bool {
	bad := func(hint, format string, args ...any) bool {
		c.report(r.Path, fault.Newf(codeRoute, format, args...).WithHint(hint))
		return false
	}
	path := r.URLPath
	switch {
	case !strings.HasPrefix(path, "/"):
		return bad(patternExample, "the path of route %q does not begin with /", r.Pattern)
	case len(path) > longestPath:
		return bad("shorten it", "the path of a route has at most %d bytes", longestPath)
	case path == "/":
		return true
	}
	params := map[string]bool{}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "" && last: // a slash at the end
		case segment == "":
			return bad("paths are cleaned before they are matched: write one /", "the path of route %q has an empty part", r.Pattern)
		case segment == "." || segment == "..":
			return bad("paths are cleaned before they are matched: write it out", "the path of route %q has %q as a part", r.Pattern, segment)
		case segment == "*" && !last:
			return bad("put * at the end, or use {name} for one part", "* stands at the end of a path only: %q", r.Pattern)
		case segment == "*":
		case strings.Contains(segment, "*"):
			return bad("end the path in /*", "* is a whole part of a path: %q", r.Pattern)
		case strings.ContainsAny(segment, "{}"):
			if hint := paramProblem(segment, params); hint != "" {
				return bad(hint, "%q is no parameter of a path", segment)
			}
		default:
			if i := strings.IndexFunc(segment, notInPath); i >= 0 {
				return bad("write the path as it is after decoding, without ? and #", "the path of route %q has %q in it", r.Pattern, firstRune(segment[i:]))
			}
		}
	}
	if len(params) > mostParams {
		return bad("use fewer", "the path of a route has at most %d parameters", mostParams)
	}
	return true
}

// notInPath tells which runes a literal part of a path cannot have.
func notInPath(r rune) bool {
	return r <= ' ' || r == 0x7f || r == 0xfffd || strings.ContainsRune(`%?#\;"<>^|`+"`", r)
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// paramProblem is a hint for what is wrong with {name}; "" for nothing.
func paramProblem(segment string, seen map[string]bool) string {
	name, ok := strings.CutPrefix(segment, "{")
	if ok {
		name, ok = strings.CutSuffix(name, "}")
	}
	switch {
	case !ok:
		return "a parameter is a whole part of the path: /price/{id}"
	case strings.Contains(name, ":"):
		return "parameters have no patterns: write {" + strings.SplitN(name, ":", 2)[0] + "}"
	case !namePattern.MatchString(name):
		return nameHint
	case seen[name]:
		return "each parameter needs a name of its own"
	}
	seen[name] = true
	return ""
}

func (c *checker) methodAndHost(r *manifest.Route) bool {
	if r.Method != "" && !slices.Contains(methods, r.Method) {
		hint := fault.NearestHint(r.Method, methods, "methods are "+strings.Join(methods, ", ")+"; without one the route answers all of them")
		c.report(r.Path, fault.Newf(codeRoute, "%q is no method that a route can have", r.Method).WithHint(hint))
		return false
	}
	if host := strings.TrimPrefix(r.Host, "*."); r.Host != "" && (!isHost(host) || host != strings.ToLower(host) || host != r.Host && isAddress(host)) {
		hint := "write it without port and in lower case: www.example.com"
		if strings.Contains(r.Host, "*") {
			hint = "* is the whole first label of a name, and stands for one: *.example.com"
		}
		c.report(r.Path, fault.Newf(codeRoute, "%q is no host that a route can have", r.Host).WithHint(hint))
		return false
	}
	return true
}

// reserved refuses paths that the backend answers itself.
func (c *checker) reserved(r *manifest.Route) {
	if r.Host != "" && !c.m.Server.BuiltInOn(r.Host) {
		return
	}
	for _, prefix := range builtIn {
		if r.URLPath == prefix || strings.HasPrefix(r.URLPath, prefix+"/") {
			c.report(r.Path, fault.Newf(codeCollision, "%s is answered by the backend itself", r.URLPath).
				WithHint("take a path that is not under "+prefix+", or a host that is not one of server.hosts"))
			return
		}
	}
}

// collision refuses a route that answers what another one answers, and one that
// is never reached because another stands before it in all that it answers.
func (c *checker) collision(r *manifest.Route, taken map[string][]*manifest.Route) {
	shape := r.Host + pathShape(r.URLPath)
	for _, other := range taken[shape] {
		general, exact := r, other
		if r.Method != "" {
			general, exact = other, r
		}
		var problem *fault.Fault
		hint := "remove one of them, or give each a method of its own"
		switch {
		case r.Method == other.Method:
			problem = fault.Newf(codeCollision, "routes %q and %q answer the same requests", other.Pattern, r.Pattern)
		case general.Method == "" && exact.Method == http.MethodGet && readsAlone(general):
			problem = fault.Newf(codeCollision, "route %q is never reached: %q stands before it", general.Pattern, exact.Pattern)
			hint = "remove it: it answers GET and HEAD alone, and the route that names GET wins"
		default:
			continue
		}
		if other.URLPath != r.URLPath {
			hint = "the names of parameters do not tell paths apart: remove one of them"
		}
		c.report(r.Path, c.also(problem, other.Path).WithHint(hint))
		break
	}
	taken[shape] = append(taken[shape], r)
}

// readsAlone reports whether a route that names no method answers GET and HEAD
// alone.
func readsAlone(r *manifest.Route) bool { return r.Static != nil || r.Query != nil }

// pathShape is a path with its parameters' names left out.
func pathShape(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}
