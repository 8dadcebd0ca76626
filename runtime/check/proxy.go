package check

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// codeUpstream is the code of what is wrong with a proxy of a route.
const codeUpstream = "bad-upstream"

const (
	mostUpstreams     = 64
	longestSocket     = 107 // bytes of a path, as systems have it
	longestConnect    = 5 * time.Minute
	longestAnswer     = day
	shortestHealth    = 100 * time.Millisecond
	longestHealth     = time.Hour
	longestHealthWait = 5 * time.Minute
)

// proxy checks a route that sends requests on.
func (c *checker) proxy(r *manifest.Route) {
	p := r.Proxy
	schemes := c.upstreams(p)
	c.proxyPath(r)
	c.proxyTimes(p)
	c.proxyTLS(p, schemes)
	if c.written(p.Path+".by") && p.Balance != "hash" && c.m.Positions[p.Path+".by"] != c.m.Positions[p.Path] {
		c.report(p.Path+".by", fault.Newf(codeUpstream, "nothing is hashed with balance %s", p.Balance).WithHint(`write balance: "hash", or leave by out`))
	}
	if others := len(p.To) - 1; p.Retries > others && c.written(p.Path+".retries") && c.m.Positions[p.Path+".retries"] != c.m.Positions[p.Path] {
		c.report(p.Path+".retries", fault.Newf(codeRange, "retries is %d; other servers to try: %d", p.Retries, others).
			WithHint("a request that failed is tried on another server: name more servers, or fewer retries"))
	}
	if p.Host != "" && !isHostPort(p.Host) {
		c.report(p.Path+".host", fault.Newf(codeUpstream, "%q is no host", p.Host).WithHint("write it as in legacy.internal or legacy.internal:8080"))
	}
	c.headerChanges(p.Path+".request", &p.Request)
	c.headerChanges(p.Path+".response", &p.Response)
	c.proxyHeaders(p)
}

// upstreams checks the servers and gives their schemes.
func (c *checker) upstreams(p *manifest.Proxy) map[string]bool {
	schemes := map[string]bool{}
	seen := map[string]int{}
	if len(p.To) > mostUpstreams {
		c.report(p.Path+".to", fault.Newf(codeRange, "a proxy has at most %d servers", mostUpstreams).WithHint("put a balancer of their own before them"))
	}
	for i, to := range p.To {
		at := item(p.Path+".to", i)
		scheme, place, problem := readUpstream(to)
		if problem != nil {
			c.report(at, problem)
			continue
		}
		schemes[scheme] = true
		if first, again := seen[place]; again {
			c.report(at, fault.Newf(codeUpstream, "%s is there twice", to).WithHint("take one out, the other is to["+strconv.Itoa(first)+"]"))
			continue
		}
		seen[place] = i
		if f := c.leadsBack(scheme, place); f != nil {
			c.report(at, f)
		}
	}
	return schemes
}

const upstreamHint = `write "http://HOST:PORT", "https://HOST", "h2c://HOST:PORT" or "unix:/PATH"`

// readUpstream takes a server apart: its scheme, and where it is, in one spelling.
func readUpstream(to string) (scheme, place string, problem *fault.Fault) {
	bad := func(hint, format string, args ...any) (string, string, *fault.Fault) {
		return "", "", fault.Newf(codeUpstream, format, args...).WithHint(hint)
	}
	if path, found := strings.CutPrefix(to, "unix:"); found {
		switch {
		case strings.ContainsAny(path, "\x00\r\n") || strings.HasSuffix(path, "/"):
			return bad("name the socket: unix:/run/app.sock", "%q is no socket", to)
		case filepath.ToSlash(filepath.Clean(path)) != path:
			return bad("write it as unix:"+filepath.ToSlash(filepath.Clean(path)), "%q is not the plain path of a socket", to)
		case len(path) > longestSocket:
			return bad("put it into a folder with a shorter name", "the path of a socket has at most %d bytes", longestSocket)
		}
		return "unix", path, nil
	}
	if strings.ContainsAny(to, "{}*") {
		return bad("write it out: nothing of a request chooses where it goes", "%q is no server", to)
	}
	u, err := url.Parse(to)
	if err != nil || u.Hostname() == "" {
		return bad(upstreamHint, "%q is no server", to)
	}
	switch {
	case u.User != nil:
		return bad("a password in a manifest is everybody's: let the server know this backend by its address, or by a certificate", "a server is named without user and password")
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return bad(`say where paths lead with strip or path, as in path: "/base/{*}"`, "%q has more than a host and a port", to)
	case !isHost(u.Hostname()):
		return bad(upstreamHint, "%q is no host", u.Hostname())
	}
	number := u.Port()
	if number == "" {
		number = "80"
		if u.Scheme == "https" {
			number = "443"
		}
	}
	if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 || strings.HasSuffix(u.Host, ":") {
		return bad("a port is 1 to 65535", "%q has no port that there is", to)
	}
	return u.Scheme, net.JoinHostPort(strings.ToLower(u.Hostname()), number), nil
}

