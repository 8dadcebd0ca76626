package surreal

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Patterns are matched by SurrealDB's regular expressions, which are Rust's.
// They are written with nothing but what Go and Rust read alike: every rune by
// its number, every class as its ranges, case folded by Go's tables.

// like writes a LIKE pattern.
func (c *compiler) like(e *query.Like, want bool) {
	expression, err := likeExpression(e.Pattern, e.Fold)
	if err != nil {
		c.truth(false) // such a pattern is refused before it comes here
		return
	}
	c.matches(e.Operand, expression, want)
}

// match writes a regular expression.
func (c *compiler) match(e *query.Match, want bool) {
	pattern := e.Pattern
	if e.Fold {
		pattern = "(?i)" + pattern
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		c.truth(false) // likewise
		return
	}
	var b strings.Builder
	appendExpression(&b, parsed.Simplify())
	c.matches(e.Operand, b.String(), want)
}

func (c *compiler) matches(operand query.Expr, expression string, want bool) {
	if nullable(operand) {
		c.raw(operand)
		c.text(" != NONE AND ")
	}
	if !want {
		c.text("!")
	}
	c.text("string::matches(")
	c.expr(operand)
	c.text(", ")
	c.value(query.Text(expression), query.Type{Kind: query.KindText}, "")
	c.text(")")
}

// likeExpression is a LIKE pattern as a regular expression over the whole text.
func likeExpression(pattern string, fold bool) (string, error) {
	if _, err := query.CompileLike(pattern, fold); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`\A`)
	escaped := false
	for _, r := range pattern {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			b.WriteString(`(?s:.)*`)
		case !escaped && r == '_':
			b.WriteString(`(?s:.)`)
		default:
			appendRune(&b, r, fold)
		}
		escaped = false
	}
	b.WriteString(`\z`)
	return b.String(), nil
}

// appendRune writes a rune, or all that differ from it by case alone.
func appendRune(b *strings.Builder, r rune, fold bool) {
	next := unicode.SimpleFold(r)
	if !fold || next == r {
		writeRune(b, r)
		return
	}
	b.WriteByte('[')
	writeRune(b, r)
	for ; next != r; next = unicode.SimpleFold(next) {
		writeRune(b, next)
	}
	b.WriteByte(']')
}

func writeRune(b *strings.Builder, r rune) {
	if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		b.WriteRune(r)
		return
	}
	fmt.Fprintf(b, `\x{%X}`, r)
}

// assertions are those that need no more than a word.
var assertions = map[syntax.Op]string{
	syntax.OpNoMatch: `[a&&b]`, syntax.OpEmptyMatch: `(?:)`,
	syntax.OpAnyCharNotNL: `[^\x{A}]`, syntax.OpAnyChar: `(?s:.)`,
	syntax.OpBeginLine: `(?m:^)`, syntax.OpEndLine: `(?m:$)`,
	syntax.OpBeginText: `\A`, syntax.OpEndText: `\z`,
	syntax.OpWordBoundary: `(?-u:\b)`, syntax.OpNoWordBoundary: `(?-u:\B)`,
	syntax.OpStar: `*`, syntax.OpPlus: `+`, syntax.OpQuest: `?`,
}

// appendExpression writes an expression. What is greedy or captured does not
// count for whether it matches.
func appendExpression(b *strings.Builder, e *syntax.Regexp) {
	switch e.Op {
	case syntax.OpLiteral:
		for _, r := range e.Rune {
			appendRune(b, r, e.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		appendClass(b, e.Rune)
	case syntax.OpCapture:
		appendGroup(b, e.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		appendGroup(b, e.Sub[0])
		b.WriteString(assertions[e.Op])
	case syntax.OpRepeat:
		appendGroup(b, e.Sub[0])
		appendCounts(b, e.Min, e.Max)
	case syntax.OpConcat:
		for _, sub := range e.Sub {
			appendGroup(b, sub)
		}
	case syntax.OpAlternate:
		for i, sub := range e.Sub {
			if i > 0 {
				b.WriteByte('|')
			}
			appendGroup(b, sub)
		}
	default:
		b.WriteString(assertions[e.Op])
	}
}

func appendGroup(b *strings.Builder, e *syntax.Regexp) {
	b.WriteString("(?:")
	appendExpression(b, e)
	b.WriteString(")")
}

func appendCounts(b *strings.Builder, least, most int) {
	switch {
	case most < 0:
		fmt.Fprintf(b, "{%d,}", least)
	default:
		fmt.Fprintf(b, "{%d,%d}", least, most)
	}
}

// Surrogates are no characters; Go's classes may have them, Rust's must not.
const firstSurrogate, lastSurrogate = 0xD800, 0xDFFF

func appendClass(b *strings.Builder, ranges []rune) {
	start := b.Len()
	b.WriteByte('[')
	for i := 0; i+1 < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		if low < firstSurrogate && high > lastSurrogate {
			writeRange(b, low, firstSurrogate-1)
			low = lastSurrogate + 1
		}
		if low >= firstSurrogate && low <= lastSurrogate {
			low = lastSurrogate + 1
		}
		if high >= firstSurrogate && high <= lastSurrogate {
			high = firstSurrogate - 1
		}
		if low <= high {
			writeRange(b, low, high)
		}
	}
	if b.Len() == start+1 {
		b.WriteString("a&&b")
	}
	b.WriteByte(']')
}

func writeRange(b *strings.Builder, low, high rune) {
	fmt.Fprintf(b, `\x{%X}-\x{%X}`, low, high)
}
