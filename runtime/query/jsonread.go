package query

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSONDepth bounds the nesting of json values, so that what walks them may
// recurse.
const maxJSONDepth = 64

var (
	errJSONDepth = errors.New("json is nested deeper than 64 levels")
	errNUL       = errors.New(`\u0000 cannot be converted to text`)
)

// compactJSON checks JSON that somebody sent and gives it without blanks:
// valid UTF-8, no duplicate keys, no \u0000, at most maxJSONDepth deep. All
// other functions on json rely on that.
func compactJSON(raw []byte) ([]byte, error) {
	if jsonDepth(raw) > maxJSONDepth {
		return nil, errJSONDepth
	}
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Format(); err != nil {
		return nil, err
	}
	if bytes.Contains(v, []byte(`\u0000`)) && jsonHasNUL(string(v)) {
		return nil, errNUL
	}
	return v, nil
}

// jsonDepth is the deepest nesting, counted without a check of anything else.
func jsonDepth(raw []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// jsonHasNUL reports whether a string of valid JSON holds an escaped NUL: a
// \u0000 whose backslash is not itself escaped.
func jsonHasNUL(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if strings.HasPrefix(s[i:], `\u0000`) {
			return true
		}
		i++
	}
	return false
}

// The functions below walk valid JSON text. On anything else they give
// something wrong, but they end and never panic.

func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// skipString gives the end of the string literal that begins at i.
func skipString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// skipValue gives the end of the value that begins at i.
func skipValue(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		return skipNested(s, i)
	}
	for i < len(s) && !strings.ContainsRune(",:]} \n\t\r", rune(s[i])) {
		i++
	}
	return i
}

func skipNested(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = skipString(s, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(s)
}

// jsonItems walks the items of an array or the members of an object.
type jsonItems struct {
	text string
	at   int
	open byte
}

// itemsOf starts at the first item; a scalar has none.
func itemsOf(s string) jsonItems {
	i := skipBlanks(s, 0)
	if i < len(s) && (s[i] == '{' || s[i] == '[') {
		return jsonItems{text: s, at: i + 1, open: s[i]}
	}
	return jsonItems{}
}

// next gives the raw key (quoted; "" in an array) and the raw value; false
// after the last.
func (it *jsonItems) next() (string, string, bool) {
	key := ""
	i := skipBlanks(it.text, it.at)
	if i < len(it.text) && it.text[i] == ',' {
		i = skipBlanks(it.text, i+1)
	}
	if i >= len(it.text) || it.text[i] == ']' || it.text[i] == '}' {
		it.at = len(it.text)
		return "", "", false
	}
	if it.open == '{' {
		end := skipValue(it.text, i)
		key = it.text[i:end]
		i = skipBlanks(it.text, end)
		if i < len(it.text) && it.text[i] == ':' {
			i = skipBlanks(it.text, i+1)
		}
	}
	end := skipValue(it.text, i)
	if end == i && key == "" {
		it.at = len(it.text)
		return "", "", false
	}
	it.at = end
	return key, it.text[i:end], true
}

// jsonCount is the number of items or members.
func jsonCount(s string) int64 {
	n := int64(0)
	it := itemsOf(s)
	for {
		if _, _, ok := it.next(); !ok {
			return n
		}
		n++
	}
}

// jsonString gives the text of a string literal, without a copy where it has
// no escapes.
func jsonString(raw string) string {
	if len(raw) < 2 || raw[0] != '"' {
		return raw
	}
	body := raw[1 : len(raw)-1]
	if strings.IndexByte(body, '\\') < 0 {
		return body
	}
	out, _ := jsontext.AppendUnquote(make([]byte, 0, len(body)), raw) // what is no string is read as far as it goes
	return string(out)
}

// keyIs reports whether a raw key is this name.
func keyIs(raw, name string) bool {
	if len(raw) == len(name)+2 && raw[1:len(raw)-1] == name {
		return strings.IndexByte(name, '\\') < 0
	}
	return strings.IndexByte(raw, '\\') >= 0 && jsonString(raw) == name
}

// jsonPath walks the steps; ok is false where one leads nowhere.
func jsonPath(s string, steps []Step) (string, bool) {
	s = strings.TrimSpace(s)
	for _, step := range steps {
		var ok bool
		if s, ok = jsonStep(s, step); !ok {
			return "", false
		}
	}
	return s, true
}

func jsonStep(s string, step Step) (string, bool) {
	it := itemsOf(s)
	if step.IsKey {
		if it.open != '{' {
			return "", false
		}
		for {
			key, value, ok := it.next()
			if !ok || keyIs(key, step.Key) {
				return value, ok
			}
		}
	}
	if it.open != '[' {
		return "", false
	}
	index := int64(step.Index)
	if index < 0 {
		index += jsonCount(s)
	}
	for ; index >= 0; index-- {
		_, value, ok := it.next()
		if !ok || index == 0 {
			return value, ok
		}
	}
	return "", false
}

// jsonText is what ->> gives: a string's text, null for null, the JSON text
// of all else.
func jsonText(raw string) Value {
	switch {
	case raw == "null" || raw == "":
		return Value{}
	case raw[0] == '"':
		return Text(jsonString(raw))
	}
	return Text(raw)
}
