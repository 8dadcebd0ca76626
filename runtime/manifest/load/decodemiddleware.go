package load

import (
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func (d *decoder) middleware(n *node) []manifest.Middleware {
	var all []manifest.Middleware
	for _, m := range n.list() {
		path := m.path()
		made := manifest.Middleware{
			Name: m.name, Rate: m.str("rate"), Access: d.condition(m.field("access"), path+".access"),
			Body: m.size("body"), Inflate: m.flag("inflate"), Cache: m.str("cache"), Headers: headers(m.field("headers")), Path: path,
		}
		if ip := m.field("ip"); ip != nil {
			made.IP = &manifest.IPRule{Allow: networks(ip.field("allow")), Deny: networks(ip.field("deny"))}
		}
		if c := m.field("certificate"); c != nil {
			made.Certificate = &manifest.ClientCertificate{Roots: d.path(c.str("roots")), Names: c.strs("names")}
		}
		if b := m.field("basic"); b != nil {
			made.Basic = &manifest.Basic{Realm: b.str("realm"), Users: d.namedSecrets(b.field("users"))}
		}
		if c := m.field("compress"); c != nil {
			made.Compress = compress(c)
		}
		all = append(all, made)
	}
	return all
}

// networks gives prefixes; an empty list is one, and not nil.
func networks(n *node) []string {
	if n == nil {
		return nil
	}
	all := make([]string, 0, len(n.list()))
	for _, item := range n.list() {
		if prefix, f := parseNetwork(item.text); f == nil {
			all = append(all, prefix)
		}
	}
	return all
}

func headers(n *node) manifest.Headers {
	return manifest.Headers{Set: settings(n.field("set")), Add: settings(n.field("add")), Remove: n.strs("remove")}
}

func settings(n *node) []manifest.Setting {
	var all []manifest.Setting
	for _, s := range n.list() {
		all = append(all, manifest.Setting{Name: s.name, Value: s.text, Path: s.path()})
	}
	return all
}

func (d *decoder) proxy(n *node) *manifest.Proxy {
	if n == nil {
		return nil
	}
	failures := n.field("failures")
	return &manifest.Proxy{
		To: n.strs("to"), Balance: n.str("balance"), By: n.str("by"), Health: health(n.field("health")),
		FailCount: failures.num("count"), FailWithin: failures.duration("within"), FailPause: failures.duration("pause"),
		Retries: n.num("retries"), Strip: n.str("strip"), Rewrite: n.str("path"), Host: n.str("host"),
		Request: headers(n.field("request")), Response: headers(n.field("response")),
		Connect: n.duration("connect"), Answer: n.duration("answer"), Unbuffered: n.flag("unbuffered"),
		Roots: d.path(n.str("roots")), Certificate: d.certificateFiles(n.field("certificate")), Credentials: n.flag("credentials"), Path: n.path(),
	}
}

// health decodes how servers are asked; a path alone takes the schema's defaults.
func health(n *node) *manifest.Health {
	if n == nil {
		return nil
	}
	h := &manifest.Health{
		URLPath: n.str("path"), Status: n.num("status"), Interval: n.duration("interval"), Timeout: n.duration("timeout"),
		Passes: n.num("passes"), Fails: n.num("fails"),
	}
	if n.kind == text {
		plain := defaultsOf("#Health")
		h.URLPath, h.Interval, h.Timeout, h.Passes, h.Fails = n.text, plain.duration("interval"), plain.duration("timeout"), plain.num("passes"), plain.num("fails")
	}
	return h
}

// defaultsOf is a struct with what its definition fills in, and nothing else.
func defaultsOf(definition string) *node {
	n := &node{kind: object}
	schema, err := compiled()
	if err != nil {
		return n // loading has failed for it already
	}
	for _, f := range schema.shapes[definition].object.fields {
		if f.fallback != nil {
			filled := f.fallback.clone()
			filled.name = f.name
			n.add(filled)
		}
	}
	return n
}