// leadsBack refuses servers that are this backend: requests would go round for ever,
// or reach what is the operator's alone.
func (c *checker) leadsBack(scheme, place string) *fault.Fault {
	if scheme == "unix" {
		if contains(realPath(c.m.DataDir()), realPath(place)) || strings.HasPrefix(filepath.Base(filepath.Dir(place)), "edge-hive-") {
			return fault.New(codeUpstream, "the socket is in this backend's own data folder, where the operator's is").WithHint("name the socket of another server")
		}
		return nil
	}
	for _, listen := range []string{c.m.Server.HTTP, c.m.Server.HTTPS} {
		if c.isOwn(place, listen) {
			return fault.Newf(codeUpstream, "%s is this backend itself: requests would go round for ever", place).WithHint("name another server, or another port")
		}
	}
	if c.isOwn(place, c.m.Observe.MetricsListen) {
		return fault.Newf(codeUpstream, "%s is where this backend's metrics are, which are not for everybody", place).WithHint("let who gathers them ask there")
	}
	return nil
}

// isOwn tells whether a server is what listens at an address.
func (c *checker) isOwn(place, listen string) bool {
	if port(listen) == "" || port(listen) != port(place) {
		return false
	}
	host, _, err := net.SplitHostPort(place)
	if err != nil {
		return false
	}
	listened, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	every := listened == "" || isUnspecified(listened)
	if isUnspecified(host) || isLoopbackHost(host) {
		return every || isLoopbackHost(listened)
	}
	if strings.EqualFold(host, listened) {
		return true
	}
	if t := c.m.Server.TLS; every && t != nil && slices.Contains(t.Domains, host) {
		return true
	}
	u, err := url.Parse(c.m.Server.URL)
	return err == nil && every && c.written("server.url") && strings.EqualFold(u.Hostname(), host)
}

func isUnspecified(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsUnspecified()
}

func isLoopbackHost(host string) bool { return isLoopback(net.JoinHostPort(host, "1")) }

// isHostPort tells whether a text is a host, with a port or without.
func isHostPort(text string) bool {
	host := text
	if name, number, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
			return false
		}
		host = name
	}
	return isHost(strings.Trim(host, "[]")) && httpguts.ValidHostHeader(text)
}

// proxyPath checks what becomes of paths.
func (c *checker) proxyPath(r *manifest.Route) {
	p := r.Proxy
	if p.Strip != "" {
		at := p.Path + ".strip"
		strip := strings.TrimRight(p.Strip, "/")
		switch {
		case p.Rewrite != "":
			c.report(at, c.also(fault.New(codeUpstream, "path says the whole path: nothing is left to strip"), p.Path+".path").WithHint("leave one of the two out"))
		case strip == "":
			c.report(at, fault.New(codeUpstream, "every path begins with /: nothing is cut").WithHint("leave it out"))
		case strip != r.URLPath && !strings.HasPrefix(r.URLPath, strip+"/"):
			c.report(at, fault.Newf(codeUpstream, "no path of route %q begins with %s", r.Pattern, strip).WithHint("cut what the route's path begins with, up to a whole part"))
		case strings.ContainsAny(strip, "{}*"):
			c.report(at, fault.Newf(codeUpstream, "%s is not cut as it is written: it has a parameter", strip).WithHint(`say the whole path with path, as in path: "/{*}"`))
		}
	}
	if p.Rewrite != "" {
		c.proxyRewrite(r)
	}
}

