package load

import (
	"strings"
)

// noun is a kind in words.
func (k kind) noun() string {
	switch k {
	case null:
		return "null"
	case boolean:
		return "true or false"
	case integer:
		return "a whole number"
	case number:
		return "a number"
	case text:
		return "a text"
	case binary:
		return "bytes"
	case list:
		return "a list"
	case object:
		return "a struct"
	default:
		return "this"
	}
}

// describe says what a value may be: `true, false or a text`.
func (s *shape) describe() string {
	if words, ok := formatWords[s.name]; ok {
		return words
	}
	if len(s.enum) > 0 {
		var members []string
		for _, m := range s.enum {
			if m.kind == text {
				members = append(members, `"`+m.text+`"`)
			} else {
				members = append(members, m.text)
			}
		}
		return join(members, " or ")
	}
	var words []string
	if s.kinds&boolean != 0 {
		words = append(words, "true", "false")
	}
	switch {
	case s.kinds&number != 0:
		words = append(words, "a number")
	case s.kinds&integer != 0:
		words = append(words, "a whole number"+s.span())
	}
	if s.kinds&text != 0 {
		words = append(words, "a text")
	}
	if s.kinds&list != 0 {
		words = append(words, "a list, [...]")
	}
	if s.kinds&object != 0 {
		words = append(words, s.object.outline())
	}
	if len(words) == 0 {
		return "a value"
	}
	return join(words, " or ")
}

func (s *shape) span() string {
	switch {
	case s.min != nil && s.max != nil:
		return " from " + s.min.RatString() + " to " + s.max.RatString()
	case s.min != nil:
		return ", at least " + s.min.RatString()
	default:
		return ""
	}
}

// outline shows a struct's form: {env, file}.
func (o *objectShape) outline() string {
	if o.entry != nil {
		return "a struct, {NAME: " + o.entry.example() + "}"
	}
	var names []string
	for _, f := range o.fields {
		names = append(names, f.name)
	}
	for _, ch := range o.choices {
		if len(o.fields) < 4 {
			for _, f := range ch.fields {
				names = append(names, f.name)
			}
		}
	}
	const most = 6
	if len(names) > most {
		names = append(names[:most:most], "...")
	}
	return "a struct, {" + strings.Join(names, ", ") + "}"
}

// example writes what could stand after the colon.
func (s *shape) example() string {
	if words, ok := formatExamples[s.name]; ok {
		return words
	}
	switch {
	case len(s.enum) == 1 && s.enum[0].kind != text:
		return s.enum[0].text
	case len(s.enum) > 0 && s.enum[0].kind == text:
		return `"` + s.enum[0].text + `", or another of its values`
	case s.kinds&boolean != 0:
		return "true"
	case s.kinds&(integer|number) != 0:
		return "NUMBER"
	case s.kinds&text != 0:
		return `"..."`
	case s.kinds&list != 0:
		return "[...]"
	default:
		return "{...}"
	}
}

// noun names a struct in a message: "a column", or its path.
func (o *objectShape) noun(n *node) string {
	if n.parent == nil {
		return "the manifest"
	}
	if words, ok := nouns[o.name]; ok {
		if n.parent.parent != nil && !plain(n.name) {
			return words
		}
		return words + " " + quoteName(n)
	}
	if n.parent.kind == list {
		return lastOf(n)
	}
	return n.name
}

func quoteName(n *node) string {
	return string(appendJSONText(nil, n.name))
}

// nouns are the definitions whose structs have names of their own.
var nouns = map[string]string{
	"#Table": "table", "#Column": "column", "#Index": "index", "#Rate": "rate",
	"#Policy": "policy", "#Channel": "channel", "#Route": "route", "#Query": "query",
	"#Function": "function",
}

func orList(values []string) string {
	quotedValues := make([]string, len(values))
	for i, v := range values {
		quotedValues[i] = `"` + v + `"`
	}
	return join(quotedValues, " or ")
}

// join lists words with commas, and a word before the last.
func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + last + words[len(words)-1]
}
