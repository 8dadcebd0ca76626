package query

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// jsonRank is the type of a JSON text, by its first byte. The ranks are in the
// order that jsonb gives values of different types.
type jsonRank uint8

const (
	rankNull jsonRank = iota // and no text at all
	rankText
	rankNumber
	rankBool
	rankArray
	rankObject
)

func rankOf(s string) jsonRank {
	if s == "" {
		return rankNull
	}
	switch s[0] {
	case 'n':
		return rankNull
	case '"':
		return rankText
	case 't', 'f':
		return rankBool
	case '[':
		return rankArray
	case '{':
		return rankObject
	}
	return rankNumber
}

// compareJSON is a total order of json values in which equal means
// structurally equal: neither blanks nor the order of members nor the form of
// a number count. It is PostgreSQL's order of jsonb: by type, then the number
// of items, then item by item, members in the order of their keys.
func compareJSON(a, b string) int {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if a == b {
		return 0
	}
	rank := rankOf(a)
	if c := cmp.Compare(rank, rankOf(b)); c != 0 {
		return c
	}
	switch rank {
	case rankText:
		return strings.Compare(jsonString(a), jsonString(b))
	case rankNumber:
		return compareNumbers(a, b)
	case rankBool:
		return cmp.Compare(a[0], b[0]) // f before t
	case rankArray:
		return compareArrays(a, b)
	case rankObject:
		return compareObjects(a, b)
	}
	return 0
}

func compareArrays(a, b string) int {
	if c := cmp.Compare(jsonCount(a), jsonCount(b)); c != 0 {
		return c
	}
	left, right := itemsOf(a), itemsOf(b)
	for {
		_, x, ok := left.next()
		_, y, _ := right.next()
		if !ok {
			return 0
		}
		if c := compareJSON(x, y); c != 0 {
			return c
		}
	}
}

type jsonMember struct{ key, value string }

func membersOf(s string) []jsonMember {
	var members []jsonMember
	it := itemsOf(s)
	for {
		key, value, ok := it.next()
		if !ok {
			break
		}
		members = append(members, jsonMember{jsonString(key), value})
	}
	slices.SortFunc(members, func(a, b jsonMember) int { return strings.Compare(a.key, b.key) })
	return members
}

func compareObjects(a, b string) int {
	left, right := membersOf(a), membersOf(b)
	if c := cmp.Compare(len(left), len(right)); c != 0 {
		return c
	}
	for i := range left {
		c := cmp.Or(strings.Compare(left[i].key, right[i].key), compareJSON(left[i].value, right[i].value))
		if c != 0 {
			return c
		}
	}
	return 0
}

// number is a JSON number as sign * 0.DIGITS * 10^exponent, DIGITS without
// zeros at either end. Zero has no digits.
type number struct {
	negative bool
	digits   string
	exponent int64
}

// parseNumber reads any JSON number in time linear in its text, whatever its
// exponent.
func parseNumber(s string) number {
	var n number
	if strings.HasPrefix(s, "-") {
		n.negative, s = true, s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n.exponent = parseExponent(s[i+1:])
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := whole + fraction
	return numberOf(n.negative, digits, n.exponent+int64(len(whole)))
}

// numberOf is the number 0.digits * 10^exponent, zeros at either end taken off.
func numberOf(negative bool, digits string, exponent int64) number {
	trimmed := strings.TrimLeft(digits, "0")
	exponent -= int64(len(digits) - len(trimmed))
	if trimmed = strings.TrimRight(trimmed, "0"); trimmed == "" {
		return number{}
	}
	return number{negative: negative, digits: trimmed, exponent: exponent}
}

// parseExponent stops at a quarter of the range of int64, beyond which no
// text is long enough to matter.
func parseExponent(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && strings.HasPrefix(s, "-") {
		return math.MinInt64 / 4
	}
	if err != nil {
		return math.MaxInt64 / 4
	}
	return min(max(n, math.MinInt64/4), math.MaxInt64/4)
}

func (n number) compare(m number) int {
	if n.sign() != m.sign() || n.digits == "" {
		return cmp.Compare(n.sign(), m.sign())
	}
	c := cmp.Or(cmp.Compare(n.exponent, m.exponent), strings.Compare(n.digits, m.digits))
	if n.negative {
		return -c
	}
	return c
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// compareNumbers compares two JSON numbers by value, exactly.
func compareNumbers(a, b string) int {
	if len(a) < 18 && len(b) < 18 {
		x, err := strconv.ParseInt(a, 10, 64)
		y, err2 := strconv.ParseInt(b, 10, 64)
		if err == nil && err2 == nil {
			return cmp.Compare(x, y)
		}
	}
	return parseNumber(a).compare(parseNumber(b))
}
