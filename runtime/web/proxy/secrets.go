package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// withhold takes the service key out of a request, wherever it stands: in a header,
// which is then left out, or in a parameter of the query.
func withhold(header http.Header, u *url.URL, service func(string) bool) {
	if service == nil {
		return
	}
	for name, values := range header {
		for _, value := range values {
			if holds(value, service) {
				delete(header, name)
				break
			}
		}
	}
	if !mayHold(u.RawQuery) && strings.IndexByte(u.RawQuery, '%') < 0 {
		return
	}
	separator := func(r rune) bool { return r == '&' || r == ';' }
	kept, found := make([]string, 0, 8), false
	for _, pair := range strings.FieldsFunc(u.RawQuery, separator) {
		plain, err := url.QueryUnescape(pair)
		if err != nil {
			plain = pair
		}
		if holds(plain, service) || holds(pair, service) {
			found = true
			continue
		}
		kept = append(kept, pair)
	}
	if found {
		u.RawQuery = strings.Join(kept, "&")
	}
}

// The beginnings of keys: a token's, and an opaque key's.
const (
	tokenBegins = "eyJ"
	keyBegins   = "sb_"
)

func mayHold(text string) bool {
	return strings.Contains(text, tokenBegins) || strings.Contains(text, keyBegins)
}

// holds reports whether a word of a text is a key of the service role.
func holds(text string, service func(string) bool) bool {
	if !mayHold(text) {
		return false
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !keyRune(r) }) {
		if at := strings.Index(word, tokenBegins); at >= 0 && strings.Count(word, ".") >= 2 {
			word = word[at:]
		} else if at := strings.Index(word, keyBegins); at >= 0 {
			word = word[at:]
		} else {
			continue
		}
		if service(strings.Trim(word, ".")) {
			return true
		}
	}
	return false
}

// keyRune is one that keys are made of.
func keyRune(r rune) bool {
	return r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
