package difference

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// middleware compares what stands before routes: what each lets pass, then what
// stands where.
func (c *comparer) middleware() {
	for i := range c.next.Manifest.Middleware {
		next := &c.next.Manifest.Middleware[i]
		if old := c.old.Manifest.MiddlewareNamed(next.Name); old != nil {
			c.oneMiddleware(old, next)
			continue
		}
		c.add(next.Path, Change{Area: Routes, Sign: Comes, Grade: Safe, What: "adds middleware " + next.Name, Is: strings.Join(next.Kinds(), ", ")})
	}
	for i := range c.old.Manifest.Middleware {
		if old := &c.old.Manifest.Middleware[i]; c.next.Manifest.MiddlewareNamed(old.Name) == nil {
			c.add("middleware", Change{Area: Routes, Sign: Goes, Grade: Safe, What: "removes middleware " + old.Name, Was: strings.Join(old.Kinds(), ", ")})
		}
	}
	c.use("server.use", "every request", c.old.Manifest.Server.Use, c.next.Manifest.Server.Use)
}

// guards are the kinds of middleware without which somebody may pass who could
// not before.
var guards = []string{manifest.KindIP, manifest.KindCertificate, manifest.KindBasic, manifest.KindAccess}

// use compares what stands before something. What is inside a middleware of the
// same name is compared once, where it is declared.
func (c *comparer) use(path, before string, old, next []string) {
	was, is := c.old.Manifest.Chain(old), c.next.Manifest.Chain(next)
	has := func(chain []manifest.Link, one manifest.Link) bool {
		return slices.ContainsFunc(chain, func(other manifest.Link) bool {
			return other.Kind == one.Kind && other.Middleware.Name == one.Middleware.Name
		})
	}
	kept := func(name string) bool {
		return slices.Contains(old, name) && slices.Contains(next, name) && c.old.Manifest.MiddlewareNamed(name) != nil && c.next.Manifest.MiddlewareNamed(name) != nil
	}
	for _, link := range was {
		if has(is, link) || kept(link.Middleware.Name) {
			continue
		}
		change := Change{Area: Routes, Sign: Turns, Grade: Breaks, What: "takes " + link.Kind + " " + link.Middleware.Name + " from before " + before, Was: c.sayGuard(link)}
		switch {
		case slices.Contains(guards, link.Kind):
			change.Grade = Widens
		case link.Kind != manifest.KindInflate && link.Kind != manifest.KindRate && link.Kind != manifest.KindBody:
			change.Grade = Safe
		}
		c.add(path, change)
	}
	for _, link := range is {
		if has(was, link) || kept(link.Middleware.Name) {
			continue
		}
		change := Change{Area: Routes, Sign: Turns, Grade: Safe, What: "puts " + link.Kind + " " + link.Middleware.Name + " before " + before, Is: c.sayGuard(link)}
		if slices.Contains(guards, link.Kind) || link.Kind == manifest.KindRate || link.Kind == manifest.KindBody {
			change.Grade = Breaks
		}
		c.add(path, change)
	}
	c.order(path, before, was, is)
}

// order tells of headers that are changed in another order.
func (c *comparer) order(path, before string, was, is []manifest.Link) {
	names := func(chain []manifest.Link) []string {
		var list []string
		for _, link := range chain {
			if link.Kind == manifest.KindHeaders {
				list = append(list, link.Middleware.Name)
			}
		}
		return list
	}
	old, next := names(was), names(is)
	if !slices.Equal(old, next) && !gained(old, next) && !gained(next, old) {
		c.add(path, Change{Area: Routes, Sign: Turns, Grade: Safe, What: "changes headers in another order before " + before, Was: sayList(old, ""), Is: sayList(next, "")})
	}
}

