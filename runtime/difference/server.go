package difference

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// server compares how the backend is reached and watched.
func (c *comparer) server() {
	old, next := c.old.Manifest, c.next.Manifest
	c.origins(old.CORS, next.CORS)
	was, is := strings.Join(old.TrustedProxies, ", "), strings.Join(next.TrustedProxies, ", ")
	if was != is {
		change := Change{Area: Server, Sign: Turns, Grade: Breaks, What: "trusts fewer proxies to name the client", Was: was, Is: is}
		if !contains(old.TrustedProxies, next.TrustedProxies) {
			change.Grade, change.What = Widens, "trusts other proxies to name the client"
		}
		c.add("trustedProxies", change)
	}
	if was, is := saySecret(old.Auth.Secret), saySecret(next.Auth.Secret); was != is {
		c.add("auth.secret", Change{Area: Server, Sign: Turns, Grade: Breaks, What: "takes the secret from elsewhere: if it is another, every key and token of before is refused", Was: was, Is: is})
	}
	for _, one := range []struct{ path, what, was, is string }{
		{"name", "the backend's name", old.Name, next.Name},
		{"server.url", "the address that links are made of", old.Server.URL, next.Server.URL},
	} {
		c.named(one.path, one.what, one.was, one.is)
	}
}

// observe compares what operators see. Where metrics are served needs a restart.
func (c *comparer) observe() {
	old, next := c.old.Manifest.Observe, c.next.Manifest.Observe
	c.named("observe.log.level", "the log's level", old.LogLevel, next.LogLevel)
	c.named("observe.log.format", "the log's form", old.LogFormat, next.LogFormat)
}

// named compares a word that changes nothing for clients.
func (c *comparer) named(path, what, was, is string) {
	if was != is {
		c.add(path, Change{Area: Server, Sign: Turns, Grade: Safe, What: "changes " + what, Was: was, Is: is})
	}
}

// origins compares which web pages may call.
func (c *comparer) origins(old, next manifest.CORS) {
	say := func(o manifest.CORS) string {
		if !o.Declared {
			return "every origin"
		}
		return strings.Join(o.Origins, ", ")
	}
	was, is := say(old), say(next)
	if was == is {
		return
	}
	change := Change{Area: Server, Sign: Turns, Grade: Breaks, What: "fewer web origins may call", Was: was, Is: is}
	if !next.Declared || old.Declared && !contains(old.Origins, next.Origins) {
		change.Grade, change.What = Widens, "other web origins may call"
	}
	c.add("cors.origins", change)
}

func saySecret(s *manifest.Secret) string {
	switch {
	case s == nil:
		return "the data folder"
	case s.File != "":
		return "file " + s.File
	}
	return "environment variable " + s.Env
}
