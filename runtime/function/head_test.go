package function_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function"
)

func TestHeads(t *testing.T) {
	for _, c := range []struct {
		text   string
		status int // 0 is that it is refused
		a      []string
	}{
		{`{}`, 200, nil},
		{` { "status" : 404 } `, 404, nil},
		{`{"headers":{"a":"b"}}`, 200, []string{"b"}},
		{`{"status":201,"headers":{"a":["b","c"]}}`, 201, []string{"b", "c"}},
		{`{"headers":{"a":"\u00e4"}}`, 200, []string{"ä"}},
		{`{"headers":{"a":[]}}`, 200, nil},
		{`{"status":200,"unknown":1}`, 200, nil},
		{`{"status":null}`, 200, nil},
		{`{"status":99}`, 0, nil},
		{`{"status":101}`, 0, nil},
		{`{"status":600}`, 0, nil},
		{`{"status":2000}`, 0, nil},
		{`{"status":"200"}`, 0, nil},
		{`{"status":200}x`, 0, nil},
		{`{"status":200`, 0, nil},
		{`{"headers":{"a":1}}`, 0, nil},
		{`{"headers":{"a b":"c"}}`, 0, nil},
		{`{"headers":{"a":"b\r\nc: d"}}`, 0, nil},
		{`{"headers":{"content-length":"1"}}`, 0, nil},
		{`{"headers":{"Transfer-Encoding":"chunked"}}`, 0, nil},
		{``, 0, nil},
		{`[]`, 0, nil},
	} {
		status, header, refused := function.Head([]byte(c.text))
		if refused != nil {
			status = 0
		}
		if status != c.status || !slices.Equal(header["A"], c.a) && refused == nil {
			t.Errorf("%s: got %d %v, %v", c.text, status, header, refused)
		}
	}
}

// FuzzHead: the head of an answer as guests write it.
func FuzzHead(f *testing.F) {
	f.Add([]byte(`{"status": 201, "headers": {"Content-Type": "text/plain", "Set-Cookie": ["a=1", "b=2"]}}`))
	f.Add([]byte(`{"headers": {"a": 1}}`))
	f.Add([]byte(`{"status": 1e3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		status, header, refused := function.Head(text)
		other, otherHeader, otherRefused := function.AnyHead(text)
		if (refused == nil) != (otherRefused == nil) || status != other || !maps.EqualFunc(header, otherHeader, slices.Equal) {
			t.Errorf("%q: got %d %v %v, and by the long way %d %v %v", text, status, header, refused, other, otherHeader, otherRefused)
		}
		if refused != nil {
			return
		}
		if status < 200 || status > 599 {
			t.Errorf("%q: got %d", text, status)
		}
		checkHeader(t, header)
	})
}