// sayGuard is what a link lets pass, in a line.
func (c *comparer) sayGuard(link manifest.Link) string {
	w := link.Middleware
	switch link.Kind {
	case manifest.KindIP:
		return sayIP(w.IP)
	case manifest.KindCertificate:
		return "certificates of " + sayList(w.Certificate.Names, "any name")
	case manifest.KindRate:
		return w.Rate
	case manifest.KindBasic:
		return sayList(usersOf(w.Basic), "nobody")
	case manifest.KindAccess:
		return sayCall(w.Access)
	case manifest.KindBody:
		return bytesText(w.Body)
	case manifest.KindCache:
		return w.Cache
	}
	return ""
}

func sayIP(rule *manifest.IPRule) string {
	if rule == nil {
		return "every address"
	}
	said := "every address"
	if rule.Allow != nil {
		said = sayList(rule.Allow, "no address")
	}
	if len(rule.Deny) > 0 {
		said += ", not " + strings.Join(rule.Deny, ", ")
	}
	return said
}

func usersOf(b *manifest.Basic) []string {
	if b == nil {
		return nil
	}
	names := make([]string, 0, len(b.Users))
	for _, user := range b.Users {
		names = append(names, user.Name)
	}
	return names
}

// oneMiddleware compares what one lets pass, and does.
func (c *comparer) oneMiddleware(old, next *manifest.Middleware) {
	name := "middleware " + next.Name
	c.addresses(old, next)
	c.certificates(old, next)
	c.users(old, next)
	c.passing(old, next)
	if old.Rate != next.Rate {
		c.add(next.Path+".rate", Change{Area: Routes, Sign: Turns, Grade: Breaks, What: name + " has another rate", Was: old.Rate, Is: next.Rate})
	}
	if old.Body != next.Body {
		c.bound(next.Path+".body", Routes, "the body of "+name, old.Body, next.Body, bytesText)
	}
	if old.Inflate != next.Inflate {
		change := Change{Area: Routes, Sign: Turns, Grade: Safe, What: name + " lets bodies come compressed"}
		if !next.Inflate {
			change.Grade, change.What = Breaks, name+" lets bodies come compressed no more"
		}
		c.add(next.Path+".inflate", change)
	}
	if was, is := sayPolicy(c.old.Manifest, old.Cache), sayPolicy(c.next.Manifest, next.Cache); was != is {
		c.add(next.Path+".cache", Change{Area: Routes, Sign: Turns, Grade: Safe, What: name + " keeps answers otherwise", Was: was, Is: is})
	}
	c.fields(next.Path+".headers", Routes, "the headers of "+name, &old.Headers, &next.Headers, nil)
	c.compressing(next.Path+".compress", Routes, name, old.Compress, next.Compress)
}

func (c *comparer) compressing(path string, area Area, of string, old, next *manifest.Compress) {
	if was, is := sayCompress(old), sayCompress(next); was != is {
		c.add(path, Change{Area: area, Sign: Turns, Grade: Safe, What: "answers of " + of + " are compressed otherwise", Was: was, Is: is})
	}
}

func sayCompress(m *manifest.Compress) string {
	switch {
	case m == nil:
		return "not said"
	case m.Off:
		return "never, " + strings.Join(m.Encodings, ", ") + " from " + bytesText(m.Min)
	}
	return strings.Join(m.Encodings, ", ") + " from " + bytesText(m.Min)
}

// addresses compares who may come by address.
func (c *comparer) addresses(old, next *manifest.Middleware) {
	was, is := sayIP(old.IP), sayIP(next.IP)
	if was == is && (old.IP == nil) == (next.IP == nil) {
		return
	}
	change := Change{Area: Routes, Sign: Turns, Grade: Breaks, What: "fewer addresses may pass middleware " + next.Name, Was: was, Is: is}
	if admitsMore(old.IP, next.IP) {
		change.Grade, change.What = Widens, "other addresses may pass middleware "+next.Name
	}
	c.add(next.Path+".ip", change)
}