// proxyRewrite checks a path with {parameters}.
func (c *checker) proxyRewrite(r *manifest.Route) {
	at := r.Proxy.Path + ".path"
	bad := func(hint, format string, args ...any) {
		c.report(at, fault.Newf(codeUpstream, format, args...).WithHint(hint))
	}
	params := paramsOf(r.URLPath)
	plain := ""
	for rest := r.Proxy.Rewrite; rest != ""; {
		text, tail, found := strings.Cut(rest, "{")
		plain += text
		if strings.Contains(text, "}") {
			bad("a parameter is written {id}", "the path %q has a } without its {", r.Proxy.Rewrite)
			return
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(tail, "}")
		if !closed {
			bad("a parameter is written {id}", "the path %q has a { without its }", r.Proxy.Rewrite)
			return
		}
		if !slices.Contains(params, name) {
			fallback := fmt.Sprintf("the route's path, %s, has none", r.URLPath)
			if len(params) > 0 {
				fallback = "the route has {" + strings.Join(params, "}, {") + "}"
			}
			bad(fault.NearestHint(name, params, fallback), "the route's path has no parameter {%s}", name)
		}
		plain, rest = plain+"x", after
	}
	if strings.Contains(plain, "*") {
		bad("the rest of the path is {*}", "* is nothing that is filled in")
		return
	}
	for segment := range strings.SplitSeq(strings.Trim(plain, "/"), "/") {
		switch i := strings.IndexFunc(segment, notInPath); {
		case segment == "" && plain != "/" || segment == "." || segment == "..":
			bad("write it out", "the path %q has %q as a part", r.Proxy.Rewrite, segment)
			return
		case i >= 0:
			bad("write the path as it is after decoding, without ? and #; the request's query is sent on", "the path %q has %q in it", r.Proxy.Rewrite, firstRune(segment[i:]))
			return
		}
	}
}

// paramsOf are the names of a path's parameters; * is the rest.
func paramsOf(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
		if segment == "*" {
			names = append(names, "*")
		}
	}
	return names
}

func (c *checker) proxyTimes(p *manifest.Proxy) {
	c.duration(p.Path+".connect", p.Connect, 10*time.Millisecond, longestConnect)
	c.duration(p.Path+".answer", p.Answer, 10*time.Millisecond, longestAnswer)
	if p.FailCount > 0 {
		c.duration(p.Path+".failures.within", p.FailWithin, 100*time.Millisecond, time.Hour)
		c.duration(p.Path+".failures.pause", p.FailPause, 100*time.Millisecond, time.Hour)
	}
	if p.Health == nil {
		return
	}
	at := p.Path + ".health"
	c.duration(at+".interval", p.Health.Interval, shortestHealth, longestHealth)
	c.duration(at+".timeout", p.Health.Timeout, 10*time.Millisecond, longestHealthWait)
	place := at
	if c.written(at + ".path") {
		place = at + ".path"
	}
	u, err := url.ParseRequestURI(p.Health.URLPath)
	if err != nil || u.Host != "" || strings.ContainsAny(p.Health.URLPath, "#{} ") {
		c.report(place, fault.Newf(codeUpstream, "%q is no path that a server can be asked for", p.Health.URLPath).WithHint(`write it as in "/health"`))
	}
}

// proxyTLS checks what only servers of https have a use for.
func (c *checker) proxyTLS(p *manifest.Proxy, schemes map[string]bool) {
	for _, field := range []struct {
		name string
		said bool
	}{{"roots", p.Roots != ""}, {"certificate", p.Certificate != nil}} {
		if field.said && !schemes["https"] && len(schemes) > 0 {
			c.report(p.Path+"."+field.name, fault.Newf(codeUpstream, "%s is for servers of https, and none is", field.name).WithHint("write https://HOST, or leave it out"))
		}
	}
	files := manifest.TLS{Path: p.Path, Roots: p.Roots}
	if p.Roots != "" {
		c.roots(&files)
	}
	if p.Certificate != nil {
		files.Certificates = []manifest.CertificateFiles{*p.Certificate}
		c.certificates(&files)
	}
}

// proxyHeaders refuses what the fields of a proxy say, and what is said of every
// answer.
func (c *checker) proxyHeaders(p *manifest.Proxy) {
	for _, settings := range [][]manifest.Setting{p.Request.Set, p.Request.Add} {
		for _, s := range settings {
			if strings.EqualFold(s.Name, "host") {
				c.report(s.Path, fault.New(codeHeader, "Host is not set as a header").WithHint(`write it as the field host: "legacy.internal"`))
			}
		}
	}
	for _, settings := range [][]manifest.Setting{p.Response.Set, p.Response.Add} {
		for _, s := range settings {
			lower := strings.ToLower(s.Name)
			switch {
			case strings.HasPrefix(lower, "access-control-"):
				c.report(s.Path, fault.Newf(codeHeader, "%s is said of all answers alike", s.Name).WithHint("name the origins that may read them in cors.origins"))
			case lower == "x-request-id":
				c.report(s.Path, fault.Newf(codeHeader, "the header %s is set by the server itself", s.Name).WithHint("leave it out"))
			}
		}
	}
}

// proxyKeyIn tells whether a folder holds the key of a certificate that servers are
// shown.
func (c *checker) proxyKeyIn(dir string) bool {
	return slices.ContainsFunc(c.m.Routes, func(r manifest.Route) bool {
		return r.Proxy != nil && r.Proxy.Certificate != nil && contains(dir, realPath(r.Proxy.Certificate.Key))
	})
}
