package plan

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// Conversion is whether the values of one type are values of another.
type Conversion uint8

// The conversions.
const (
	ConvertsNone Conversion = iota // no value is
	ConvertsSome                   // each has to be looked at
	ConvertsAll
)

// conversions has what each kind becomes, where it is not none.
var conversions = map[query.Kind]map[query.Kind]Conversion{
	query.KindText: {
		query.KindBool: ConvertsSome, query.KindInt: ConvertsSome, query.KindFloat: ConvertsSome, query.KindDecimal: ConvertsSome,
		query.KindTimestamp: ConvertsSome, query.KindDate: ConvertsSome, query.KindUUID: ConvertsSome, query.KindJSON: ConvertsSome, query.KindList: ConvertsSome,
	},
	query.KindJSON: {
		query.KindText: ConvertsAll, query.KindBool: ConvertsSome, query.KindInt: ConvertsSome, query.KindFloat: ConvertsSome, query.KindDecimal: ConvertsSome,
		query.KindTimestamp: ConvertsSome, query.KindDate: ConvertsSome, query.KindUUID: ConvertsSome, query.KindList: ConvertsSome,
	},
	query.KindBool:      {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindInt: ConvertsAll},
	query.KindInt:       {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindBool: ConvertsSome, query.KindFloat: ConvertsSome, query.KindDecimal: ConvertsSome},
	query.KindFloat:     {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindInt: ConvertsSome, query.KindDecimal: ConvertsSome},
	query.KindDecimal:   {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindInt: ConvertsSome, query.KindFloat: ConvertsSome, query.KindDecimal: ConvertsSome},
	query.KindTimestamp: {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindDate: ConvertsSome},
	query.KindDate:      {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindTimestamp: ConvertsAll},
	query.KindUUID:      {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll},
	query.KindList:      {query.KindText: ConvertsAll, query.KindJSON: ConvertsAll, query.KindList: ConvertsSome},
}

// Converts tells whether the values of a type are values of another.
func Converts(from, to query.Type) Conversion {
	if from == to {
		return ConvertsAll
	}
	return conversions[from.Kind][to.Kind]
}

// Convert gives a value of one type as the value of another that says the same:
// what would lose digits, places, a time of day or a part is not converted.
// Texts are read as a filter's literals are, json as its text.
func Convert(v query.Value, from, to query.Type) (query.Value, bool) {
	switch {
	case v.IsNull(), from == to:
		return v, true
	case Converts(from, to) == ConvertsNone:
		return query.Value{}, false
	case to.Kind == query.KindText:
		return query.Text(string(query.AppendText(nil, v))), true
	case to.Kind == query.KindJSON && from.Kind != query.KindText:
		return query.JSON(string(query.AppendJSON(nil, v))), true
	}
	switch from.Kind {
	case query.KindText:
		return fromText(v.S, to)
	case query.KindJSON, query.KindList:
		return fromJSON(v.S, to)
	case query.KindBool:
		return query.Int(v.N), true
	case query.KindTimestamp:
		return query.Date(v.N / microsPerDay), v.N%microsPerDay == 0
	case query.KindDate:
		return query.Timestamp(v.N * microsPerDay), true
	}
	return fromNumber(v, to)
}

const microsPerDay = 24 * 60 * 60 * 1_000_000

// fromText reads a text, and refuses what reading would cut.
func fromText(text string, to query.Type) (query.Value, bool) {
	v, f := query.ParseLiteral(to, text)
	if f != nil {
		return query.Value{}, false
	}
	switch to.Kind {
	case query.KindDecimal:
		return rescale(v, to.Scale)
	case query.KindFloat:
		return v, sameNumber(strings.TrimSpace(text), string(query.AppendText(nil, v)), v.Float())
	case query.KindTimestamp:
		return v, !finerThanMicros(text)
	case query.KindDate:
		if string(query.AppendText(nil, v)) == strings.TrimSpace(text) {
			return v, true
		}
		at, ok := fromText(text, query.Type{Kind: query.KindTimestamp})
		if !ok {
			return query.Value{}, false
		}
		return Convert(at, query.Type{Kind: query.KindTimestamp}, to)
	}
	return v, true
}

