package query

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errLikeEscape is of a LIKE pattern that ends in its escape.
var errLikeEscape = errors.New(`LIKE pattern must not end with escape character`)

// LikeMatcher is a compiled LIKE pattern. It is immutable and may be used
// concurrently.
type LikeMatcher struct {
	// parts are what stands between the %; the first is anchored at the start,
	// the last at the end. One part alone is the whole text.
	parts []likePart
	fold  bool
}

// likePart is a run without %. literal is set when it also has no _ and case
// counts: then bytes are compared.
type likePart struct {
	literal string
	runes   []rune // likeAny stands for _
}

const likeAny rune = -1

// CompileLike compiles a pattern: % is any text, _ one code point, \ takes
// the next character as it is. fold makes case not count, rune by rune.
func CompileLike(pattern string, fold bool) (*LikeMatcher, error) {
	m := &LikeMatcher{fold: fold}
	runes := make([]rune, 0, len(pattern))
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			runes = append(runes, m.key(r))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			m.parts = append(m.parts, m.part(runes))
			runes = runes[len(runes):]
		case r == '_':
			runes = append(runes, likeAny)
		default:
			runes = append(runes, m.key(r))
		}
	}
	if escaped {
		return nil, errLikeEscape
	}
	m.parts = append(m.parts, m.part(runes))
	return m, nil
}

func (m *LikeMatcher) part(runes []rune) likePart {
	p := likePart{runes: runes}
	if m.fold {
		return p
	}
	for _, r := range runes {
		if r == likeAny {
			return p
		}
	}
	p.literal = string(runes)
	return p
}

// Match reports whether the whole of s fits the pattern.
func (m *LikeMatcher) Match(s string) bool {
	if len(m.parts) == 1 {
		n, ok := m.prefix(m.parts[0], s)
		return ok && n == len(s)
	}
	n, ok := m.prefix(m.parts[0], s)
	if !ok {
		return false
	}
	s = s[n:]
	last := len(m.parts) - 1
	for _, p := range m.parts[1:last] {
		// The leftmost place is always good enough: a later one only leaves
		// less text to the parts that follow.
		n, ok := m.find(p, s)
		if !ok {
			return false
		}
		s = s[n:]
	}
	return m.suffix(m.parts[last], s)
}

// prefix matches p at the start of s and gives the bytes it took.
func (m *LikeMatcher) prefix(p likePart, s string) (int, bool) {
	if p.literal != "" {
		return len(p.literal), strings.HasPrefix(s, p.literal)
	}
	at := 0
	for _, want := range p.runes {
		if at >= len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRuneInString(s[at:])
		if want != likeAny && want != m.key(r) {
			return 0, false
		}
		at += size
	}
	return at, true
}

// find gives the end of the leftmost match of p in s.
func (m *LikeMatcher) find(p likePart, s string) (int, bool) {
	if p.literal != "" {
		i := strings.Index(s, p.literal)
		return i + len(p.literal), i >= 0
	}
	for at := 0; ; {
		if n, ok := m.prefix(p, s[at:]); ok {
			return at + n, true
		}
		if at >= len(s) {
			return 0, false
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
}

// suffix matches p at the end of s.
func (m *LikeMatcher) suffix(p likePart, s string) bool {
	if p.literal != "" {
		return strings.HasSuffix(s, p.literal)
	}
	at := len(s)
	for range p.runes {
		if at == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	n, ok := m.prefix(p, s[at:])
	return ok && at+n == len(s)
}

func (m *LikeMatcher) key(r rune) rune {
	if m.fold {
		return foldRune(r)
	}
	return r
}

// foldRune gives the same rune for all that differ by case alone: the least
// of those that unicode.SimpleFold joins.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

// likeOnce is LIKE for a node that NewLike did not build; a pattern that does
// not compile matches nothing.
func likeOnce(pattern, s string, fold bool) bool {
	m, err := CompileLike(pattern, fold)
	return err == nil && m.Match(s)
}
