package check

import (
	"crypto/x509"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const (
	codeMiddleware        = "bad-middleware"
	codeUnknownMiddleware = "unknown-middleware"

	warnPlainPasswords = "plain-passwords"
	warnNeverKept      = "never-kept"
	warnUnmet          = "unmet-access"

	longestUserName = 256 // characters
	mostRootsFile   = 1 << 20
)

// everywhere are the kinds of middleware that may stand before every request.
var everywhere = []string{manifest.KindIP, manifest.KindCertificate, manifest.KindHeaders}

// middleware checks what stands before routes, and that names in use are those of
// some.
func (c *checker) middleware() {
	names := uniqueNames{c: c, kind: "middleware"}
	for i := range c.m.Middleware {
		w := &c.m.Middleware[i]
		c.name("middleware", w.Name, w.Path)
		names.add(w.Name, w.Path)
		c.oneMiddleware(w)
	}
	c.using("server", c.m.Server.Use)
	for _, name := range c.m.Server.Use {
		w := c.m.MiddlewareNamed(name)
		if w == nil {
			continue
		}
		for _, kind := range w.Kinds() {
			if !slices.Contains(everywhere, kind) {
				at := item("server.use", slices.Index(c.m.Server.Use, name))
				c.report(at, c.also(fault.Newf(codeMiddleware, "%s is of kind %s, which cannot stand before every request", name, kind), w.Path).
					WithHint("of every request there are ip, certificate and headers; use the others in routes"))
			}
		}
	}
	for i := range c.m.Routes {
		r := &c.m.Routes[i]
		c.using(r.Path, r.Use)
		c.onceEach(r)
	}
}

// oneMiddleware checks what a middleware says.
func (c *checker) oneMiddleware(w *manifest.Middleware) {
	if len(w.Kinds()) == 0 && !c.saysAnything(w) {
		c.report(w.Path, fault.Newf(codeMiddleware, "middleware %s does nothing", w.Name).WithHint("give it one of "+fault.Listed(manifest.Kinds())))
	}
	if w.IP != nil {
		c.ipRule(w)
	}
	if w.Certificate != nil {
		c.clientCertificate(w)
	}
	if w.Rate != "" && w.Rate != "default" && !slices.Contains(c.rateNames(), w.Rate) {
		c.report(w.Path+".rate", fault.Newf(codeRate, "there is no rate %q", w.Rate).WithHint(fault.NearestHint(w.Rate, c.rateNames(), "declare it in rates")))
	}
	if w.Basic != nil {
		c.basic(w)
	}
	if w.Body != 0 {
		c.size(w.Path+".body", w.Body, 1, gib)
	}
	if w.Cache != "" {
		c.policyNamed(w.Path+".cache", w.Cache)
	}
	if w.Compress != nil && !w.Compress.Off {
		c.encodings(w.Path+".compress.encodings", w.Compress.Encodings)
	}
	c.headerChanges(w.Path+".headers", &w.Headers)
}

// saysAnything reports whether the source has a field that was taken away, or one
// that says no.
func (c *checker) saysAnything(w *manifest.Middleware) bool {
	return slices.ContainsFunc(manifest.Kinds(), func(kind string) bool {
		return kind != manifest.KindHeaders && c.written(w.Path+"."+kind)
	})
}

func (c *checker) ipRule(w *manifest.Middleware) {
	at := w.Path + ".ip"
	switch {
	case w.IP.Allow != nil && len(w.IP.Allow) == 0:
		c.report(at+".allow", fault.New(codeMiddleware, "no address may pass").WithHint("name those that may, or leave allow out"))
	case w.IP.Allow == nil && len(w.IP.Deny) == 0:
		c.report(at, fault.New(codeMiddleware, "every address may pass").WithHint(`name those that may, or those that may not: ip: allow: ["10.0.0.0/8"]`))
	}
	for i, network := range w.IP.Deny {
		if slices.Contains(w.IP.Allow, network) {
			c.report(item(at+".deny", i), c.also(fault.Newf(codeMiddleware, "%s is allowed and denied", network), at+".allow").WithHint("what is denied may never pass: take it out of one of them"))
		}
	}
}

func (c *checker) clientCertificate(w *manifest.Middleware) {
	at := w.Path + ".certificate"
	if c.m.Server.TLS == nil {
		c.report(at, fault.New(codeMiddleware, "callers show certificates over HTTPS alone, and there is no server.tls").
			WithHint(`say where the server's own certificates come from: server: tls: {kind: "acme", domains: [...]}`))
	}
	shown := c.relative(w.Certificate.Roots)
	pem, err := os.ReadFile(w.Certificate.Roots)
	switch {
	case os.IsNotExist(err):
		c.report(at+".roots", fault.Newf(codeMiddleware, "there is no file %q", shown).WithHint("make it, or correct the path; it starts at the manifest's folder"))
	case err != nil:
		c.report(at+".roots", fault.Newf(codeMiddleware, "the file %q cannot be read", shown).WithHint("check who may read it"))
	case len(pem) > mostRootsFile || !x509.NewCertPool().AppendCertsFromPEM(pem):
		c.report(at+".roots", fault.Newf(codeMiddleware, "the file %q has no certificates in PEM", shown).WithHint("it begins with -----BEGIN CERTIFICATE-----"))
	}
	for i, name := range w.Certificate.Names {
		if name == "" {
			c.report(item(at+".names", i), fault.New(codeMiddleware, "a name is empty").WithHint("write the certificate's common name, or one of its other names"))
		}
	}
}

func (c *checker) basic(w *manifest.Middleware) {
	at := w.Path + ".basic.users"
	if len(w.Basic.Users) == 0 {
		c.report(at, fault.New(codeMiddleware, "nobody may pass").WithHint(`name somebody: users: ann: env: "ANN_HASH"`))
	}
	for _, user := range w.Basic.Users {
		control := func(r rune) bool { return r < ' ' || r == 0x7f }
		if user.Name == "" || strings.Contains(user.Name, ":") || strings.ContainsFunc(user.Name, control) || utf8.RuneCountInString(user.Name) > longestUserName {
			c.report(user.Path, fault.Newf(codeMiddleware, "%q is no name that a browser could send", user.Name).WithHint("it is not empty, and has no colon"))
		}
	}
}

func (c *checker) policyNamed(at, name string) {
	names := make([]string, 0, len(c.m.Cache.Policies))
	for _, p := range c.m.Cache.Policies {
		names = append(names, p.Name)
	}
	if !slices.Contains(names, name) {
		c.report(at, fault.Newf(codePolicy, "there is no cache policy %q", name).WithHint(fault.NearestHint(name, names, "declare it in cache.policies")))
	}
}

func (c *checker) encodings(at string, encodings []string) {
	for i, encoding := range encodings {
		if slices.Contains(encodings[:i], encoding) {
			c.report(item(at, i), fault.Newf(codeDuplicate, "%s is there twice", encoding).WithHint("name each encoding once, the one that is liked best first"))
		}
	}
}

// using checks the names that something uses.
func (c *checker) using(path string, use []string) {
	names := make([]string, 0, len(c.m.Middleware))
	for i := range c.m.Middleware {
		names = append(names, c.m.Middleware[i].Name)
	}
	for i, name := range use {
		at := item(path+".use", i)
		switch {
		case !slices.Contains(names, name):
			c.report(at, fault.Newf(codeUnknownMiddleware, "there is no middleware %q", name).WithHint(fault.NearestHint(name, names, "declare it in middleware")))
		case slices.Contains(use[:i], name):
			c.report(at, fault.Newf(codeDuplicate, "%s is used twice", name).WithHint("name it once; the order in which they act is always the same"))
		}
	}
}

// onceEach refuses two words of what can be said once: of the middleware that a
// route uses, and of the route itself.
func (c *checker) onceEach(r *manifest.Route) {
	said := map[string]string{} // by kind, where
	for _, own := range []struct{ kind, field string }{{manifest.KindRate, "rate"}, {manifest.KindCache, "cache"}, {manifest.KindBody, "limits.body"}} {
		// What was filled in stands where the route does.
		if at := r.Path + "." + own.field; c.written(at) && c.m.Positions[at] != c.m.Positions[r.Path] {
			said[own.kind] = at
		}
	}
	for i, name := range r.Use {
		w := c.m.MiddlewareNamed(name)
		if w == nil || slices.Contains(r.Use[:i], name) {
			continue
		}
		for _, kind := range w.Kinds() {
			if manifest.Repeats(kind) {
				continue
			}
			at := item(r.Path+".use", i)
			if first, ok := said[kind]; ok {
				c.report(at, c.also(fault.Newf(codeMiddleware, "route %q has its %s twice: %s says it, too", r.Pattern, kind, name), first).
					WithHint("a route has one "+kind+": take one of them out"))
			}
			said[kind] = at
		}
	}
	if at, ok := said[manifest.KindCache]; ok {
		c.kept(r, at)
	}
}

// kept checks a route whose answers are kept.
func (c *checker) kept(r *manifest.Route, at string) {
	if r.Cache != "" {
		c.policyNamed(r.Path+".cache", r.Cache)
	}
	if r.Method != "" && r.Method != http.MethodGet {
		c.report(at, fault.Newf(codeMiddleware, "route %q answers %s, and answers to GET alone are kept", r.Pattern, r.Method).
			WithHint("take the cache out, or answer GET"))
	}
}

// warnMiddleware names what stands nowhere, and what is probably not meant.
func (c *checker) warnMiddleware() {
	for i := range c.m.Middleware {
		w := &c.m.Middleware[i]
		used := slices.Contains(c.m.Server.Use, w.Name) ||
			slices.ContainsFunc(c.m.Routes, func(r manifest.Route) bool { return slices.Contains(r.Use, w.Name) })
		if !used {
			c.report(w.Path, fault.Newf(warnUnused, "nothing uses the middleware %s", w.Name).WithHint("name it in use of a route, or remove it"))
		}
		if w.Basic != nil && used && c.m.Server.TLS == nil && len(c.m.TrustedProxies) == 0 && !isLoopback(c.m.Server.HTTP) {
			c.report(w.Path+".basic", fault.New(warnPlainPasswords, "passwords come here over plain HTTP, where others can read them").
				WithHint("declare server.tls, or name the proxy that speaks HTTPS in trustedProxies"))
		}
	}
	for i := range c.m.Routes {
		c.warnChain(&c.m.Routes[i])
	}
}

// warnChain names what cannot be met together.
func (c *checker) warnChain(r *manifest.Route) {
	kinds := map[string]string{}
	for _, link := range c.m.Chain(r.Use) {
		kinds[link.Kind] = link.Middleware.Name
	}
	if r.Cache != "" {
		kinds[manifest.KindCache] = r.Path
	}
	_, basic := kinds[manifest.KindBasic]
	if _, kept := kinds[manifest.KindCache]; kept && basic {
		c.report(r.Path, fault.Newf(warnNeverKept, "answers of route %q are never kept: all who pass %s send credentials", r.Pattern, kinds[manifest.KindBasic]).
			WithHint("answers are kept for callers without credentials: take the cache out"))
	}
	if name, asked := kinds[manifest.KindAccess]; asked && basic {
		c.report(r.Path, fault.Newf(warnUnmet, "of route %q, %s asks for a password and %s for who is signed in: a request has one Authorization header", r.Pattern, kinds[manifest.KindBasic], name).
			WithHint("use one of them"))
	}
}
