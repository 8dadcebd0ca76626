package surreal

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// appendJSON appends valid JSON text as what it says. Numbers that are an int64
// are ints; others are decimals where one has all their digits, else floats.
func appendJSON(dst []byte, text string) []byte {
	d := jsontext.NewDecoder(strings.NewReader(text))
	return appendToken(dst, d)
}

func appendToken(dst []byte, d *jsontext.Decoder) []byte {
	token, err := d.ReadToken()
	if err != nil {
		return wire.AppendNull(dst) // it was judged when it came in
	}
	switch token.Kind() {
	case 'n':
		return wire.AppendNull(dst)
	case 't', 'f':
		return wire.AppendBool(dst, token.Bool())
	case '"':
		return wire.AppendString(dst, token.String())
	case '0':
		return appendNumber(dst, token.String())
	case '[':
		return appendItems(dst, d, wire.AppendArray, ']', 1)
	}
	return appendItems(dst, d, wire.AppendMap, '}', 2)
}

// appendItems appends what stands in an array or object, whose size comes first.
func appendItems(dst []byte, d *jsontext.Decoder, head func([]byte, int) []byte, end jsontext.Kind, each int) []byte {
	var items []byte
	n := 0
	for k := d.PeekKind(); k != end && k != 0; k = d.PeekKind() {
		items = appendToken(items, d)
		n++
	}
	_, _ = d.ReadToken() // the end, which was seen
	return append(head(dst, n/each), items...)
}

// maxDecimalDigits are what a decimal of SurrealDB holds for sure.
const maxDecimalDigits = 28

func appendNumber(dst []byte, text string) []byte {
	plain := plainNumber(text)
	if n, err := strconv.ParseInt(plain, 10, 64); err == nil {
		return wire.AppendInt(dst, n)
	}
	if plain != "" {
		return wire.AppendDecimalText(dst, plain)
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is refused before it is written
	return wire.AppendFloat(dst, f)
}

// hasHugeNumber reports JSON with a number that not even a float is large enough
// for: it would be stored as an infinity.
func hasHugeNumber(text string) bool {
	if len(text) < len("1e309") || len(text) <= maxFloatDigits && !strings.ContainsAny(text, "eE") {
		return false
	}
	d := jsontext.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return false
		}
		if token.Kind() != '0' {
			continue
		}
		if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
			return true
		}
	}
}

// maxFloatDigits are what the whole part of a float never exceeds.
const maxFloatDigits = 308

// plainNumber is a JSON number without exponent and without zeros that do not
// count, so that equal numbers are stored as equal ones; "" where it has more
// digits than a decimal holds for sure.
func plainNumber(text string) string {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		if err != nil {
			return ""
		}
		mantissa, exponent = text[:i], n
	}
	unsigned, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	digits := whole + fraction
	point := len(whole) + exponent
	trimmed := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(trimmed)
	digits = strings.TrimRight(trimmed, "0")
	if digits == "" {
		return "0"
	}
	if max(point, len(digits))-min(point, 0) > maxDecimalDigits {
		return ""
	}
	switch {
	case point <= 0:
		digits = "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		digits += strings.Repeat("0", point-len(digits))
	default:
		digits = digits[:point] + "." + digits[point:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// copyJSON appends the next value as JSON text.
func copyJSON(dst []byte, r *wire.Reader) []byte {
	switch r.Kind() {
	case wire.Bool:
		return strconv.AppendBool(dst, r.Bool())
	case wire.Int:
		return strconv.AppendInt(dst, r.Int(), 10)
	case wire.Float:
		return appendFloat(dst, r.Float())
	case wire.Decimal:
		return append(dst, r.Decimal()...)
	case wire.String:
		return appendQuoted(dst, r.String())
	case wire.Datetime:
		seconds, nanos := r.Datetime()
		return query.AppendJSON(dst, query.Timestamp(seconds*1e6+nanos/1000))
	case wire.UUID:
		return query.AppendJSON(dst, query.UUID(uuidText(r.UUID())))
	case wire.Record:
		r.Record()
		return copyJSON(dst, r)
	case wire.Array:
		dst = append(dst, '[')
		for i := range r.Array() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = copyJSON(dst, r)
		}
		return append(dst, ']')
	case wire.Map:
		dst = append(dst, '{')
		for i := range r.Map() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, r.String()), ':')
			dst = copyJSON(dst, r)
		}
		return append(dst, '}')
	}
	r.Skip()
	return append(dst, "null"...)
}

func appendQuoted(dst, s []byte) []byte { return query.AppendJSON(dst, query.Text(string(s))) }

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return query.AppendJSON(dst, query.Float(f))
}

// appendList appends a list with its items as values of their kind.
func appendList(dst []byte, v query.Value, elem query.Type) []byte {
	d := jsontext.NewDecoder(strings.NewReader(v.S))
	_, _ = d.ReadToken() // "["; a list is one
	var items []byte
	n := 0
	for d.PeekKind() != ']' && d.PeekKind() != 0 {
		raw, err := d.ReadValue()
		if err != nil {
			break
		}
		item, _ := query.DecodeJSON(elem, raw) // judged when it came in
		items = appendValue(items, item, elem, "")
		n++
	}
	return append(wire.AppendArray(dst, n), items...)
}

// readList reads an array as a list's JSON text.
func readList(r *wire.Reader, t query.Type) query.Value {
	elem := query.Type{Kind: t.Elem, Scale: t.Scale}
	out := []byte{'['}
	for i := range r.Array() {
		if i > 0 {
			out = append(out, ',')
		}
		out = query.AppendJSON(out, readValue(r, elem))
	}
	return query.List(string(append(out, ']')))
}

// appendVector appends a vector as an array of floats.
func appendVector(dst []byte, v query.Value) []byte {
	numbers := v.Vector()
	dst = wire.AppendArray(dst, len(numbers))
	for _, n := range numbers {
		dst = wire.AppendFloat(dst, float64(n))
	}
	return dst
}

func readVector(r *wire.Reader, dimensions int) query.Value {
	n := r.Array()
	numbers := make([]float32, 0, n)
	for range n {
		if r.Kind() == wire.Int {
			numbers = append(numbers, float32(r.Int()))
		} else {
			numbers = append(numbers, float32(r.Float()))
		}
	}
	if len(numbers) != dimensions {
		r.Fail(errStored(query.Type{Kind: query.KindVector, Dimensions: uint16(dimensions)}, len(numbers)))
	}
	return query.VectorOf(numbers)
}

// readDecimal reads a decimal, int or float as a decimal of the scale.
func readDecimal(r *wire.Reader, scale uint8) query.Value {
	var text []byte
	switch r.Kind() {
	case wire.Int:
		text = strconv.AppendInt(nil, r.Int(), 10)
	case wire.Float:
		text = strconv.AppendFloat(nil, r.Float(), 'f', -1, 64)
	default:
		text = slices.Clone(bytes.TrimSuffix(r.Decimal(), []byte("dec")))
	}
	v, f := query.DecodeJSON(query.Type{Kind: query.KindDecimal, Scale: scale}, text)
	if f != nil {
		r.Fail(errStored(query.Type{Kind: query.KindDecimal, Scale: scale}, string(text)))
	}
	return v
}
