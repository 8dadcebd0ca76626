package check

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// ownHeaders are set by the server for each answer.
var ownHeaders = []string{"connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}

var redirectStatuses = []int{301, 302, 303, 307, 308}

// handler checks what a route does.
func (c *checker) handler(r *manifest.Route) {
	handlers := 0
	if r.Static != nil {
		handlers++
		c.static(r)
	}
	if r.Respond != nil {
		handlers++
		c.respond(r)
	}
	if r.Redirect != nil {
		handlers++
		c.redirect(r)
	}
	if r.Query != nil {
		handlers++
		c.callQuery(r)
	}
	if r.Function != nil { // functions looks at it
		handlers++
	}
	if r.Proxy != nil {
		handlers++
		c.proxy(r)
	}
	if handlers != 1 {
		c.report(r.Path, fault.Newf(codeRoute, "route %q does %d things; it must do one", r.Pattern, handlers).WithHint("give it one of static, respond, redirect, query, function, proxy"))
	}
}

// static checks a folder that is served: it is there, and holds nothing that
// must not be served.
func (c *checker) static(r *manifest.Route) {
	path := r.Path + ".static.dir"
	bad := func(hint, format string, args ...any) {
		c.report(path, fault.Newf(codeStatic, format, args...).WithHint(hint))
	}
	if r.Method != "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		c.report(r.Path, fault.Newf(codeStatic, "static files answer GET and HEAD, not %s", r.Method).WithHint("leave the method out"))
	}
	shown := c.relative(r.Static.Dir)
	info, err := os.Stat(r.Static.Dir)
	switch {
	case os.IsNotExist(err):
		bad("make it, or correct the path; it starts at the manifest's folder", "there is no folder %q", shown)
		return
	case err != nil:
		bad("check who may read it", "the folder %q cannot be read", shown)
		return
	case !info.IsDir():
		bad("name the folder that it is in", "%q is a file, not a folder", shown)
		return
	}
	c.notFoundPage(r)
	dir := realPath(r.Static.Dir)
	data := realPath(c.m.DataDir())
	switch {
	case contains(dir, data):
		bad("serve a folder of its own: public", "the folder %q holds the data folder, with the database and its keys", shown)
	case contains(data, dir) && data != realPath(c.m.Dir):
		bad("serve a folder of its own: public", "the folder %q is in the data folder", shown)
	case c.m.Auth.Secret != nil && c.m.Auth.Secret.File != "" && contains(dir, realPath(c.m.Auth.Secret.File)):
		bad("serve a folder of its own, or keep the secret elsewhere", "the folder %q holds the file of auth.secret", shown)
	case c.secretIn(dir) != "":
		bad("serve a folder of its own, or keep the secret elsewhere", "the folder %q holds the file of a secret of function %s", shown, c.secretIn(dir))
	case c.proxyKeyIn(dir):
		bad("serve a folder of its own, or keep the key elsewhere", "the folder %q holds the key of a certificate that a proxy shows", shown)
	case c.tlsSecretIn(dir):
		bad("serve a folder of its own, or keep the key elsewhere", "the folder %q holds a key that server.tls needs", shown)
	case c.basicSecretIn(dir) != "":
		bad("serve a folder of its own, or keep the hash elsewhere", "the folder %q holds the hash of a password of middleware %s", shown, c.basicSecretIn(dir))
	case slices.ContainsFunc(c.m.Files, func(file string) bool { return contains(dir, realPath(file)) }):
		bad("serve a folder of its own: public", "the folder %q holds the manifest itself", shown)
	}
}

// notFoundPage checks the file that answers where there is none.
func (c *checker) notFoundPage(r *manifest.Route) {
	if r.Static.NotFound == "" {
		return
	}
	path := r.Path + ".static.notFound"
	if r.Static.SPA {
		c.report(path, fault.New(codeStatic, "with spa every path has an answer, index.html; nothing is left for notFound").WithHint("leave one of the two out"))
	}
	page := filepath.Join(r.Static.Dir, filepath.FromSlash(r.Static.NotFound))
	if info, err := os.Lstat(page); err != nil || !info.Mode().IsRegular() {
		c.report(path, fault.Newf(codeStatic, "there is no file %q in the folder %q", r.Static.NotFound, c.relative(r.Static.Dir)).
			WithHint("make it, or correct the path; it starts at the folder that is served"))
	}
}

// secretIn is the function that has the file of a secret in a folder, "" for none.
func (c *checker) secretIn(dir string) string {
	for i := range c.m.Functions {
		for _, s := range c.m.Functions[i].Secrets {
			if s.Secret != nil && s.Secret.File != "" && contains(dir, realPath(s.Secret.File)) {
				return c.m.Functions[i].Name
			}
		}
	}
	return ""
}

