package proxy

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// headerRules are changes of headers: removed, then set, then added.
type headerRules struct {
	remove   []string
	set, add []headerRule
}

// headerRule is a header with the parts of its value.
type headerRule struct {
	name  string
	fixed []string     // the value, when nothing is filled in
	parts []headerPart // else
}

// headerPart is fixed text, then what is filled in ("" for nothing).
type headerPart struct{ text, word string }

func newHeaderRules(declared *manifest.Headers) headerRules {
	rules := headerRules{set: headerRulesOf(declared.Set), add: headerRulesOf(declared.Add)}
	for _, name := range declared.Remove {
		rules.remove = append(rules.remove, textproto.CanonicalMIMEHeaderKey(name))
	}
	return rules
}

func headerRulesOf(settings []manifest.Setting) []headerRule {
	rules := make([]headerRule, 0, len(settings))
	for _, s := range settings {
		rule := headerRule{name: textproto.CanonicalMIMEHeaderKey(s.Name), parts: headerParts(s.Value)}
		if rule.parts == nil {
			rule.fixed = []string{s.Value}
		}
		rules = append(rules, rule)
	}
	return rules
}

// headerParts takes a value apart; nil when nothing is filled in.
func headerParts(value string) []headerPart {
	var parts []headerPart
	text := ""
	for rest := value; rest != ""; {
		at := strings.IndexByte(rest, '{')
		if at < 0 {
			text += rest
			break
		}
		text, rest = text+rest[:at], rest[at:]
		word := ""
		for _, known := range []string{"{client}", "{host}", "{id}"} {
			if strings.HasPrefix(rest, known) {
				word = known
			}
		}
		if word == "" {
			text, rest = text+"{", rest[1:]
			continue
		}
		parts = append(parts, headerPart{text, word})
		text, rest = "", rest[len(word):]
	}
	if parts == nil {
		return nil
	}
	return append(parts, headerPart{text: text})
}

func (h *headerRule) value(f *forward) []string {
	if h.fixed != nil {
		return h.fixed
	}
	var b strings.Builder
	for _, part := range h.parts {
		b.WriteString(part.text)
		switch part.word {
		case "{client}":
			b.WriteString(f.client)
		case "{host}":
			b.WriteString(f.in.Host)
		case "{id}":
			b.WriteString(f.from.ID)
		}
	}
	return []string{b.String()}
}

// apply changes headers for one request.
func (rules *headerRules) apply(header http.Header, f *forward) {
	for _, name := range rules.remove {
		delete(header, name)
	}
	for i := range rules.set {
		header[rules.set[i].name] = rules.set[i].value(f)
	}
	for i := range rules.add {
		name := rules.add[i].name
		had := header[name]
		header[name] = append(had[:len(had):len(had)], rules.add[i].value(f)...)
	}
}

// claimed reports a header in which a caller could say who he is, where he comes from
// or what he asked for, and be believed.
func claimed(name string) bool {
	switch name {
	case "Forwarded", "X-Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip",
		"X-Host", "X-Rewrite-Url", "X-Original-Url", "X-Original-Uri", "X-Original-Host",
		"X-Original-Forwarded-For", "X-Request-Id", "Proxy":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}

// overriding reports a header that changes a method, by which a route that names one
// could be passed.
func overriding(name string) bool {
	return name == "X-Http-Method-Override" || name == "X-Http-Method" || name == "X-Method-Override"
}

// credential reports a header that says who calls.
func credential(name string) bool {
	return name == "Authorization" || name == "Cookie" || name == "Apikey"
}

// passes reports whether a caller's header, or trailer, is sent on. What he may not say
// is taken out in any spelling: servers that hand headers on as variables take
// X_Real_IP for X-Real-IP, so only letters, digits and - are a name.
func (p *Proxy) passes(name string) bool {
	return !isHop(name) && !claimed(name) && plainName(name) && (!p.oneMethod || !overriding(name)) && (p.credential || !credential(name))
}

func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// ofConnection names what belongs to one connection.
func ofConnection(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// isHop names what is said anew on each connection: it is no trailer either.
func isHop(name string) bool {
	return ofConnection(name) || name == "Content-Length" || name == "Host"
}

// own reports a header of an answer that is ours to set, or that tells of a server
// what nobody needs to know.
func own(name string) bool {
	switch name {
	case "X-Request-Id", "Server", "X-Powered-By", "Alt-Svc":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-")
}

// merge puts a server's headers into an answer. What is there already is ours, and
// stays; what an answer varies by is both.
func merge(to, from http.Header) {
	for name, values := range from {
		if own(name) || ofConnection(name) {
			continue
		}
		had, there := to[name]
		switch {
		case name == "Vary":
			to[name] = append(had[:len(had):len(had)], values...)
		case !there:
			to[name] = values
		}
	}
	if _, typed := to["Content-Type"]; !typed {
		to["Content-Type"] = nil // what the server did not say is not guessed
	}
}
