package wire

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pair is a name and a value of an object, in order.
type pair struct {
	name  string
	value any
}

type (
	none     struct{}
	decimal  string
	datetime struct{ micros int64 }
	uuid     [16]byte
	table    string
	record   struct {
		table string
		key   any
	}
)

func (u uuid) text() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// appendAny appends a value of these types.
func appendAny(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return AppendNull(dst)
	case none:
		return AppendNone(dst)
	case bool:
		return AppendBool(dst, v)
	case int64:
		return AppendInt(dst, v)
	case float64:
		return AppendFloat(dst, v)
	case string:
		return AppendString(dst, v)
	case []byte:
		return AppendBytes(dst, v)
	case decimal:
		return AppendDecimalText(dst, string(v))
	case datetime:
		return AppendDatetime(dst, v.micros)
	case uuid:
		return AppendUUID(dst, v.text())
	case table:
		return AppendTable(dst, string(v))
	case record:
		return appendAny(AppendRecord(dst, v.table), v.key)
	case []any:
		dst = AppendArray(dst, len(v))
		for _, item := range v {
			dst = appendAny(dst, item)
		}
		return dst
	case []pair:
		dst = AppendMap(dst, len(v))
		for _, p := range v {
			dst = appendAny(AppendString(dst, p.name), p.value)
		}
		return dst
	}
	panic("no such value")
}

// readAny reads the next value by its kind.
func readAny(r *Reader, depth int) any {
	if depth > maxDepth {
		r.malformed("too deep a value")
		return nil
	}
	switch r.Kind() {
	case None:
		r.Skip()
		return none{}
	case Null:
		r.Skip()
		return nil
	case Bool:
		return r.Bool()
	case Int:
		return r.Int()
	case Float:
		return r.Float()
	case String:
		return string(r.String())
	case Bytes:
		return bytes.Clone(r.Bytes())
	case Decimal:
		return decimal(r.Decimal())
	case Datetime:
		seconds, nanos := r.Datetime()
		return datetime{seconds*1e6 + nanos/1000}
	case UUID:
		return uuid(r.UUID())
	case Table:
		r.Tag()
		return table(r.String())
	case Record:
		name := string(r.Record())
		return record{name, readAny(r, depth+1)}
	case Array:
		n := r.Array()
		list := []any{}
		for i := 0; i < n && r.Err() == nil; i++ {
			list = append(list, readAny(r, depth+1))
		}
		return list
	case Map:
		n := r.Map()
		list := []pair{}
		for i := 0; i < n && r.Err() == nil; i++ {
			name := string(r.String())
			list = append(list, pair{name, readAny(r, depth+1)})
		}
		return list
	}
	r.Skip()
	return nil
}

func values(depth int) *rapid.Generator[any] {
	boxed := rapid.Map[string, any]
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Just[any](none{}),
		rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 1, 300).AsAny(),
		boxed(rapid.StringMatching(`-?[0-9]{1,28}(\.[0-9]{1,9})?`), func(s string) any { return decimal(s) }),
		rapid.Map(rapid.Int64Range(-62135596800e6, 253402300799e6), func(n int64) any { return datetime{n} }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) any { return uuid(b) }),
		boxed(rapid.String(), func(s string) any { return table(s) }),
	}
	if depth > 0 {
		inner := values(depth - 1)
		kinds = append(
			kinds,
			rapid.Map(rapid.SliceOfN(inner, 0, 40), func(list []any) any { return append([]any{}, list...) }),
			rapid.Custom(func(t *rapid.T) any {
				list := []pair{}
				for range rapid.IntRange(0, 30).Draw(t, "size") {
					list = append(list, pair{rapid.String().Draw(t, "name"), inner.Draw(t, "value")})
				}
				return list
			}),
			rapid.Custom(func(t *rapid.T) any {
				return record{rapid.String().Draw(t, "table"), inner.Draw(t, "key")}
			}),
		)
	}
	return rapid.OneOf(kinds...)
}

