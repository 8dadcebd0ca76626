package query

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// ParseLiteral reads a URL's literal as a type, as PostgreSQL reads its input:
// blanks around all but text are skipped, booleans are true, t, yes, y, on, 1
// and their opposites, uuids become lower-case, times may have any offset (none
// is UTC), JavaScript's Date text is taken and microseconds are truncated. A
// decimal keeps all its places, which may be more than the type's scale: a
// filter compares exactly. json is JSON text; a list is {a,b} or a JSON array.
func ParseLiteral(t Type, text string) (Value, *fault.Fault) {
	if t.Kind == KindText {
		return parseText(text)
	}
	trimmed := strings.TrimSpace(text)
	switch t.Kind {
	case KindBool:
		return parseBool(t, trimmed)
	case KindInt:
		n, err := strconv.ParseInt(trimmed, 10, 64)
		if err != nil {
			return Value{}, numberFault(t, text, err)
		}
		return Int(n), nil
	case KindFloat:
		return parseFloat(t, trimmed)
	case KindDecimal:
		return parseDecimal(t, trimmed, false)
	case KindUUID:
		return parseUUID(t, trimmed)
	case KindTimestamp, KindDate:
		return parseTime(t, trimmed)
	case KindJSON:
		return decodeJSONColumn(trimmed)
	case KindList:
		return parseList(t, trimmed)
	case KindVector:
		return parseVector(t, trimmed)
	}
	return Value{}, badSyntax(t, text)
}

func parseText(text string) (Value, *fault.Fault) {
	if !utf8.ValidString(text) {
		return Value{}, badEncoding()
	}
	if strings.IndexByte(text, 0) >= 0 {
		return Value{}, nulText()
	}
	return Text(text), nil
}

func parseBool(t Type, text string) (Value, *fault.Fault) {
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "on", "1":
		return Bool(true), nil
	case "false", "f", "no", "n", "off", "0":
		return Bool(false), nil
	}
	return Value{}, badSyntax(t, text)
}

func numberFault(t Type, text string, err error) *fault.Fault {
	if errors.Is(err, strconv.ErrRange) {
		return outOfRange(t, text)
	}
	return badSyntax(t, text)
}

func parseFloat(t Type, text string) (Value, *fault.Fault) {
	// ParseFloat also takes names, hexadecimals and underscores.
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return Value{}, badSyntax(t, text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Value{}, numberFault(t, text, err)
	}
	return Float(f), nil
}

// parseUUID takes 32 hexadecimal digits in either case, with or without the
// hyphens and braces.
func parseUUID(t Type, text string) (Value, *fault.Fault) {
	s := text
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	hyphens := len(s) == 36
	if !hyphens && len(s) != 32 {
		return Value{}, badSyntax(t, text)
	}
	if isCanonicalUUID(s) {
		return UUID(s), nil
	}
	var out [36]byte
	at := 0
	for i := range out {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			out[i] = '-'
			if hyphens && s[at] != '-' {
				return Value{}, badSyntax(t, text)
			}
			if hyphens {
				at++
			}
			continue
		}
		c := s[at]
		if 'A' <= c && c <= 'F' {
			c += 'a' - 'A'
		}
		if !isHex(c) {
			return Value{}, badSyntax(t, text)
		}
		out[i] = c
		at++
	}
	return UUID(string(out[:])), nil
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

func isCanonicalUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (s[i] == '-') || (!hyphen && !isHex(s[i])) {
			return false
		}
	}
	return true
}

// parseList reads {a,"b,c"} or a JSON array.
func parseList(t Type, text string) (Value, *fault.Fault) {
	v, nulls, f := parseItems(t, text)
	if f == nil && nulls {
		f = badSyntax(t, text).WithDetails("a list has no null elements")
	}
	if f != nil {
		return Value{}, f
	}
	return v, nil
}

// parseItems is parseList for what need not be a list: nulls are left out,
// and it tells whether there were any.
func parseItems(t Type, text string) (Value, bool, *fault.Fault) {
	if strings.HasPrefix(text, "[") {
		v, f := decodeNested(t, text)
		return v, false, f
	}
	items, ok := splitBraces(text)
	if !ok {
		return Value{}, false, malformedArray(text)
	}
	out, nulls := []byte{'['}, false
	for _, item := range items {
		if !item.quoted && strings.EqualFold(item.text, "null") {
			nulls = true
			continue
		}
		v, f := assign(t.elem(), item.text)
		if f != nil {
			return Value{}, false, f
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = AppendJSON(out, v)
	}
	return List(string(append(out, ']'))), nulls, nil
}

func malformedArray(text string) *fault.Fault {
	return fault.Newf(CodeSyntax, "malformed array literal: \"%s\"", clip(text)).
		WithHint("write {a,b} or a JSON array")
}

type braceItem struct {
	text   string
	quoted bool
}

// splitBraces splits {a,"b\"c"} at its commas.
func splitBraces(text string) ([]braceItem, bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false
	}
	body := text[1 : len(text)-1]
	if strings.TrimSpace(body) == "" {
		return nil, true
	}
	var items []braceItem
	for {
		body = strings.TrimLeft(body, " ")
		var item braceItem
		if strings.HasPrefix(body, `"`) {
			inner, n, ok := unquote(body)
			if !ok {
				return nil, false
			}
			item, body = braceItem{inner, true}, strings.TrimLeft(body[n:], " ")
		} else {
			end := strings.IndexAny(body, `,{}"\`)
			if end < 0 {
				end = len(body)
			}
			item, body = braceItem{text: strings.TrimRight(body[:end], " ")}, body[end:]
			if item.text == "" {
				return nil, false
			}
		}
		items = append(items, item)
		if body == "" {
			return items, true
		}
		if body[0] != ',' {
			return nil, false
		}
		body = body[1:]
	}
}

// unquote reads the "text" that s begins with, \ taking the next byte as it
// is, and gives the bytes it took; false when it does not end.
func unquote(s string) (string, int, bool) {
	for i := 1; i < len(s); i++ {
		if s[i] == '"' {
			return s[1:i], i + 1, true
		}
		if s[i] == '\\' {
			return unquoteEscaped(s, i)
		}
	}
	return "", 0, false
}

func unquoteEscaped(s string, i int) (string, int, bool) {
	out := []byte(s[1:i])
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(out), i + 1, true
		case '\\':
			i++
			if i == len(s) {
				return "", 0, false
			}
		}
		out = append(out, s[i])
	}
	return "", 0, false
}
