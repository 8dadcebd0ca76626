package function

import (
	"net/http"
)

// plainHead reads the head of an answer as kits write it: a status, and headers
// that are texts without escapes or lists of such. ok is false for whatever else,
// which encoding/json looks at, at twenty times the cost.
func plainHead(text []byte) (status int, header http.Header, ok bool) {
	p := plainJSON{rest: text}
	status, header = http.StatusOK, make(http.Header, 4)
	ok = p.object(func(name []byte) bool {
		switch string(name) {
		case "status":
			status, ok = p.number()
			return ok
		case "headers":
			return p.object(func(name []byte) bool { return p.header(header, string(name)) })
		}
		return false
	})
	p.space()
	return status, header, ok && len(p.rest) == 0
}

// plainJSON reads JSON of the plainest kind.
type plainJSON struct{ rest []byte }

func (p *plainJSON) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\t' || p.rest[0] == '\r') {
		p.rest = p.rest[1:]
	}
}

// take passes a byte, where it is the next.
func (p *plainJSON) take(c byte) bool {
	p.space()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// object passes an object; each member is read by do.
func (p *plainJSON) object(do func(name []byte) bool) bool {
	if !p.take('{') {
		return false
	}
	if p.take('}') {
		return true
	}
	for {
		name, ok := p.text()
		if !ok || !p.take(':') || !do(name) {
			return false
		}
		if p.take('}') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

func (p *plainJSON) text() ([]byte, bool) {
	if !p.take('"') {
		return nil, false
	}
	for i, c := range p.rest {
		switch {
		case c == '"':
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text, true
		case c < ' ' || c == '\\' || c >= 0x7f:
			return nil, false
		}
	}
	return nil, false
}

// number reads a status: three digits, as they all have.
func (p *plainJSON) number() (n int, ok bool) {
	p.space()
	if len(p.rest) < 4 || p.rest[0] < '1' || p.rest[0] > '9' {
		return 0, false
	}
	for _, c := range p.rest[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	switch p.rest[3] {
	case ',', '}', ' ', '\n', '\t', '\r':
		p.rest = p.rest[3:]
		return n, true
	}
	return 0, false
}

// header reads the values of a header. One that is refused is left to who can say
// why.
func (p *plainJSON) header(header http.Header, name string) bool {
	if header[http.CanonicalHeaderKey(name)] != nil {
		return false
	}
	one := func() bool {
		value, ok := p.text()
		return ok && addHeader(header, name, string(value)) == nil
	}
	if !p.take('[') {
		return one()
	}
	for {
		if !one() {
			return false
		}
		if p.take(']') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}
