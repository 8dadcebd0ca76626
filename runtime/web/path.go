package web

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Paths are judged once, before routing. net/http has decoded the path; what
// another reader of the same bytes could take for another path is refused, so
// that routing, rules and files all see one path and there is nothing to clean.
var errPath = fault.New("bad-path", "the path is ambiguous").
	WithHint("no empty, '.' or '..' segments, no backslash, ';', control byte, encoded slash or invalid UTF-8")

// checkPath accepts a decoded path; raw is the path as it was sent where that
// differs from the default encoding, else "".
func checkPath(path, raw string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	ascii := true
	segment := 1 // where the current segment begins
	for i := 1; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			if !checkSegment(path[segment:i]) {
				return false
			}
			segment = i + 1
		case c == '\\' || c < 0x20 || c == 0x7f:
			return false
		case c == ';' && raw == "":
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if last := path[segment:]; last == "." || last == ".." {
		return false
	}
	if !ascii && !utf8.ValidString(path) {
		return false
	}
	return raw == "" || checkEscapes(raw)
}

func checkSegment(s string) bool { return s != "" && s != "." && s != ".." }

// checkEscapes refuses, in the path as it was sent, what decoding would hide: an
// encoded slash, and a bare semicolon.
func checkEscapes(raw string) bool {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ';':
			return false
		case '%':
			if i+2 < len(raw) && raw[i+1] == '2' && (raw[i+2] == 'f' || raw[i+2] == 'F') {
				return false
			}
		}
	}
	return true
}

const (
	maxURL     = 16 << 10
	maxHeaders = 100
)

// admit judges the request line and headers, and drops what only we may say.
func admit(r *http.Request) *fault.Fault {
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		return errMethod(r.Method)
	}
	if len(r.RequestURI) > maxURL {
		return errURLTooLong
	}
	if screenHeaders(r.Header) > maxHeaders {
		return errTooManyHeaders
	}
	if r.URL.Path == "*" && r.Method == http.MethodOptions {
		return nil
	}
	if r.ProtoMajor >= 2 && !checkTarget(r) || !checkPath(r.URL.Path, r.URL.RawPath) {
		return errPath
	}
	// From here on everyone matches and uses the decoded path.
	r.URL.RawPath = ""
	return nil
}

// checkTarget judges what of a request's target net/http judges in HTTP/1.1 alone:
// :path is a path, and :authority no more than a host and a port, in ASCII: names in
// other letters come encoded, and some of those letters are a, k or s in lower case.
func checkTarget(r *http.Request) bool {
	return strings.HasPrefix(r.RequestURI, "/") && !strings.ContainsFunc(r.Host, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("/\\?#@\"<>^`{|}", c)
	})
}

// screenHeaders counts the fields and deletes identity headers, which may come
// from inside alone.
func screenHeaders(header http.Header) int {
	fields := 0
	for name, values := range header {
		fields += len(values)
		if isIdentity(name) {
			delete(header, name)
		}
	}
	return fields
}

// isIdentity finds X-Edge-*, also spelt with underscores.
func isIdentity(name string) bool {
	return len(name) >= 7 && (name[0] == 'X' || name[0] == 'x') && strings.EqualFold(name[2:6], "edge") &&
		(name[1] == '-' || name[1] == '_') && (name[6] == '-' || name[6] == '_')
}