// text tells values apart, floats by their bits.
func text(v any) string {
	switch v := v.(type) {
	case float64:
		return "float " + strconv.FormatUint(math.Float64bits(v), 16)
	case []any:
		var b strings.Builder
		for _, item := range v {
			b.WriteString(text(item) + ", ")
		}
		return "[" + b.String() + "]"
	case []pair:
		var b strings.Builder
		for _, p := range v {
			fmt.Fprintf(&b, "%q: %s, ", p.name, text(p.value))
		}
		return "{" + b.String() + "}"
	case record:
		return fmt.Sprintf("record %q:%s", v.table, text(v.key))
	}
	return fmt.Sprintf("%T %#v", v, v)
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(2).Draw(t, "value")
		b := appendAny(nil, v)
		r := NewReader(b)
		if got := readAny(r, 0); r.Err() != nil || text(got) != text(v) || r.More() {
			t.Fatalf("wrote %s as %x, read %s, %v", text(v), b, text(got), r.Err())
		}
		r = NewReader(append(bytes.Clone(b), 0x18, 0x63))
		if raw := r.Raw(); !bytes.Equal(raw, b) || r.Int() != 99 {
			t.Fatalf("the raw bytes of %x are %x", b, raw)
		}
		// Cut short it is malformed wherever it is cut.
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); true {
			r := NewReader(b[:cut])
			readAny(r, 0)
			s := NewReader(b[:cut])
			s.Skip()
			if s.Err() == nil {
				t.Fatalf("the first %d bytes of %x are a value", cut, b)
			}
			if cut > 0 && r.Err() == nil {
				t.Fatalf("the first %d bytes of %x can be read", cut, b)
			}
		}
	})
}

func TestDecimalText(t *testing.T) {
	for _, test := range []struct {
		n     int64
		scale uint8
		want  string
	}{
		{0, 0, "0"},
		{0, 2, "0.00"},
		{5, 2, "0.05"},
		{-5, 2, "-0.05"},
		{123, 2, "1.23"},
		{-123, 3, "-0.123"},
		{math.MinInt64, 4, "-922337203685477.5808"},
		{math.MaxInt64, 18, "9.223372036854775807"},
		{-7, 0, "-7"},
	} {
		if got := NewReader(AppendDecimal(nil, test.n, test.scale)).Decimal(); string(got) != test.want {
			t.Errorf("%d / 10^%d is %s, want %s", test.n, test.scale, got, test.want)
		}
	}
}

func TestReaderRefusesOtherKinds(t *testing.T) {
	for name, read := range map[string]func(*Reader){
		"bool":     func(r *Reader) { r.Bool() },
		"float":    func(r *Reader) { r.Float() },
		"text":     func(r *Reader) { r.String() },
		"bytes":    func(r *Reader) { r.Bytes() },
		"array":    func(r *Reader) { r.Array() },
		"object":   func(r *Reader) { r.Map() },
		"uuid":     func(r *Reader) { r.UUID() },
		"datetime": func(r *Reader) { r.Datetime() },
		"decimal":  func(r *Reader) { r.Decimal() },
		"record":   func(r *Reader) { r.Record() },
	} {
		for _, b := range [][]byte{{}, {20}, {21}, {0x18, 20}, AppendNone(nil), AppendNull(nil), AppendTable(nil, "t")} {
			r := NewReader(b)
			if read(r); r.Err() == nil {
				t.Errorf("%x was read as a %s", b, name)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, v := range []any{
		nil,
		none{},
		true, int64(-5), 1.5, "text",
		[]byte{1},
		decimal("1.5"),
		datetime{1},
		uuid{},
		table("t"),
		record{"t", int64(1)},
		[]any{int64(1), []any{}},
		[]pair{{"a", none{}}},
	} {
		f.Add(appendAny(nil, v))
	}
	f.Add([]byte{0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{0x81}, 1000))
	f.Add(bytes.Repeat([]byte{0xc6}, 1000))
	f.Add([]byte{0x9f, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		for r.More() {
			from := r.at
			readAny(r, 0)
			if r.Err() == nil && r.at <= from {
				t.Fatalf("nothing was read at %d of %x", from, b)
			}
		}
		s := NewReader(b)
		total := 0
		for s.More() {
			total += len(s.Raw())
		}
		if total > len(b) || r.at > len(b) || s.at > len(b) {
			t.Fatalf("%x: read beyond the end", b)
		}
	})
}
