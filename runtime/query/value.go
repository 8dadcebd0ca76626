package query

import "math"

// Value is one scalar, json or list value, or null. The zero Value is null.
// Values are compared and printed by the functions of this package, never by
// ==, for a decimal's scale and json's form do not count.
type Value struct {
	Kind  Kind
	Scale uint8 // decimals
	N     int64 // bool (0, 1), int, decimal (scaled), timestamp, date, float (bits)
	S     string
}

// Null is the null value.
func Null() Value { return Value{} }

// Bool is a bool.
func Bool(b bool) Value {
	v := Value{Kind: KindBool}
	if b {
		v.N = 1
	}
	return v
}

// Int is an int.
func Int(n int64) Value { return Value{Kind: KindInt, N: n} }

// Float is a float; NaN and the infinities are no values and become null, and
// zero has no sign, for engines do not keep it.
func Float(f float64) Value {
	if f == 0 {
		f = 0
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return Value{Kind: KindFloat, N: int64(math.Float64bits(f))}
}

// Decimal is n / 10^scale.
func Decimal(n int64, scale uint8) Value { return Value{Kind: KindDecimal, N: n, Scale: scale} }

// Text is a text; s is valid UTF-8 without NUL.
func Text(s string) Value { return Value{Kind: KindText, S: s} }

// UUID is a uuid; s is in the lower-case 8-4-4-4-12 form.
func UUID(s string) Value { return Value{Kind: KindUUID, S: s} }

// Timestamp is a moment, in microseconds since the epoch.
func Timestamp(micros int64) Value { return Value{Kind: KindTimestamp, N: micros} }

// Date is a calendar day, in days since the epoch.
func Date(days int64) Value { return Value{Kind: KindDate, N: days} }

// JSON is a json value; raw is valid JSON text.
func JSON(raw string) Value { return Value{Kind: KindJSON, S: raw} }

// List is a list; raw is a JSON array of one scalar kind.
func List(raw string) Value { return Value{Kind: KindList, S: raw} }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Bool is the value of a bool.
func (v Value) Bool() bool { return v.N != 0 }

// Float is the value of a float.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.N)) }

// Row is a whole row: Row[i] is the value of Table.Columns[i].
type Row []Value