// basicSecretIn is the middleware that has the file of a password's hash in a
// folder, "" for none.
func (c *checker) basicSecretIn(dir string) string {
	for i := range c.m.Middleware {
		basic := c.m.Middleware[i].Basic
		if basic == nil {
			continue
		}
		for _, user := range basic.Users {
			if user.Secret != nil && user.Secret.File != "" && contains(dir, realPath(user.Secret.File)) {
				return c.m.Middleware[i].Name
			}
		}
	}
	return ""
}

// relative shows a path as the manifest would write it.
func (c *checker) relative(path string) string {
	if rel, err := filepath.Rel(c.m.Dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return filepath.ToSlash(rel)
	}
	return path
}

// realPath follows links as far as the path exists.
func realPath(path string) string {
	path = filepath.Clean(path)
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(realPath(parent), filepath.Base(path))
}

// contains tells whether inner is dir or in it.
func contains(dir, inner string) bool {
	rel, err := filepath.Rel(dir, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (c *checker) respond(r *manifest.Route) {
	path := r.Path + ".respond"
	if r.Respond.Status < 200 || r.Respond.Status > 599 {
		c.report(path+".status", fault.Newf(codeRange, "status is %d; it can be 200 to 599", r.Respond.Status).WithHint("200 is: all is well"))
	}
	if r.Respond.Body != "" && (r.Respond.Status == 204 || r.Respond.Status == 205 || r.Respond.Status == 304) {
		c.report(path+".body", fault.Newf(codeRoute, "an answer with status %d has no body", r.Respond.Status).WithHint("leave body out, or answer with 200"))
	}
	names := make([]string, 0, len(r.Respond.Headers))
	for name := range r.Respond.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	seen := map[string]bool{}
	for _, name := range names {
		lower := strings.ToLower(name)
		at := member(path+".headers", name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			c.report(at, fault.Newf(codeRoute, "%q is no name of a header", name).WithHint(`write it as in "Content-Type"`))
		case slices.Contains(ownHeaders, lower):
			c.report(at, fault.Newf(codeRoute, "the header %s is set by the server itself", name).WithHint("leave it out"))
		case seen[lower]:
			c.report(at, fault.Newf(codeDuplicate, "the header %s is there twice, letter case aside", name).WithHint("write it once"))
		case !httpguts.ValidHeaderFieldValue(r.Respond.Headers[name]):
			c.report(at, fault.Newf(codeRoute, "the value of header %s has a line break or another control character in it", name).WithHint("a header is one line"))
		}
		seen[lower] = true
	}
}

func (c *checker) redirect(r *manifest.Route) {
	path := r.Path + ".redirect"
	if !slices.Contains(redirectStatuses, r.Redirect.Status) {
		c.report(path+".status", fault.Newf(codeRange, "%d is no status of a redirect", r.Redirect.Status).WithHint("308 for ever, 307 for now; 301, 302 and 303 let the method change"))
	}
	to := r.Redirect.To
	bad := func(hint, format string, args ...any) {
		c.report(path+".to", fault.Newf(codeRoute, format, args...).WithHint(hint))
	}
	u, err := url.Parse(to)
	const hint = "write /path or https://host/path"
	switch {
	case to == "" || err != nil || !httpguts.ValidHeaderFieldValue(to) || strings.ContainsAny(to, " \\"):
		bad(hint, "%q is nowhere to redirect to", to)
	case strings.HasPrefix(to, "//"):
		bad("write https://"+to[2:], "%q is another host's address without its scheme", to)
	case u.Scheme == "" && !strings.HasPrefix(to, "/"):
		bad(hint, "%q is nowhere to redirect to", to)
	case u.Scheme != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == ""):
		bad(hint, "%q is no web address", to)
	case u.Scheme == "" && strings.ReplaceAll(u.Path, "{*}", "*") == r.URLPath:
		bad("redirect to another path", "%s redirects to itself, for ever", r.URLPath)
	default:
		if missing, hint := redirectParameter(r, to); missing != "" {
			bad(hint, "the path of route %q has no %s", r.Pattern, missing)
		}
	}
}

// redirectParameter is what of a redirect's target, {name} or {*}, the route's path
// does not have, and a hint; "" for nothing.
func redirectParameter(r *manifest.Route, to string) (missing, hint string) {
	for {
		before, rest, found := strings.Cut(to, "{")
		if strings.Contains(before, "}") || (found && !strings.Contains(rest, "}")) {
			return "such parameter", "a parameter is {name}, what * stands for {*}"
		}
		if !found {
			return "", ""
		}
		name, after, _ := strings.Cut(rest, "}")
		to = after
		switch {
		case name == "*" && strings.HasSuffix(r.URLPath, "/*"), strings.Contains(r.URLPath, "{"+name+"}"):
		case strings.HasSuffix(r.URLPath, "/*"):
			return "{" + name + "}", "what * stands for is {*}"
		default:
			return "{" + name + "}", "end the path in /*, or name a part of it: /old/{id}"
		}
	}
}