// sameNumber reports whether a text and the shortest text of the float that it
// was read as are the same number.
func sameNumber(text, shortest string, f float64) bool {
	if text == shortest {
		return true
	}
	if f == 0 { // its exponent may be anything
		mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
		return !strings.ContainsAny(mantissa, "123456789")
	}
	x, okX := new(big.Rat).SetString(text)
	y, okY := new(big.Rat).SetString(shortest)
	return okX && okY && x.Cmp(y) == 0
}

// finerThanMicros reports a time with more places than a timestamp keeps.
func finerThanMicros(text string) bool {
	_, fraction, found := strings.Cut(text, ".")
	if !found {
		return false
	}
	end := strings.IndexFunc(fraction, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(fraction)
	}
	return end > 6 && strings.Trim(fraction[6:end], "0") != ""
}

// fromJSON reads one JSON value; null is null, a string is what its text is.
func fromJSON(raw string, to query.Type) (query.Value, bool) {
	raw = strings.TrimSpace(raw)
	switch {
	case raw == "null":
		return query.Null(), true
	case strings.HasPrefix(raw, "["):
		return fromArray(raw, to)
	case strings.HasPrefix(raw, `"`):
		var text string
		if json.Unmarshal([]byte(raw), &text) != nil {
			return query.Value{}, false
		}
		if to.Kind == query.KindText {
			return query.Text(text), true
		}
		if to.Kind == query.KindList {
			return query.Value{}, false
		}
		return fromText(text, to)
	case to.Kind == query.KindText:
		return query.Text(raw), true
	}
	isBool := raw == "true" || raw == "false"
	if isBool != (to.Kind == query.KindBool) || !slices.Contains(plainJSON, to.Kind) {
		return query.Value{}, false
	}
	return fromText(raw, to)
}

// plainJSON are the kinds that JSON writes without quotes.
var plainJSON = []query.Kind{query.KindBool, query.KindInt, query.KindFloat, query.KindDecimal}

func fromArray(raw string, to query.Type) (query.Value, bool) {
	var items []json.RawMessage
	if to.Kind != query.KindList || json.Unmarshal([]byte(raw), &items) != nil {
		return query.Value{}, false
	}
	out := []byte{'['}
	for i, item := range items {
		v, ok := fromJSON(string(item), query.Type{Kind: to.Elem, Scale: to.Scale})
		if !ok || v.IsNull() {
			return query.Value{}, false
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = query.AppendJSON(out, v)
	}
	return query.List(string(append(out, ']'))), true
}

// fromNumber converts an int, a float or a decimal.
func fromNumber(v query.Value, to query.Type) (query.Value, bool) {
	switch {
	case to.Kind == query.KindBool:
		return query.Bool(v.N == 1), v.N == 0 || v.N == 1
	case v.Kind == query.KindInt && to.Kind == query.KindFloat:
		f := float64(v.N)
		return query.Float(f), math.Abs(f) < 1<<63 && int64(f) == v.N
	case v.Kind == query.KindFloat && to.Kind == query.KindInt:
		f := v.Float()
		if math.Trunc(f) != f || math.Abs(f) >= 1<<63 {
			return query.Value{}, false
		}
		return query.Int(int64(f)), true
	case v.Kind == query.KindFloat:
		return fromText(string(query.AppendText(nil, v)), to)
	}
	if v.Kind == query.KindInt {
		v = query.Decimal(v.N, 0)
	}
	switch to.Kind {
	case query.KindDecimal:
		return rescale(v, to.Scale)
	case query.KindInt:
		whole, ok := rescale(v, 0)
		return query.Int(whole.N), ok
	}
	f, err := strconv.ParseFloat(string(query.AppendText(nil, v)), 64)
	if err != nil {
		return query.Value{}, false
	}
	back, ok := fromText(string(query.AppendText(nil, query.Float(f))), query.Type{Kind: query.KindDecimal, Scale: v.Scale})
	return query.Float(f), ok && back.N == v.N
}

// rescale gives a decimal the places of a type.
func rescale(v query.Value, scale uint8) (query.Value, bool) {
	n := v.N
	for at := v.Scale; at < scale; at++ {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return query.Value{}, false
		}
		n *= 10
	}
	for at := v.Scale; at > scale; at-- {
		if n%10 != 0 {
			return query.Value{}, false
		}
		n /= 10
	}
	return query.Decimal(n, scale), true
}