// admitsMore reports whether an address may pass that could not before. Where that
// takes more than a look at single networks, it may.
func admitsMore(old, next *manifest.IPRule) bool {
	switch {
	case old == nil:
		return false
	case next == nil:
		return true
	}
	for _, denied := range old.Deny {
		if !inside(denied, next.Deny) {
			return true
		}
	}
	switch {
	case old.Allow == nil:
		return false
	case next.Allow == nil:
		return true
	}
	return slices.ContainsFunc(next.Allow, func(network string) bool { return !inside(network, old.Allow) })
}

// inside reports whether one of some networks holds a network whole.
func inside(network string, of []string) bool {
	small, err := netip.ParsePrefix(network)
	return slices.ContainsFunc(of, func(text string) bool {
		large, bad := netip.ParsePrefix(text)
		return text == network || err == nil && bad == nil && large.Bits() <= small.Bits() && large.Contains(small.Addr())
	})
}

// certificates compares who may come by certificate.
func (c *comparer) certificates(old, next *manifest.Middleware) {
	var was, is manifest.ClientCertificate
	if old.Certificate != nil {
		was = *old.Certificate
	}
	if next.Certificate != nil {
		is = *next.Certificate
	}
	say := func(of manifest.ClientCertificate) string {
		if of.Roots == "" {
			return "no certificate is needed"
		}
		return sayList(of.Names, "any name") + ", made with " + of.Roots
	}
	if say(was) == say(is) {
		return
	}
	change := Change{Area: Routes, Sign: Turns, Grade: Breaks, What: "fewer certificates pass middleware " + next.Name, Was: say(was), Is: say(is)}
	fewer := was.Roots == "" || was.Roots == is.Roots && (len(was.Names) == 0 || len(is.Names) > 0 && !gained(was.Names, is.Names))
	if !fewer {
		change.Grade, change.What = Widens, "other certificates pass middleware "+next.Name
	}
	c.add(next.Path+".certificate", change)
}

// users compares who may come with a password.
func (c *comparer) users(old, next *manifest.Middleware) {
	say := func(b *manifest.Basic) string {
		if b == nil {
			return "no password is needed"
		}
		return sayList(usersOf(b), "nobody")
	}
	if was, is := say(old.Basic), say(next.Basic); was != is {
		change := Change{Area: Routes, Sign: Turns, Grade: Breaks, What: "fewer people pass middleware " + next.Name, Was: was, Is: is}
		if old.Basic != nil && (next.Basic == nil || gained(usersOf(old.Basic), usersOf(next.Basic))) {
			change.Grade, change.What = Widens, "other people pass middleware "+next.Name
		}
		c.add(next.Path+".basic", change)
	}
	if old.Basic == nil || next.Basic == nil {
		return
	}
	if old.Basic.Realm != next.Basic.Realm {
		c.add(next.Path+".basic.realm", Change{Area: Routes, Sign: Turns, Grade: Safe, What: "middleware " + next.Name + " asks in other words", Was: old.Basic.Realm, Is: next.Basic.Realm})
	}
	for _, user := range next.Basic.Users {
		i := slices.IndexFunc(old.Basic.Users, func(before manifest.NamedSecret) bool { return before.Name == user.Name })
		if i < 0 {
			continue
		}
		if was, is := saySecret(old.Basic.Users[i].Secret), saySecret(user.Secret); was != is {
			c.add(next.Path+".basic.users", Change{Area: Routes, Sign: Turns, Grade: Widens, What: "the password of " + user.Name + " comes from elsewhere", Was: was, Is: is})
		}
	}
}

// passing compares the rule of who may pass.
func (c *comparer) passing(old, next *manifest.Middleware) {
	pass := func(side Side, of *manifest.Middleware) query.Expr {
		if rules := side.Rules.Middleware[of.Name]; rules != nil {
			return rules.Pass
		}
		return query.TrueExpr() // left out, it asks for nothing
	}
	say := func(condition manifest.Condition) string {
		if !condition.Declared {
			return "everyone"
		}
		return sayCall(condition)
	}
	c.condition(next.Path+".access", Routes, "who may pass middleware "+next.Name, pass(c.old, old), pass(c.next, next), old.Access, next.Access, say)
}
