// Package headers is what a manifest changes in the headers of answers. The router
// lays Changes when a generation is built and applies them to every answer as it
// begins, refusals too. It never reads what a request brings but what an Answer
// names, and nothing that a caller sends can end a line.
package headers

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Changes are changes of an answer's headers, in the order in which they
// are made. Every answer has them, refusals too.
type Changes struct {
	changes []headerChange
}

type headerChange struct {
	key   string
	kind  changeKind
	fixed []string // the value where it speaks of no request; nobody appends to it in place
	parts []headerPart
}

type changeKind uint8

const (
	removeHeader changeKind = iota
	setHeader
	addHeader
	// keepPrivate is what answers have that not everybody may see: no cache on their
	// way gives them to somebody else.
	keepPrivate
)

// headerPart is fixed text, then what is known of the request ("" for nothing).
type headerPart struct{ text, of string }

// New lays the changes of middleware one after the other, in each
// what is removed, then what is set, then what is added. nil is no change.
func New(links []manifest.Link) *Changes {
	var laid Changes
	for _, link := range links {
		if link.Kind == manifest.KindHeaders {
			laid.lay(&link.Middleware.Headers)
		}
	}
	if len(laid.changes) == 0 {
		return nil
	}
	return &laid
}

func (c *Changes) lay(declared *manifest.Headers) {
	for _, name := range declared.Remove {
		c.changes = append(c.changes, headerChange{key: textproto.CanonicalMIMEHeaderKey(name), kind: removeHeader})
	}
	for _, one := range []struct {
		kind     changeKind
		settings []manifest.Setting
	}{{setHeader, declared.Set}, {addHeader, declared.Add}} {
		for _, s := range one.settings {
			change := headerChange{key: textproto.CanonicalMIMEHeaderKey(s.Name), kind: one.kind, parts: headerParts(s.Value)}
			if len(change.parts) == 1 && change.parts[0].of == "" {
				change.fixed = []string{s.Value}
			}
			c.changes = append(c.changes, change)
		}
	}
}

// headerParts takes a value apart at {client}, {host} and {id}. Other braces are
// text.
func headerParts(value string) []headerPart {
	var parts []headerPart
	text := ""
	for rest := value; ; {
		before, after, found := strings.Cut(rest, "{")
		text += before
		if !found {
			return append(parts, headerPart{text: text})
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name != "client" && name != "host" && name != "id" {
			text += "{"
			rest = after
			continue
		}
		parts = append(parts, headerPart{text, name})
		text, rest = "", tail
	}
}

// Follow adds the changes of a route to those of every request.
func (c *Changes) Follow(more *Changes) *Changes {
	switch {
	case c == nil:
		return more
	case more == nil:
		return c
	}
	return &Changes{changes: append(c.changes[:len(c.changes):len(c.changes)], more.changes...)}
}

// Answer is an answer that begins, and what is known of its request.
type Answer struct {
	Header http.Header
	Client netip.Addr
	Host   string // as the request has it
	ID     string
}

// Apply changes the headers of an answer that begins.
func (c *Changes) Apply(to Answer) {
	header := to.Header
	for i := range c.changes {
		change := &c.changes[i]
		switch change.kind {
		case removeHeader:
			delete(header, change.key)
			continue
		case keepPrivate:
			header["Cache-Control"] = privateCaching(header["Cache-Control"])
			continue
		}
		value := change.fixed
		if value == nil {
			value = []string{to.fill(change.parts)}
		}
		if change.kind == addHeader && len(header[change.key]) > 0 {
			had := header[change.key]
			value = append(had[:len(had):len(had)], value...)
		}
		header[change.key] = value
	}
}

// fill makes a value that speaks of the request. What a caller sent of it cannot
// end the line.
func (a *Answer) fill(parts []headerPart) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part.text)
		switch part.of {
		case "client":
			b.WriteString(a.Client.String())
		case "host":
			if httpguts.ValidHeaderFieldValue(a.Host) {
				b.WriteString(a.Host)
			}
		case "id":
			b.WriteString(a.ID)
		}
	}
	return b.String()
}

// Privately are the changes of answers that only some may see.
func Privately() *Changes { return &Changes{changes: []headerChange{{kind: keepPrivate}}} }

// privateCaching takes out of Cache-Control what lets caches keep an answer that
// others ask for.
func privateCaching(said []string) []string {
	kept := "private"
	for _, header := range said {
		for directive := range strings.SplitSeq(header, ",") {
			directive = strings.TrimSpace(directive)
			name, _, _ := strings.Cut(strings.ToLower(directive), "=")
			switch name {
			case "", "public", "private", "s-maxage", "proxy-revalidate":
			default:
				kept += ", " + directive
			}
		}
	}
	if kept == never[0] {
		return never
	}
	return []string{kept}
}

// never is what answers to a caller say who is known; nobody appends to it in place.
var never = []string{"private, no-store"}
