package query

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// DecodeJSON reads one value of a request's body as a type, with the
// coercions of PostgREST: numbers, booleans and times may be strings, a
// decimal is rounded to its scale (half away from zero, as PostgreSQL does),
// objects and arrays become their JSON text in a text column, null is null.
// raw is one JSON value and may have blanks around it.
func DecodeJSON(t Type, raw []byte) (Value, *fault.Fault) {
	text := strings.TrimSpace(string(raw))
	if text == "null" {
		return Value{}, nil
	}
	if t.Kind == KindJSON {
		return decodeJSONColumn(text)
	}
	switch rankOf(text) {
	case rankText:
		s, ok := requestString(text)
		if !ok {
			return Value{}, badSyntax(Type{Kind: KindJSON}, text)
		}
		return assign(t, s)
	case rankNumber:
		if !validNumber(text) {
			return Value{}, badSyntax(Type{Kind: KindJSON}, text)
		}
		return assign(t, text)
	case rankBool:
		if text != "true" && text != "false" {
			return Value{}, badSyntax(Type{Kind: KindJSON}, text)
		}
		return assign(t, text)
	case rankArray, rankObject:
		return decodeNested(t, text)
	}
	return Value{}, badSyntax(Type{Kind: KindJSON}, text)
}

// requestString is the text of a JSON string that nobody has checked, without
// a copy where it has no escapes.
func requestString(raw string) (string, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return "", false
	}
	body := raw[1 : len(raw)-1]
	plain := utf8.ValidString(body)
	for i := 0; plain && i < len(body); i++ {
		plain = body[i] >= ' ' && body[i] != '"' && body[i] != '\\'
	}
	if plain {
		return body, true
	}
	out, err := jsontext.AppendUnquote(make([]byte, 0, len(body)), raw)
	return string(out), err == nil
}

// assign is ParseLiteral for a value that is to be stored.
func assign(t Type, text string) (Value, *fault.Fault) {
	if t.Kind == KindDecimal {
		return parseDecimal(t, strings.TrimSpace(text), true)
	}
	return ParseLiteral(t, text)
}

func decodeJSONColumn(text string) (Value, *fault.Fault) {
	compact, err := compactJSON([]byte(text))
	if err != nil {
		return Value{}, jsonFault(text, err)
	}
	return JSON(string(compact)), nil
}

func decodeNested(t Type, text string) (Value, *fault.Fault) {
	if t.Kind == KindVector {
		return parseVector(t, text)
	}
	if t.Kind != KindText && t.Kind != KindList {
		return Value{}, badSyntax(t, text)
	}
	compact, err := compactJSON([]byte(text))
	if err != nil {
		return Value{}, jsonFault(text, err)
	}
	if t.Kind == KindText {
		return Text(string(compact)), nil
	}
	if compact[0] != '[' {
		return Value{}, badSyntax(t, text).WithDetails("a list takes a JSON array")
	}
	out := make([]byte, 0, len(compact))
	out = append(out, '[')
	it := itemsOf(string(compact))
	for {
		_, item, ok := it.next()
		if !ok {
			return List(string(append(out, ']'))), nil
		}
		v, f := DecodeJSON(t.elem(), []byte(item))
		if f != nil {
			return Value{}, f
		}
		if v.IsNull() {
			return Value{}, badSyntax(t, text).WithDetails("a list has no null elements")
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = AppendJSON(out, v)
	}
}

func jsonFault(text string, err error) *fault.Fault {
	if errors.Is(err, errNUL) {
		return nulText()
	}
	f := fault.Newf(CodeSyntax, "invalid input syntax for type json: \"%s\"", clip(text))
	if errors.Is(err, errJSONDepth) {
		return f.WithDetails(err.Error())
	}
	return f.WithDetails("the text is not valid JSON, or an object has a key twice")
}

// validNumber reports whether s is a JSON number.
func validNumber(s string) bool {
	return rankOf(s) == rankNumber && jsontext.Value(s).IsValid()
}
