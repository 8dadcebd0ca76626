package function

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// eventJSON is the event as the guest gets it, made when it first asks.
func (r *running) eventJSON() []byte {
	if len(r.eventText) == 0 && r.event != nil {
		r.eventText = r.appendEvent(r.eventText)
	}
	return r.eventText
}

func (r *running) appendEvent(b []byte) []byte {
	e := r.event
	b = append(b, `{"kind":`...)
	b = appendString(b, e.Kind)
	b = append(b, `,"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"function":`...)
	b = appendString(b, r.function.definition.Name)
	b = append(b, `,"depth":`...)
	b = strconv.AppendInt(b, int64(e.Depth), 10)
	b = append(b, `,"trace":`...)
	b = appendString(b, e.Trace)
	if c := e.Caller; c != nil {
		b = append(b, `,"caller":{"role":`...)
		b = appendString(b, string(c.Role))
		b = append(b, `,"uid":`...)
		b = appendString(b, c.UID)
		b = append(b, `,"email":`...)
		b = appendString(b, c.Email)
		b = append(b, `,"claims":`...)
		b = appendRaw(b, c.Claims)
		b = append(b, '}')
	}
	switch {
	case e.Request != nil:
		b = append(b, `,"request":`...)
		b = r.appendRequest(b, e.Request)
	case len(e.Detail) > 0:
		b = append(b, ',')
		b = appendString(b, e.Kind)
		b = append(b, ':')
		b = append(b, e.Detail...)
	}
	return append(b, '}')
}

func (r *running) appendRequest(b []byte, q *Request) []byte {
	b = append(b, `{"method":`...)
	b = appendString(b, q.Method)
	b = append(b, `,"path":`...)
	b = appendString(b, q.Path)
	b = append(b, `,"route":`...)
	b = appendString(b, q.Route)
	b = append(b, `,"params":{`...)
	for i, name := range slices.Sorted(maps.Keys(q.Params)) {
		b = appendName(b, i, name)
		b = appendString(b, q.Params[name])
	}
	b = append(b, `},"query":`...)
	b = appendString(b, q.Query)
	b = append(b, `,"headers":{`...)
	first := 0
	if q.Host != "" {
		b = append(b, `"host":[`...)
		b = append(appendString(b, q.Host), ']')
		first++
	}
	for name, values := range q.Header {
		if !r.function.shows(name) {
			continue
		}
		b = appendName(b, first, strings.ToLower(name))
		first++
		b = append(b, '[')
		for i, value := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, value)
		}
		b = append(b, ']')
	}
	return append(b, `}}`...)
}

// shows reports whether a function gets a header of a request. Credentials are
// for those that say what they do with them.
func (f *Function) shows(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Proxy-Authorization", "Apikey", "Cookie":
		return f.definition.Service || f.definition.Grants != nil && f.definition.Grants.Headers
	}
	return true
}

// appendName appends the name of an object's member, after a comma where it is
// not the first.
func appendName(b []byte, index int, name string) []byte {
	if index > 0 {
		b = append(b, ',')
	}
	return append(appendString(b, name), ':')
}

// appendRaw appends a JSON object, {} where there is none.
func appendRaw(b []byte, raw string) []byte {
	if raw == "" {
		return append(b, '{', '}')
	}
	return append(b, raw...)
}

// appendString appends a text as JSON.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				const digits = "0123456789abcdef"
				b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			}
			i++
			from = i
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if size == 1 {
			b = append(append(b, s[from:i]...), `\ufffd`...)
			i++
			from = i
			continue
		}
		i += size
	}
	return append(append(b, s[from:]...), '"')
}
