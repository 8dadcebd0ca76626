// Package surql looks at the texts of named queries for SurrealDB without a
// server: which parameters they use, which tables they name, and that they do no
// more than they say. It knows the words of SurrealQL, not its grammar: that is
// the server's to say, which is asked when a view opens.
package surql

import (
	"errors"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	word   kind = iota // a name or keyword
	quoted             // a name in quotes: never a keyword
	param              // $name
	text               // a string
	number
	sign
)

// token is one piece of a text.
type token struct {
	kind kind
	// text is a name without its quotes, a parameter without its $, a string with
	// its prefix and quotes, or else what stands there.
	text string
	at   int // byte of the source
}

// is reports a keyword or sign.
func (t token) is(s string) bool {
	return t.kind == word && strings.EqualFold(t.text, s) || t.kind == sign && t.text == s
}

// unreadable is where a text cannot be parted.
type unreadable struct {
	at    int
	cause error
}

var (
	errOpenString  = errors.New("a string has no end")
	errOpenName    = errors.New("a quoted name has no end")
	errOpenComment = errors.New("a comment has no end")
	errOpenPattern = errors.New("a regular expression has no end")
	errEncoding    = errors.New("it is no UTF-8")
)

// signs of more than one character, the longest first.
var signs = []string{"<->", "...", "::", "->", "<-", "..", "=>", "==", "!=", "?=", "*=", "!~", "?~", "*~", "<=", ">=", "+=", "-=", "+?=", "&&", "||", "??", "?:", "?.", "<|", "|>"}

// lex parts a text into tokens; comments and space are between them.
func lex(source string) ([]token, *unreadable) {
	if !utf8.ValidString(source) {
		return nil, &unreadable{0, errEncoding}
	}
	var tokens []token
	for at := 0; at < len(source); {
		if n, bad := skipped(source[at:]); bad != nil {
			return nil, &unreadable{at, bad}
		} else if n > 0 {
			at += n
			continue
		}
		t, n, bad := next(source[at:], tokens)
		if bad != nil {
			return nil, &unreadable{at, bad}
		}
		t.at = at
		tokens = append(tokens, t)
		at += n
	}
	return tokens, nil
}

// skipped is how many bytes are space or a comment.
func skipped(s string) (int, error) {
	if trimmed := strings.TrimLeft(s, " \t\r\n\v\f\u0085\u00a0\u2028\u2029\u3000\ufeff"); len(trimmed) < len(s) {
		return len(s) - len(trimmed), nil
	}
	switch {
	case strings.HasPrefix(s, "/*"):
		end := strings.Index(s[2:], "*/")
		if end < 0 {
			return 0, errOpenComment
		}
		return end + 4, nil
	case strings.HasPrefix(s, "--"), strings.HasPrefix(s, "//"), strings.HasPrefix(s, "#"):
		if end := strings.IndexAny(s, "\r\n"); end >= 0 {
			return end, nil
		}
		return len(s), nil
	}
	return 0, nil
}

func next(s string, before []token) (token, int, error) {
	switch c := s[0]; {
	case c == '\'' || c == '"':
		return stringOf(s, 0)
	case c == '`':
		return nameOf(s, 1, "`")
	case strings.HasPrefix(s, "⟨"):
		return nameOf(s, len("⟨"), "⟩")
	case isDigit(c):
		n := runLength(s)
		return token{kind: number, text: s[:n]}, n, nil
	case isLetter(c):
		n := runLength(s)
		if n == 1 && strings.IndexByte("srdufb", c|0x20) >= 0 && n < len(s) && (s[n] == '\'' || s[n] == '"') {
			return stringOf(s, n)
		}
		return token{kind: word, text: s[:n]}, n, nil
	case c == '$':
		return paramOf(s)
	case c == '/' && !endsOperand(before):
		return patternOf(s)
	}
	for _, known := range signs {
		if strings.HasPrefix(s, known) {
			return token{kind: sign, text: known}, len(known), nil
		}
	}
	_, size := utf8.DecodeRuneInString(s)
	return token{kind: sign, text: s[:size]}, size, nil
}

func stringOf(s string, prefix int) (token, int, error) {
	for i := prefix + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[prefix]:
			return token{kind: text, text: s[:i+1]}, i + 1, nil
		}
	}
	return token{}, 0, errOpenString
}

func nameOf(s string, begin int, end string) (token, int, error) {
	var name strings.Builder
	for i := begin; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], end):
			return token{kind: quoted, text: name.String()}, i + len(end), nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		name.WriteByte(s[i])
	}
	return token{}, 0, errOpenName
}

func paramOf(s string) (token, int, error) {
	if t, n, err := next(s[1:]+" ", nil); err != nil {
		return token{}, 0, err
	} else if t.kind == quoted {
		return token{kind: param, text: t.text}, n + 1, nil
	}
	n := 1 + runLength(s[1:])
	return token{kind: param, text: s[1:n]}, n, nil
}

// endsOperand reports that what stands before a / is something to divide.
func endsOperand(before []token) bool {
	if len(before) == 0 {
		return false
	}
	switch last := before[len(before)-1]; last.kind {
	case sign:
		return last.text == ")" || last.text == "]" || last.text == "}" || last.text == "*"
	case word:
		return !isOperator(last.text)
	}
	return true
}

func isOperator(name string) bool {
	switch strings.ToUpper(name) {
	case "WHERE", "AND", "OR", "IN", "INSIDE", "IS", "CONTAINS", "RETURN", "SELECT", "VALUE", "THEN", "ELSE", "IF", "SET":
		return true
	}
	return false
}

func patternOf(s string) (token, int, error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '/':
			return token{kind: text, text: s[:i+1]}, i + 1, nil
		case '\n':
			return token{}, 0, errOpenPattern
		}
	}
	return token{}, 0, errOpenPattern
}

func runLength(s string) int {
	n := 0
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
