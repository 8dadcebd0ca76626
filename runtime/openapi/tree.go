package openapi

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object whose members keep their order, so that a document's
// bytes are the same every time.
type object []member

type member struct {
	name  string
	value any // object, []any, []string, string, bool, int or json.RawMessage
}

// with gives the object with one more member.
func (o object) with(name string, value any) object { return append(o, member{name, value}) }

// ref points to a component.
func ref(kind, name string) object {
	return object{{"$ref", "#/components/" + kind + "/" + name}}
}

// appendValue appends a tree as JSON, without blanks.
func appendValue(dst []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case object:
		return appendObject(dst, v)
	case []any:
		return appendList(dst, v)
	case []string:
		return appendList(dst, v)
	case string:
		return jsontext.AppendQuote(dst, v)
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case json.RawMessage:
		return append(dst, v...), nil
	}
	return nil, fmt.Errorf("%T has no place in a document", value)
}

func appendObject(dst []byte, o object) ([]byte, error) {
	var err error
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = jsontext.AppendQuote(dst, m.name); err != nil {
			return nil, fmt.Errorf("member %q: %w", m.name, err)
		}
		if dst, err = appendValue(append(dst, ':'), m.value); err != nil {
			return nil, fmt.Errorf("member %q: %w", m.name, err)
		}
	}
	return append(dst, '}'), nil
}

func appendList[T any](dst []byte, items []T) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, item); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}
