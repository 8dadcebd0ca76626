package proxy

import (
	"net/url"
	"strings"
)

// withheld reports a header that holds the service key: it is left out.
func withheld(values []string, service func(string) bool) bool {
	if service == nil {
		return false
	}
	for _, value := range values {
		if holds(value, service) {
			return true
		}
	}
	return false
}

// withoutKeys leaves the parameters out of a query that hold the service key.
func withoutKeys(query string, service func(string) bool) string {
	if !mayHold(query) && strings.IndexByte(query, '%') < 0 {
		return query
	}
	separator := func(r rune) bool { return r == '&' || r == ';' }
	kept, found := make([]string, 0, 8), false
	for _, pair := range strings.FieldsFunc(query, separator) {
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
	if !found {
		return query
	}
	return strings.Join(kept, "&")
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
