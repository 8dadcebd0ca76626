// Package surql looks at the texts of named queries for SurrealDB without a
// server: which parameters they use, which tables they name, and that they do no
// more than they say; and where a bound of their time stands in them. It knows the words of SurrealQL, not its grammar: that is
// the server's to say, which is asked when a view opens.
package surql

import (
	"errors"
	"slices"
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
	text    string
	at, end int // bytes of the source
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
	errEscapedName = errors.New("a quoted name holds a backslash")
	errUnclear     = errors.New("here / may begin a regular expression or divide: put parentheses around what is meant")
	errCharacter   = errors.New("the character has no meaning")
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
		t.at, t.end = at, at+n
		tokens = append(tokens, t)
		at += n
	}
	return tokens, nil
}

// What the server takes for space, and for the end of a line: where we saw the
// end of a comment elsewhere, we would not see what it runs.
const (
	spaces   = " \t\r\n\v\f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
	lineEnds = "\r\n\u0085\u2028\u2029"
	// foreign are the characters beyond ASCII that are operators, or of durations.
	foreign = "…∋∌∈∉⊇⊃⊅⊆⊂⊄×÷µμ"
)

// skipped is how many bytes are space or a comment.
func skipped(s string) (int, error) {
	if trimmed := strings.TrimLeft(s, spaces); len(trimmed) < len(s) {
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
		end := strings.IndexAny(s, lineEnds)
		if end < 0 {
			return len(s), nil
		}
		_, size := utf8.DecodeRuneInString(s[end:])
		return end + size, nil
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
	case c == '/':
		switch beginsPattern(before) {
		case yes:
			return patternOf(s)
		case unclear:
			return token{}, 0, errUnclear
		}
	case strings.HasPrefix(s, "<--"): // a < and a comment
		return token{kind: sign, text: "<"}, 1, nil
	}
	for _, known := range signs {
		if strings.HasPrefix(s, known) {
			return token{kind: sign, text: known}, len(known), nil
		}
	}
	r, size := utf8.DecodeRuneInString(s)
	if size > 1 && !strings.ContainsRune(foreign, r) {
		return token{}, 0, errCharacter
	}
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
		case s[i] == '\\':
			return token{}, 0, errEscapedName
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

type answer uint8

const (
	no answer = iota
	yes
	unclear
)

// beginsPattern reports whether a / begins a regular expression, by what stands
// before it. The server knows by its grammar; where a wrong guess could hide a
// statement from us, there is none.
func beginsPattern(before []token) answer {
	if len(before) == 0 {
		return unclear
	}
	switch last := before[len(before)-1]; last.kind {
	case sign:
		switch last.text {
		case ")", "]", "}":
			return no
		case "(", "[", "{", ",", ":", "=", "==", "!=", "?=", "*=", "!~", "?~", "*~", "<=", ">=", "+=", "&&", "||", "??", "?:", "<", ">", "!", "+", "-":
			return yes
		}
		return unclear
	case word:
		isMember := len(before) > 1 && before[len(before)-2].is(".")
		if !isMember && slices.Contains(leading, strings.ToUpper(last.text)) {
			return unclear
		}
	}
	return no
}

// leading are the words that an expression may follow, which may be names too.
var leading = []string{
	"ALLINSIDE", "AND", "ANYINSIDE", "AS", "ASYNC", "AT", "BREAK", "BY", "COMMENT", "CONTAINS", "CONTAINSALL", "CONTAINSANY", "CONTAINSNONE", "CONTAINSNOT", "CONTENT",
	"CONTINUE", "CREATE", "DEFAULT", "DELETE", "DIFF", "ELSE", "EXPLAIN", "FETCH", "FOR", "FROM", "GROUP", "IF", "IGNORE", "IN", "INDEX", "INSERT", "INSIDE", "INTERSECTS",
	"INTO", "IS", "KEY", "LET", "LIMIT", "MERGE", "NOINDEX", "NONEINSIDE", "NOT", "NOTINSIDE", "OMIT", "ON", "ONLY", "OR", "ORDER", "OUTSIDE", "PATCH", "RELATE",
	"REPLACE", "RETURN", "SELECT", "SET", "SPLIT", "START", "THEN", "THROW", "TIMEOUT", "TO", "TYPE", "UNSET", "UPDATE", "UPSERT", "VALUE", "VALUES", "VERSION",
	"WHEN", "WHERE", "WITH",
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
