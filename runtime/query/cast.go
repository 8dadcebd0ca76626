package query

import (
	"math"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// CastType is the type that a request's ::name means for a value of a type.
// numeric is exact where the value is, else a float.
func CastType(name string, from Type) (Type, *fault.Fault) {
	switch strings.ToLower(name) {
	case "text":
		return Type{Kind: KindText}, nil
	case "int", "int4", "int8", "integer", "bigint":
		return Type{Kind: KindInt}, nil
	case "float8", "double precision":
		return Type{Kind: KindFloat}, nil
	case "numeric":
		if from.Kind == KindInt || from.Kind == KindDecimal {
			return from, nil
		}
		return Type{Kind: KindFloat}, nil
	case "bool", "boolean":
		return boolType, nil
	case "json", "jsonb":
		return Type{Kind: KindJSON}, nil
	case "timestamptz":
		return Type{Kind: KindTimestamp}, nil
	case "date":
		return Type{Kind: KindDate}, nil
	case "uuid":
		return Type{Kind: KindUUID}, nil
	}
	return Type{}, fault.Newf(CodeUnknownType, "type \"%s\" does not exist", clip(name)).
		WithHint("the types are text, int, bigint, float8, numeric, bool, json, timestamptz, date and uuid")
}

// NewCast reads a value as another type. Whether each value can be read so is
// for CastValue to say.
func NewCast(e Expr, t Type) (Expr, *fault.Fault) {
	from := e.Type()
	if from == t || from.Kind == t.Kind && t.Kind != KindDecimal {
		return e, nil
	}
	if !castable(from.Kind, t.Kind) {
		return nil, noCast(from, t)
	}
	return &Cast{Operand: e, Of: t}, nil
}

func noCast(from, to Type) *fault.Fault {
	return fault.Newf(CodeNoCast, "cannot cast type %s to %s", from.WireName(), to.WireName())
}

func castable(from, to Kind) bool {
	switch to {
	case KindText:
		return from != KindVector
	case KindInt:
		return from == KindBool || isNumber(from) || from == KindJSON || from == KindText
	case KindFloat:
		return isNumber(from) || from == KindJSON || from == KindText
	case KindBool:
		return from == KindInt || from == KindJSON || from == KindText
	case KindJSON:
		return from == KindList || from == KindText
	case KindTimestamp:
		return from == KindDate || from == KindText
	case KindDate:
		return from == KindTimestamp || from == KindText
	case KindUUID:
		return from == KindText
	}
	return false
}

// CastValue reads a value as the type of a Cast, as PostgreSQL does: a text is
// read as a literal, fractions are rounded (those of floats half to even), a
// JSON null is null. Its fault is that of the one value that cannot be read.
func CastValue(v Value, of Type) (Value, *fault.Fault) {
	switch {
	case v.IsNull() || v.Kind == of.Kind:
		return v, nil
	case !castable(v.Kind, of.Kind):
		return Value{}, noCast(Type{Kind: v.Kind}, of)
	case of.Kind == KindText:
		return Text(string(AppendText(nil, v))), nil
	case v.Kind == KindText:
		return ParseLiteral(of, v.S)
	case v.Kind == KindJSON:
		return castJSON(v.S, of)
	}
	switch of.Kind {
	case KindInt:
		return castInt(v)
	case KindFloat:
		return Float(asFloat(v)), nil
	case KindBool:
		return Bool(v.N != 0), nil
	case KindJSON:
		return JSON(v.S), nil
	case KindTimestamp:
		return Timestamp(v.N * microsPerDay), nil
	}
	day, _ := floorDiv(v.N, microsPerDay)
	return Date(day), nil
}

// castInt gives the nearest whole number.
func castInt(v Value) (Value, *fault.Fault) {
	switch v.Kind {
	case KindFloat:
		f := math.RoundToEven(v.Float())
		if f < -(1<<63) || f >= 1<<63 {
			return Value{}, fault.New(CodeRange, "bigint out of range")
		}
		return Int(int64(f)), nil
	case KindDecimal:
		unit := powersOfTen[min(v.Scale, maxScale)]
		whole, rest := v.N/unit, v.N%unit
		if unit > 1 && magnitude(rest)*2 >= uint64(unit) {
			whole++
			if v.N < 0 {
				whole -= 2
			}
		}
		return Int(whole), nil
	}
	return Int(v.N), nil
}

// castJSON reads a JSON number or boolean as a scalar.
func castJSON(raw string, of Type) (Value, *fault.Fault) {
	raw = strings.TrimSpace(raw)
	rank := rankOf(raw)
	switch {
	case rank == rankNull:
		return Value{}, nil
	case rank == rankBool && of.Kind == KindBool:
		return Bool(raw == "true"), nil
	case rank == rankNumber && of.Kind == KindInt:
		n, ok := parseNumber(raw).round(0).scaled(0)
		if !ok {
			return Value{}, fault.New(CodeRange, "bigint out of range")
		}
		return Int(n), nil
	case rank == rankNumber && of.Kind == KindFloat:
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			return Value{}, fault.Newf(CodeRange, "\"%s\" is out of range for type double precision", clip(raw))
		}
		return Float(f), nil
	}
	names := [...]string{rankNull: "null", rankText: "string", rankNumber: "numeric", rankBool: "boolean", rankArray: "array", rankObject: "object"}
	return Value{}, fault.Newf(CodeJSONCast, "cannot cast jsonb %s to type %s", names[rank], of.WireName())
}
